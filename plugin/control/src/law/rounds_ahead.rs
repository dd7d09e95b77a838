//! The remainders of future rounds, if W(x) is known: the bytes that the guest writes within any span, as they are
//! counted or were seen before.
//!
//! ```text
//!   R  --R/B-->  W(R/B) = R1  --R1/B-->  W(R1/B) = R2  --> ...
//!   stop now: R    one round: delta R + R1    two: delta (R + R1) + R2    ...
//! ```
//! Going on is worth the least of these sums: a falling guest is followed to its knee, and a flat one not at all. All
//! in bytes of pause.

use super::View;
use super::observed::{Observed, WHOLE_PPM, scale};
use super::slowdown::Slowdown;
use crate::rate::span_of;

/// The number of rounds considered: if R halves each time, nothing is left to fall after so many.
const AHEAD: usize = 16;

/// The cost of the best of the future rounds, including all before it; none if W is not known.
pub(super) fn going_on(seen: &Observed, view: &View, slowdown: Slowdown) -> Option<u64> {
    let mut best: Option<u64> = None;
    let (mut remaining, mut spent) = (seen.remaining, 0_u64);
    for _ in 0..AHEAD {
        let round = remaining.max(seen.shortest);
        let Some(next) = written_within(round, view) else {
            break;
        };
        spent = spent.saturating_add(slowdown.of(round));
        let cost = spent.saturating_add(next);
        best = Some(best.map_or(cost, |best| best.min(cost)));
        remaining = next;
    }
    best
}

/// W of the time to send `bytes`, in bytes on the wire.
fn written_within(bytes: u64, view: &View) -> Option<u64> {
    let span = span_of(bytes, view.bytes_per_s);
    let counted = view.writes.written_within_bytes(span);
    let written = counted.or_else(|| view.prior.written_within_bytes(span))?;
    Some(match view.sent_ppm {
        0 => written,
        sent_ppm => scale(written, sent_ppm, WHOLE_PPM),
    })
}

#[cfg(test)]
mod tests {
    use super::super::counted::Counted;
    use super::*;

    const MB: u64 = 1_000_000;
    const LINK: u64 = 100 * MB;

    /// The view of a guest that was followed through a round of 10 s.
    fn view(written: fn(u64) -> u64) -> View {
        View {
            bytes_per_s: LINK,
            writes: Counted::new().round(10_000, written),
            ..View::default()
        }
    }

    fn seen(remaining: u64) -> Observed {
        Observed {
            remaining,
            fresh: 0,
            span: 0,
            next: 0,
            shortest: LINK / 10,
        }
    }

    /// The least cost of going on, MB.
    fn best(view: &View, remaining_mb: u64) -> Option<u64> {
        let best = going_on(&seen(remaining_mb * MB), view, Slowdown::DEFAULT)?;
        Some((best + MB / 2) / MB)
    }

    /// 130 MB within 100 ms.
    fn flat(age_ms: u64) -> u64 {
        (age_ms * 1300 * MB / 1000).min(130 * MB)
    }

    #[test]
    fn another_round_of_a_flat_guest_costs_more_than_stopping() {
        assert_eq!(best(&view(flat), 130), Some(130 + 13));
    }

    /// 200, 100, 50, 25, 12.5 and 6.3 MB; the shortest round leaves 5, and costs 1.
    #[test]
    fn a_falling_guest_is_followed_to_the_floor() {
        let swept = |age_ms| age_ms * 50 * MB / 1000;
        assert_eq!(best(&view(swept), 200), Some(39 + 1 + 5));
    }

    /// A working set of 20 MB, and 10 MB/s written elsewhere: 200, 40, 24 and 22.4 MB, each for a tenth of the one
    /// before.
    #[test]
    fn a_guest_that_falls_to_a_knee_is_followed_to_it() {
        let kneed = |age_ms: u64| (age_ms * 400 * MB / 1000).min(20 * MB) + age_ms * 10 * MB / 1000;
        assert_eq!(best(&view(kneed), 200), Some(20 + 4 + 24));
        assert_eq!(best(&view(kneed), 40), Some(4 + 24));
        assert_eq!(best(&view(kneed), 24), Some(25), "no less");
    }

    /// Even a remainder that takes no time to send takes a round.
    #[test]
    fn a_round_is_never_shorter_than_the_shortest() {
        let shortest = best(&view(flat), 10);
        assert!(shortest.is_some());
        assert_eq!(best(&view(flat), 0), shortest);
    }

    #[test]
    fn without_write_counts_the_cost_is_unknown() {
        let unknown = View {
            writes: Counted::new().at(100, None),
            ..view(flat)
        };
        assert_eq!(best(&unknown, 130), None);
        assert_eq!(best(&view(flat), 1300), None, "no round was so long");
    }

    /// Only the known rounds count: for 950 MB W(x) reaches to 5.7 s, and says nothing of the 1.1 GB after them.
    #[test]
    fn rounds_beyond_the_known_curve_are_left_out() {
        let rising = |age_ms| age_ms * 200 * MB / 1000;
        assert_eq!(best(&view(rising), 500), Some(1050));
    }

    #[test]
    fn under_xbzrle_a_share_of_the_writes_remains() {
        let half = View {
            sent_ppm: 500_000,
            ..view(flat)
        };
        assert_eq!(best(&half, 130), Some(13 + 65));
    }

    #[test]
    fn nothing_overflows() {
        let whole = Slowdown::from_ppm(WHOLE_PPM);
        for bytes_per_s in [0, 1, u64::MAX] {
            let view = View {
                bytes_per_s,
                sent_ppm: u64::MAX,
                ..view(flat)
            };
            let best = |remaining| going_on(&seen(remaining), &view, whole);
            let fast = bytes_per_s == u64::MAX;
            for remaining in [1 << 63, u64::MAX] {
                assert_eq!(best(remaining), fast.then_some(u64::MAX));
            }
        }
    }
}
