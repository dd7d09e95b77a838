//! What is known of the link behind a speed ceiling.

use core::time::Duration;

use crate::estimate::Bandwidth;
use crate::time::Timestamp;

/// How long a speed ceiling is lifted to let QEMU see the link: five of its windows.
const LIFT: Duration = Duration::from_millis(500);

/// Whether the speed ceiling hides the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing faster than the ceiling was ever seen.
    Unseen,
    /// The ceiling is lifted since then.
    Lifted(Timestamp),
    /// It was lifted, and this is what the link carried, bytes per second.
    Seen(u64),
}

impl Link {
    /// Ends a lift when its time is over, with what it showed.
    pub(super) fn follow(&mut self, now: Timestamp, bandwidth: &Bandwidth) {
        if let Self::Lifted(since) = *self
            && now.since(since) >= LIFT
        {
            *self = Self::Seen(bandwidth.middle_window());
        }
    }

    pub(super) fn is_lifted(self) -> bool {
        matches!(self, Self::Lifted(_))
    }

    /// What the switchover will run at. A ceiling that hides the link counts as the link: the pause is
    /// then shorter than reckoned, never longer.
    pub(super) fn switchover_bytes_per_s(self, bandwidth: &Bandwidth) -> u64 {
        match self {
            Self::Seen(bytes_per_s) => bytes_per_s,
            Self::Unseen | Self::Lifted(_) => bandwidth.lowest_window(),
        }
    }
}
