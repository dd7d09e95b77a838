//! Events on the way from sample to target, with their causes: for log, progress line, trace, metrics and replay.

use core::time::Duration;

use crate::estimate::{Round, Trust};
use crate::target::{Action, Target};
use crate::time::Timestamp;

/// Why a decision was taken. The law's causes first, then the guard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The law only observes.
    Observing,
    /// The first round carries no dirty data: nothing can be decided yet.
    FirstRound,
    /// One more round still pays: the remaining memory falls by more than the round costs.
    Falling,
    /// The remaining memory no longer falls, but it may fall again: waiting costs less than it may save.
    Waiting,
    /// The remaining memory is far below its usual amount, and the quiet phase is likely to last one more round.
    Quiet,
    /// The remaining memory is at most the reservation value: going on is worth no more.
    Reservation,
    /// Waiting has cost as much as the whole pause. So no more than twice the optimum is ever paid (ski rental).
    Patience,
    /// The remaining memory is below the cost of the shortest round: no further round can pay.
    Floor,
    /// The pause would be longer than the policy allows.
    Ceiling,
    /// The deadline has come; the policy gives the action.
    Deadline,
    /// The user's own order: a timeout or post-copy given at the start.
    Order,
    /// A step of a law that follows a clock or counts rounds.
    Schedule,
}

impl Cause {
    /// Whether the law wants the guest to stop now.
    #[must_use]
    pub const fn stops(self) -> bool {
        matches!(self, Self::Reservation | Self::Patience | Self::Floor)
    }
}

/// How control of a migration ended, or why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The job is over, or the guest has moved: there is nothing to decide.
    Terminal,
    /// Somebody else changed the downtime or speed limit, which counts from now on.
    ExternalChange {
        /// The downtime limit found, milliseconds.
        downtime_ms: u64,
        /// The speed limit found, MiB/s.
        speed_mib_per_s: u64,
    },
    /// The final action was taken (abort, post-copy, suspend); libvirt does the rest.
    Acted(Action),
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Memory flows: control begins.
    Begun,
    /// A sync was seen, and with it an exact value of the remaining memory.
    Round(Round),
    /// More data other than memory is pending than was allowed for: a device's state, or the dirty bitmap of a disk.
    DeviceState {
        /// The allowance from now on, bytes.
        bytes: u64,
    },
    /// A sync has changed the trust in the counter of page faults.
    Counter(Trust),
    /// A sync has confirmed or refuted what was known of the guest before.
    Prior(Trust),
    /// The law chose a threshold.
    Decided {
        /// The guest may stop when no more than this remains, bytes.
        threshold_bytes: u64,
        /// Why.
        cause: Cause,
    },
    /// A target that differs from the one before was sent.
    Targeted {
        /// The settings.
        target: Target,
        /// Why.
        cause: Cause,
    },
    /// libvirt refused a target, or did not answer.
    Refused(Target),
    /// No pause within the policy is in sight: the memory that remains after each round takes longer.
    Unreachable {
        /// The pause it would take, if the guest stopped now.
        pause: Duration,
        /// The longest pause the policy allows.
        ceiling: Duration,
    },
    /// Somebody else changed the downtime limit; the policy insists, and it is set again.
    Insisted {
        /// The downtime limit found, milliseconds.
        downtime_ms: u64,
        /// The speed limit found, MiB/s.
        speed_mib_per_s: u64,
    },
    /// Somebody else changed the speed limit where the policy insists on the downtime limit: that speed is an order
    /// from now on.
    SpeedOrdered {
        /// The speed limit found, MiB/s.
        speed_mib_per_s: u64,
    },
    /// Control is over.
    Released(Release),
}

/// A subscriber of events. Tests collect them, the trace writes them, [`Silent`] drops them.
pub trait Publisher {
    /// `event` happened at `at`.
    fn publish(&mut self, at: Timestamp, event: Event);
}

/// Drops every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Publisher for Silent {
    fn publish(&mut self, _: Timestamp, _: Event) {}
}
