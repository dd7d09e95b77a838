//! Errors of the plant.

use libvirt_hpc_control::target::Action;

/// Why the plant refuses, as libvirt would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlantError {
    /// `VIR_ERR_OPERATION_INVALID` after the end.
    #[error("cannot change the migration: no job is running")]
    NoJob,
    /// Too late for this action: the guest is stopped, or runs on the destination.
    #[error("cannot {0:?}: the switchover has begun")]
    TooLate(Action),
    /// The migration was started without `VIR_MIGRATE_POSTCOPY`.
    #[error("cannot start post-copy: the migration was started without it")]
    PostcopyDisabled,
    /// QEMU takes 1 to 2,000,000 ms.
    #[error("cannot set a downtime of {0} ms: QEMU takes 1 to 2000000 ms")]
    Downtime(u32),
    /// A scripted [`super::Fault::Refusing`].
    #[error("cannot change the migration: scripted refusal")]
    Refused,
    /// A scripted [`super::Fault::Deaf`].
    #[error("cannot read the job: scripted silence")]
    Silent,
}
