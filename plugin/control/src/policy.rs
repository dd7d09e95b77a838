//! What the law may do: the owner's policy and the user's orders, resolved by the caller into one set of
//! bounds.

use core::time::Duration;

use crate::target::Action;
use crate::time::Timestamp;

/// What to do when the deadline has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Stop the guest and send what is left, however long that takes: the deadline outranks the
    /// longest pause.
    #[default]
    Switchover,
    /// Give up; the guest stays.
    Abort,
    /// Go over to post-copy. Only for a job that was started with it.
    Postcopy,
}

/// When the migration must be over with pre-copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Time of the job: as `time_elapsed` counts it at the first look, and on the monotonic clock from then on, for libvirt's
    /// is that of the wall (`virTimeMillisNow`).
    pub after: Duration,
    /// What then.
    pub then: Then,
}

/// An action the user ordered for a time, by `virsh migrate --timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// How long.
    pub after: Duration,
    /// From when: the command's start (virsh before 11.0), or none: since memory flows.
    pub from: Option<Timestamp>,
    /// What then; failures are not errors.
    pub action: Action,
}

/// The bounds of one migration. The default bounds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Never pause longer on purpose, milliseconds.
    pub downtime_max_ms: Option<u32>,
    /// What a pause of this guest takes with nothing left to send, as its users feel it, milliseconds, where the caller
    /// knows: it grows with processors and devices.
    pub pause_fixed_ms: Option<u32>,
    /// The deadline.
    pub deadline: Option<Deadline>,
    /// Never send faster while the guest runs, MiB/s.
    pub speed_max_mib_per_s: Option<u64>,
    /// That ceiling is the user's own: it is never lifted, not even for the moment in which QEMU would
    /// see the link. An owner's is meant for the time that the guest runs.
    pub speed_is_order: bool,
    /// The bandwidth of the switchover that QEMU was told (`avail-switchover-bandwidth`), bytes per
    /// second.
    pub switchover_bytes_per_s: Option<u64>,
    /// Where memory is sent as differences (XBZRLE), it is for us to say how much is remembered for it: at most so many
    /// bytes. None leaves it.
    pub cache_most_bytes: Option<u64>,
    /// The user's timer.
    pub timeout: Option<Timeout>,
    /// Limits that somebody else changes meanwhile are set again. For sites whose management sets them by
    /// a clock of its own, as nova does; otherwise such a change ends control.
    pub insists: bool,
    /// Nothing is to be done but what the user has ordered: steps that a law takes are not.
    pub observes: bool,
    /// The user's `--postcopy-after-precopy`: post-copy as soon as the first round has ended.
    pub postcopy_after_first_round: bool,
}
