//! The bandwidth of the link behind a speed ceiling.
//!
//! ```text
//!   Unseen --lift--> Lifted: 200 ms settling, 200 ms measured, 300 ms for a switchover --> Seen, for 30 s
//! ```
//! While it settles, QEMU fills the socket's buffer, and its windows overstate the link: no switchover is allowed then.

use core::time::Duration;

use crate::rate::per_second;
use crate::sample::Sample;
use crate::time::Timestamp;

/// How long the socket's buffer takes to fill, and QEMU's window of that to pass: two windows.
const SETTLING: Duration = Duration::from_millis(200);

/// How long the link is then measured: two windows.
const MEASURED: Duration = Duration::from_millis(200);

/// How long a speed ceiling is lifted: settling, measuring, and three windows in which QEMU may decide.
const LIFT: Duration = Duration::from_millis(700);

/// How long the measured bandwidth is used: a lift each so long exceeds the ceiling for a fortieth of the time.
const BELIEVED: Duration = Duration::from_secs(30);

/// The shortest time from one lift to the next, if the link was fast enough: a tenth of the time at most.
const PAUSE: Duration = Duration::from_secs(7);

/// Whether the speed ceiling hides the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing faster than the ceiling was ever seen.
    Unseen,
    /// The ceiling is lifted.
    Lifted(Lift),
    /// The bandwidth measured in the last lift, bytes per second, and when that ended.
    Seen(u64, Timestamp),
}

/// A lift under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lift {
    since: Timestamp,
    /// When it had settled, and the bytes sent by then.
    settled: Option<(Timestamp, u64)>,
    /// The bandwidth since, bytes per second.
    carries: Option<u64>,
}

impl Link {
    /// Lifts the ceiling.
    pub(super) fn lift(&mut self, now: Timestamp) {
        *self = Self::Lifted(Lift {
            since: now,
            settled: None,
            carries: None,
        });
    }

    /// Takes a sample in; ends a lift when its time is over.
    pub(super) fn follow(&mut self, sample: &Sample) {
        let Self::Lifted(lift) = self else {
            return;
        };
        let (now, sent) = (sample.at, sample.processed_bytes);
        if now.since(lift.since) >= SETTLING {
            let (from, before) = *lift.settled.get_or_insert((now, sent));
            let span = now.since(from);
            if span >= MEASURED {
                lift.carries = Some(per_second(sent.saturating_sub(before), span));
            }
        }
        if now.since(lift.since) >= LIFT {
            *self = lift
                .carries
                .map_or(Self::Unseen, |rate| Self::Seen(rate, now));
        }
    }

    pub(super) fn is_lifted(self) -> bool {
        matches!(self, Self::Lifted(_))
    }

    /// Whether it is lifted, and not measured yet.
    pub(super) fn is_settling(self) -> bool {
        matches!(self, Self::Lifted(Lift { carries: None, .. }))
    }

    /// The measured bandwidth, bytes per second, while it is used.
    pub(super) fn carries(self, now: Timestamp) -> Option<u64> {
        match self {
            Self::Unseen => None,
            Self::Lifted(lift) => lift.carries,
            Self::Seen(rate, at) => (now.since(at) < BELIEVED).then_some(rate),
        }
    }

    /// Whether the last lift was so recent that another must wait.
    pub(super) fn rests(self, now: Timestamp) -> bool {
        matches!(self, Self::Seen(_, at) if now.since(at) < PAUSE)
    }
}
