//! What is known of an active domain.

use libvirt_hpc_libvirt::event::DomainId;

use crate::clock::Moment;

/// An active domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActiveDomain {
    /// Which.
    pub(crate) id: DomainId,
    /// What its own XML says.
    pub(crate) mark: Mark,
    pub(crate) job: Job,
    /// When it was last seen not to migrate.
    pub(crate) idle_at: Option<Moment>,
}

/// What a domain is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// It does not migrate from here.
    Idle,
    /// A migration from here is under way.
    MigrationOut,
    /// libvirt did not say, or was not asked: the domain is not marked, or a thread has its migration.
    Unknown,
}

/// What a domain's own XML says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing.
    None,
    /// libvirt does not say.
    Unknown,
    /// It is marked.
    Own {
        /// What is wrong with its policy, if something is.
        problem: Option<String>,
    },
}
