//! Memory that is sent as differences (XBZRLE), for a law that reckons in bytes on the wire.
//!
//! What was sent twice is compared with what is remembered of it: from the third round on, R goes as a share c of it. The law
//! is shown c R, and what it accepts of that is told as R, for QEMU knows no c.
//!
//! What has changed of a page is less, the younger what is remembered of it. A page goes when it went in the round before and as
//! much later as these rounds are long: between rounds of x and y, changes are (x + y)/2 old. What is left after y is at least
//! that much younger, y over that; and no less changed if a page holds no more changes. So a guest that leaves the same R
//! round after round may still fall, and whether it does shows no sooner than in the third round:
//!
//! ```text
//!   the law would go, and nothing was compared yet -> begin a round, the trial
//!     c >= 1 - 2 delta: it does not pay -----------> go as the law would have
//!     otherwise -----------------------------------> run the round; what was left before is no measure any more
//! ```
//! Going leaves c R, one more round between c c R and c R at the price of delta c R: in the middle of the two it pays for less
//! than that c.

use core::time::Duration;

use super::look::{ROUND_MIN, WHOLE_PPM, in_span, scale};
use super::slowdown::Slowdown;
use super::{Decision, Law, Limit, View};
use crate::estimate::{Compression, Round, Sent};
use crate::event::Cause;

/// The sync that ends the first round in which anything is compared begins this iteration.
const COMPARED: u64 = 4;

/// How much of a round must be seen to tell c: two of the shortest.
const TRIAL: Duration = Duration::from_millis(200);

/// Where the trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Due,
    UnderWay,
    Over,
}

/// A law, and what it is told of differences.
#[derive(Clone, Debug)]
pub struct Differences<L> {
    law: L,
    slowdown: Slowdown,
    trial: Trial,
    /// c, parts per million.
    sent_ppm: u64,
    /// Whether c has told once.
    told: bool,
    /// How long the last round took.
    before: Duration,
}

impl<L: Law> Differences<L> {
    /// `law`, for an application that pre-copy slows down by `slowdown`.
    pub const fn new(law: L, slowdown: Slowdown) -> Self {
        Self {
            law,
            slowdown,
            trial: Trial::Due,
            sent_ppm: WHOLE_PPM,
            told: false,
            before: Duration::ZERO,
        }
    }

    /// Takes in what a round sent; says whether that makes what was left before no measure.
    fn learn(&mut self, round: &Round) -> bool {
        let before = core::mem::replace(&mut self.before, round.duration);
        if round.iteration < COMPARED {
            return false;
        }
        self.trial = Trial::Over;
        let sent_ppm = share_ppm(round.sent());
        self.sent_ppm = if self.slowdown.ppm() < WHOLE_PPM - sent_ppm {
            sent_ppm.midpoint(scale(
                sent_ppm,
                younger_ppm(before, round.duration),
                WHOLE_PPM,
            ))
        } else {
            WHOLE_PPM
        };
        let first = !self.told && self.sent_ppm < WHOLE_PPM;
        self.told |= first;
        first
    }

    /// What is left, as what is sent of it.
    fn on_the_wire(&self, view: &View, anew: bool) -> View {
        let mut seen = View { anew, ..*view };
        if self.sent_ppm == WHOLE_PPM {
            return seen;
        }
        let sent_of = |bytes| scale(bytes, self.sent_ppm, WHOLE_PPM);
        if let Some(round) = &mut seen.round {
            round.remaining_bytes = sent_of(round.remaining_bytes);
            round.unsent_bytes = sent_of(round.unsent_bytes);
        }
        seen.sample.remaining_bytes = sent_of(seen.sample.remaining_bytes);
        seen.sent_ppm = self.sent_ppm;
        seen
    }

    /// What is accepted on the wire, as what is left.
    fn in_memory(&self, decision: Decision) -> Decision {
        let limit = match decision.limit {
            Limit::Bytes(bytes) => Limit::Bytes(scale(bytes, WHOLE_PPM, self.sent_ppm)),
            limit @ (Limit::Leave | Limit::Millis(_)) => limit,
        };
        Decision { limit, ..decision }
    }

    /// The law's decision, or the trial instead of going. Who goes because an idle spell ends has no time for one.
    fn or_try(&mut self, decision: Decision, view: &View) -> Decision {
        if decision.cause.goes() && view.phases.is_some_and(|phases| phases.idle) {
            return decision;
        }
        let enough = in_span(view.bytes_per_s, TRIAL);
        if let Some(round) = &view.round
            && self.trial == Trial::Due
            && round.iteration + 1 >= COMPARED
            && matches!(decision.cause, Cause::Reservation | Cause::Patience)
            && round.remaining_bytes > enough
        {
            self.trial = Trial::UnderWay;
        }
        if self.trial != Trial::UnderWay {
            return decision;
        }
        let pays = share_ppm(view.in_round) + 2 * self.slowdown.ppm() < WHOLE_PPM;
        if view.in_round.memory_bytes >= enough && !pays {
            self.trial = Trial::Over;
            return decision;
        }
        let floor = self.slowdown.of(in_span(view.bytes_per_s, ROUND_MIN));
        Decision::accept(floor, Cause::Falling)
    }
}

/// What was sent of a byte of memory, parts per million.
fn share_ppm(sent: Sent) -> u64 {
    match sent.memory_bytes {
        0 => WHOLE_PPM,
        memory_bytes => scale(WHOLE_PPM, sent.bytes, memory_bytes).clamp(1, WHOLE_PPM),
    }
}

/// How old changes are after a round of `last`, over how old they were in it, parts per million.
fn younger_ppm(before: Duration, last: Duration) -> u64 {
    let (last, both) = (last.as_millis(), (before + last).as_millis());
    let ppm = 2 * last * u128::from(WHOLE_PPM) / both.max(1);
    u64::try_from(ppm).unwrap_or(WHOLE_PPM).min(WHOLE_PPM)
}

impl<L: Law> Law for Differences<L> {
    fn name(&self) -> &'static str {
        self.law.name()
    }

    fn decide(&mut self, view: &View) -> Decision {
        if !Compression::is_on(&view.sample) {
            return self.law.decide(view);
        }
        let anew = view.round.as_ref().is_some_and(|round| self.learn(round));
        let decision = self.law.decide(&self.on_the_wire(view, anew));
        let decision = self.or_try(decision, view);
        self.in_memory(decision)
    }
}

#[cfg(test)]
mod tests;
