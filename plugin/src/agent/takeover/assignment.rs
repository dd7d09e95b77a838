//! What the thread of a migration is told, and how it ends.

use std::sync::Arc;

use libvirt_hpc_libvirt::Error;
use libvirt_hpc_libvirt::event::DomainId;

use crate::agent::metrics::Counters;
use crate::agent::process::config::Config;
use crate::clock::Moment;
use crate::notify::Followers;
use crate::trace::Versions;

/// The domain whose migration a thread is to take over.
#[derive(Clone)]
pub(crate) struct Assignment {
    pub(crate) id: DomainId,
    /// The configuration as it is now; a later one is for later migrations.
    pub(crate) config: Arc<Config>,
    /// A user has adopted the domain.
    pub(crate) adopted: bool,
    /// The event of the first bitmap sync has just come.
    pub(crate) early: bool,
    /// When there was last no migration of it, if that is known.
    pub(crate) idle_at: Option<Moment>,
    /// Who takes part, as far as is known: libvirt may have to start a QEMU to tell.
    pub(crate) versions: Versions,
    /// What the migration is counted by.
    pub(crate) counters: Counters,
    /// Who is told of the migration.
    pub(crate) followers: Followers,
}

/// How the thread of a migration ended.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The domain is not to be controlled.
    Unmarked,
    /// There was no migration: a save, a dump, or too late.
    NoMigration,
    /// The migration is over.
    Over,
    /// The agent leaves; the migration goes on without it.
    Left,
    /// libvirt did not answer for the domain.
    Failed(Error),
    /// The thread has panicked.
    Died,
}
