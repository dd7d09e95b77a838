//! One round, in the terms in which laws reckon: bytes that the link could send.

use core::time::Duration;

use crate::estimate::Round;
pub(super) use crate::rate::{in_span, scale};

/// The shortest round: QEMU reckons its threshold anew every 100 ms (`BUFFER_DELAY`,
/// `migration/migration.c`), so that a round costs at least that.
pub(super) const ROUND_MIN: Duration = Duration::from_millis(100);

/// One round, as the law sees it. Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// R.
    pub(super) remaining: u64,
    /// What was dirtied in the round, as far as it shows: R without what the round did not get to send.
    pub(super) fresh: u64,
    /// What the link could have sent in the time of the round.
    pub(super) span: u64,
    /// What the next round leaves, if it goes on like that. The working-set curve is concave, so that
    /// dirtying in proportion to time is the least of a shorter round.
    pub(super) next: u64,
    /// What the shortest round could send.
    pub(super) shortest: u64,
}

impl Look {
    pub(super) fn new(round: &Round, before: Option<&Round>, bytes_per_s: u64) -> Self {
        let remaining = round.remaining_bytes;
        let fresh = remaining.saturating_sub(round.unsent_bytes);
        // A round of dirty pages shows what the link carries; the first one sends zero pages, and so may others.
        let rate = match before {
            Some(_) if round.syncs == 1 && !round.sent_zero_pages() => round.bytes_per_s(),
            _ => bytes_per_s,
        };
        let span = in_span(rate, round.duration).max(1);
        // Where syncs were missed, the time of one round is the part that one has of them.
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

/// All of it: what c is of memory that is sent whole, parts per million.
pub(super) const WHOLE_PPM: u64 = 1_000_000;

/// `bytes`, and so much per cent more.
pub(super) fn with_margin(bytes: u64, percent: u64) -> u64 {
    scale(bytes, 100 + percent, 100)
}
