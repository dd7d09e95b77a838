//! What is known of the link behind a speed ceiling.
//!
//! ```text
//!   Unseen --lift--> Lifted: 200 ms settling, 200 ms measured, 300 ms in which the guest may go --> Seen, for 30 s
//! ```
//! While it settles, QEMU fills the socket's buffer, and its windows say more than the link carries: nothing may go then.

use core::time::Duration;

use crate::rate::per_second;
use crate::sample::Sample;
use crate::time::Timestamp;

/// How long the socket's buffer takes to fill, and QEMU's window of that to be over: two windows.
const SETTLING: Duration = Duration::from_millis(200);

/// How long the link is then measured: two windows.
const MEASURED: Duration = Duration::from_millis(200);

/// How long a speed ceiling is lifted: settling, measuring, and three windows in which QEMU may decide.
const LIFT: Duration = Duration::from_millis(700);

/// For how long what was seen is believed: a lift each so long exceeds the ceiling for a fortieth of the time.
const BELIEVED: Duration = Duration::from_secs(30);

/// The least time from one lift to the next, where the link was seen to be fast enough: a tenth of the time at most.
const PAUSE: Duration = Duration::from_secs(7);

/// Whether the speed ceiling hides the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing faster than the ceiling was ever seen.
    Unseen,
    /// The ceiling is lifted.
    Lifted(Lift),
    /// It was lifted, and this is what the link carried, bytes per second, until then.
    Seen(u64, Timestamp),
}

/// A lift under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lift {
    since: Timestamp,
    /// When it had settled, and what was sent by then.
    settled: Option<(Timestamp, u64)>,
    /// What the link has carried since, bytes per second.
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

    /// Takes a look in; ends a lift when its time is over.
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

    /// What it was seen to carry, bytes per second, while that is believed.
    pub(super) fn carries(self, now: Timestamp) -> Option<u64> {
        match self {
            Self::Unseen => None,
            Self::Lifted(lift) => lift.carries,
            Self::Seen(rate, at) => (now.since(at) < BELIEVED).then_some(rate),
        }
    }

    /// Whether it was lifted so lately that it has to stay as it is.
    pub(super) fn rests(self, now: Timestamp) -> bool {
        matches!(self, Self::Seen(_, at) if now.since(at) < PAUSE)
    }
}
