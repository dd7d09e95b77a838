//! What the rounds to come leave, where it is known how much the guest writes within any span: W(x).
//!
//! ```text
//!   R  --R/B-->  W(R/B) = R1  --R1/B-->  W(R1/B) = R2  --> ...
//!   go now: R    one round: delta R + R1    two: delta (R + R1) + R2    ...
//! ```
//! The least of these sums is what going on is worth: a guest that falls is followed to its knee, and one that is flat not at
//! all. All in bytes of pause.

use core::time::Duration;

use super::View;
use super::look::{Look, WHOLE_PPM, scale};
use super::slowdown::Slowdown;

/// How many rounds are looked ahead: each that pays leaves a tenth less, and one in so many a tenth of a tenth of nothing.
const AHEAD: usize = 16;

/// What one further round leaves, and what going on costs at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// Left after one more round.
    pub(super) next: u64,
    /// What the best of the rounds to come costs, all before it included.
    pub(super) best: u64,
}

impl Course {
    /// From what `look` finds left on; none where W is not known.
    pub(super) fn from(look: &Look, view: &View, slowdown: Slowdown) -> Option<Self> {
        let mut course: Option<Self> = None;
        let (mut left, mut spent) = (look.remaining, 0_u64);
        for _ in 0..AHEAD {
            let round = left.max(look.shortest);
            let Some(next) = written_within(round, view) else {
                break;
            };
            spent = spent.saturating_add(slowdown.of(round));
            let cost = spent.saturating_add(next);
            course = Some(course.map_or(Self { next, best: cost }, |course| Self {
                best: course.best.min(cost),
                ..course
            }));
            left = next;
        }
        course
    }
}

/// W of the time in which `bytes` are sent, as what is sent of it.
fn written_within(bytes: u64, view: &View) -> Option<u64> {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(view.bytes_per_s.max(1));
    let span = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    let written = view.writes.written_within_bytes(span)?;
    Some(match view.sent_ppm {
        0 => written,
        sent_ppm => scale(written, sent_ppm, WHOLE_PPM),
    })
}
