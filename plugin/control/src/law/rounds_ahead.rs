//! What the rounds to come leave, where it is known how much the guest writes within any span: W(x).
//!
//! ```text
//!   R  --R/B-->  W(R/B) = R1  --R1/B-->  W(R1/B) = R2  --> ...
//!   go now: R    one round: delta R + R1    two: delta (R + R1) + R2    ...
//! ```
//! The least of these sums is what going on is worth: a guest that falls is followed to its knee, and one that is flat not at
//! all. All in bytes of pause.

use super::View;
use super::look::{Look, WHOLE_PPM, scale};
use super::slowdown::Slowdown;
use crate::rate::span_of;

/// How many rounds are looked ahead: one that leaves half as much each time has by then nothing left to fall.
const AHEAD: usize = 16;

/// What the best of the rounds to come costs from what `look` finds left on, all before it included; none where W is not known.
pub(super) fn going_on(look: &Look, view: &View, slowdown: Slowdown) -> Option<u64> {
    let mut best: Option<u64> = None;
    let (mut left, mut spent) = (look.remaining, 0_u64);
    for _ in 0..AHEAD {
        let round = left.max(look.shortest);
        let Some(next) = written_within(round, view) else {
            break;
        };
        spent = spent.saturating_add(slowdown.of(round));
        let cost = spent.saturating_add(next);
        best = Some(best.map_or(cost, |best| best.min(cost)));
        left = next;
    }
    best
}

/// W of the time in which `bytes` are sent, as what is sent of it.
fn written_within(bytes: u64, view: &View) -> Option<u64> {
    let span = span_of(bytes, view.bytes_per_s);
    let written = view.writes.written_within_bytes(span)?;
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

    /// What is seen of a guest that was followed through a round of 10 s.
    fn view(written: fn(u64) -> u64) -> View {
        View {
            bytes_per_s: LINK,
            writes: Counted::new().round(10_000, written),
            ..View::default()
        }
    }

    fn look(remaining: u64) -> Look {
        Look {
            remaining,
            fresh: 0,
            span: 0,
            next: 0,
            shortest: LINK / 10,
        }
    }

    /// What going on costs at best, MB.
    fn best(view: &View, remaining_mb: u64) -> Option<u64> {
        let best = going_on(&look(remaining_mb * MB), view, Slowdown::DEFAULT)?;
        Some((best + MB / 2) / MB)
    }

    /// 130 MB within 100 ms.
    fn flat(age_ms: u64) -> u64 {
        (age_ms * 1300 * MB / 1000).min(130 * MB)
    }

    #[test]
    fn going_on_with_a_flat_guest_costs_more_than_going() {
        assert_eq!(best(&view(flat), 130), Some(130 + 13));
    }

    /// 200, 100, 50, 25, 12.5 and 6.3 MB; 5 are left of the shortest round, which costs 1.
    #[test]
    fn a_guest_that_falls_is_worth_the_way_to_the_floor() {
        let swept = |age_ms| age_ms * 50 * MB / 1000;
        assert_eq!(best(&view(swept), 200), Some(39 + 1 + 5));
    }

    /// 20 MB are hot, and 10 MB/s are written beside: 200, 40, 24 and 22.4 MB, each for a tenth of the one before.
    #[test]
    fn one_that_falls_to_a_knee_is_worth_the_way_to_that() {
        let kneed = |age_ms: u64| (age_ms * 400 * MB / 1000).min(20 * MB) + age_ms * 10 * MB / 1000;
        assert_eq!(best(&view(kneed), 200), Some(20 + 4 + 24));
        assert_eq!(best(&view(kneed), 40), Some(4 + 24));
        assert_eq!(best(&view(kneed), 24), Some(25), "no less");
    }

    /// What is sent in no time still takes a round.
    #[test]
    fn a_round_is_never_shorter_than_the_shortest() {
        let shortest = best(&view(flat), 10);
        assert!(shortest.is_some());
        assert_eq!(best(&view(flat), 0), shortest);
    }

    #[test]
    fn what_is_not_known_of_the_writes_is_not_known_of_the_rounds() {
        let unknown = View {
            writes: Counted::new().at(100, None),
            ..view(flat)
        };
        assert_eq!(best(&unknown, 130), None);
        assert_eq!(best(&view(flat), 1300), None, "no round was so long");
    }

    /// Only the rounds up to that count: of 950 MB 5.7 s are known, and of the 1.1 GB that they leave nothing.
    #[test]
    fn a_guest_that_outgrows_what_is_known_is_known_so_far() {
        let rising = |age_ms| age_ms * 200 * MB / 1000;
        assert_eq!(best(&view(rising), 500), Some(1050));
    }

    #[test]
    fn where_differences_are_sent_a_share_of_what_is_written_is_left() {
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
            let best = |remaining| going_on(&look(remaining), &view, whole);
            let fast = bytes_per_s == u64::MAX;
            for remaining in [1 << 63, u64::MAX] {
                assert_eq!(best(remaining), fast.then_some(u64::MAX));
            }
        }
    }
}
