//! One round in the unit of the law: bytes that the link could send.

use core::time::Duration;

use crate::estimate::Round;
pub(super) use crate::rate::{in_span, scale};

/// The shortest round: QEMU computes its threshold anew every 100 ms (`BUFFER_DELAY`, `migration/migration.c`), so a
/// round takes at least that.
pub(super) const ROUND_MIN: Duration = Duration::from_millis(100);

/// One round as the law sees it, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    /// R.
    pub(super) remaining: u64,
    /// Pages certainly dirtied in the round: R without those that the round did not get to send.
    pub(super) fresh: u64,
    /// Bytes that the link could have sent in the time of the round.
    pub(super) span: u64,
    /// The remainder of the next round, if the guest goes on like that. The working-set curve is concave, so a shorter
    /// round dirties at least in proportion to its time.
    pub(super) next: u64,
    /// Bytes that the shortest round could send.
    pub(super) shortest: u64,
}

impl Observed {
    pub(super) fn new(round: &Round, before: Option<&Round>, bytes_per_s: u64) -> Self {
        let remaining = round.remaining_bytes;
        let fresh = remaining.saturating_sub(round.unsent_bytes);
        // A round of dirty pages shows the bandwidth of the link; the first one sends zero pages, and others may.
        let rate = match before {
            Some(_) if round.syncs == 1 && !round.sent_zero_pages() => round.bytes_per_s(),
            _ => bytes_per_s,
        };
        let span = in_span(rate, round.duration).max(1);
        // If syncs were missed, one round took its share of the time.
        let one = (span / round.syncs.max(1)).max(1);
        let next = scale(fresh, remaining, one).min(remaining);
        Self {
            remaining,
            fresh,
            span,
            next,
            shortest: in_span(bytes_per_s, ROUND_MIN),
        }
    }
}

/// The whole: the value of c for memory that is sent whole, parts per million.
pub(super) const WHOLE_PPM: u64 = 1_000_000;

/// `bytes` and a margin in per cent.
pub(super) fn with_margin(bytes: u64, percent: u64) -> u64 {
    scale(bytes, 100 + percent, 100)
}
