//! How the agent and its migrations are at a moment.

use std::path::PathBuf;

use libvirt_hpc_libvirt::event::DomainId;

use crate::agent::api::MigrationStatus;

/// It.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Where the file is to be; none if there is to be none.
    pub(crate) directory: Option<PathBuf>,
    /// libvirt answers.
    pub(crate) libvirt_up: bool,
    /// Every migration that has a thread.
    pub(crate) migrations: Vec<(DomainId, MigrationStatus)>,
}
