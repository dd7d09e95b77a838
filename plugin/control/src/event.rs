//! What happened on the way from sample to target, and why: for the log, the progress line, the trace,
//! the metrics and the replay.

use core::time::Duration;

use crate::estimate::{Round, Trust};
use crate::target::{Action, Target};
use crate::time::Timestamp;

/// Why a decision was taken. The law's causes first, then the guard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The law only watches.
    Observing,
    /// The first round carries no dirty data: nothing can be decided yet.
    FirstRound,
    /// One more round still pays: what is left falls faster than the round costs.
    Falling,
    /// What is left no longer falls, but it may fall again: waiting costs less than it may save.
    Waiting,
    /// What is left has fallen far below what the guest usually leaves, and the quiet is likely to last
    /// one more round.
    Quiet,
    /// What is left is at most what another round would be worth.
    Reservation,
    /// Waiting has cost as much as the whole pause: whatever comes, more than twice the best is not paid
    /// (ski rental).
    Patience,
    /// What is left takes less than the shortest round: no further round can pay.
    Floor,
    /// The pause would be longer than the policy allows.
    Ceiling,
    /// The deadline has come, and the policy says what then.
    Deadline,
    /// The user's own order: a timeout or post-copy given at the start.
    Order,
    /// A step of a law that goes by a clock, or by a count.
    Schedule,
}

impl Cause {
    /// Whether the law means the guest to stop now, rather than to go on.
    #[must_use]
    pub const fn goes(self) -> bool {
        matches!(self, Self::Reservation | Self::Patience | Self::Floor)
    }
}

/// How control of a migration ended, or why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The job is over or the guest has stopped or gone: nothing is left to decide.
    Terminal,
    /// Somebody changed downtime or speed by hand: theirs counts.
    ByHand {
        /// The downtime limit found, milliseconds.
        downtime_ms: u64,
        /// The speed limit found, MiB/s.
        speed_mib_per_s: u64,
    },
    /// The last step was taken (abort, post-copy, suspend): the rest is libvirt's.
    Acted(Action),
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Memory flows: control begins.
    Begun,
    /// A bitmap sync was seen, and with it a true value of what is left.
    Round(Round),
    /// Something is pending beside memory, and more of it than was allowed for: the bitmap of a disk, or a device's state.
    Beside {
        /// What is allowed for from now on, bytes.
        bytes: u64,
    },
    /// A sync has judged the counter of page faults, and it is trusted otherwise than before.
    Counter(Trust),
    /// The law chose how much may be left when the guest stops.
    Decided {
        /// Accept a switchover that leaves no more than this, bytes.
        accept_bytes: u64,
        /// Why.
        cause: Cause,
    },
    /// A target that differs from the one before was sent.
    Targeted {
        /// What libvirt is told.
        target: Target,
        /// Why.
        cause: Cause,
    },
    /// libvirt refused a target, or did not answer.
    Refused(Target),
    /// No pause within the policy is in sight: what the guest leaves round after round takes longer.
    Unreachable {
        /// The pause it would take, if the guest stopped now.
        pause: Duration,
        /// The longest pause the policy allows.
        ceiling: Duration,
    },
    /// Somebody changed the downtime limit by hand; the policy says that ours counts.
    Insisted {
        /// The downtime limit found, milliseconds.
        downtime_ms: u64,
        /// The speed limit found, MiB/s.
        speed_mib_per_s: u64,
    },
    /// Somebody set another speed limit, where the policy says that the downtime limit is ours: that speed is an
    /// order from now on.
    SpeedOrdered {
        /// The speed limit found, MiB/s.
        speed_mib_per_s: u64,
    },
    /// Control is over.
    Released(Release),
}

/// Whoever listens. Tests collect; the trace writes; [`Silent`] does neither.
pub trait Publisher {
    /// `event` happened at `at`.
    fn publish(&mut self, at: Timestamp, event: Event);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Publisher for Silent {
    fn publish(&mut self, _: Timestamp, _: Event) {}
}
