//! XBZRLE for a law that works in bytes on the wire.
//!
//! From the third round on pages are compared with their cached copies, and only a share c of R is sent. The law is
//! shown c R, and its threshold is converted back to R, because QEMU does not know c.
//!
//! The younger a cached copy, the less of the page has changed. A page is sent in one round and again in the next:
//! between rounds of x and y, changes are (x + y)/2 old. What remains after y is at least that much younger, y over
//! that; or no less changed, if a page holds no more changes. So a guest with the same R round after round may still
//! fall, and that shows no sooner than in the third round:
//!
//! ```text
//!   the law would stop, no page was compared yet --> begin a round, the trial
//!     c >= 1 - 2 delta: it does not pay -----------> switch over as the law would have
//!     otherwise -----------------------------------> run the round, and drop earlier remainders
//! ```
//! Switching over leaves c R. One more round leaves between c c R and c R, at a cost of delta c R: at the midpoint it
//! pays if c < 1 - 2 delta.

use core::time::Duration;

use super::observed::{ROUND_MIN, WHOLE_PPM, in_span, scale};
use super::slowdown::Slowdown;
use super::{Decision, Law, Limit, View};
use crate::estimate::{Compression, Round, Sent};
use crate::event::Cause;

/// The sync that ends the first round with compared pages begins this iteration.
const COMPARED: u64 = 4;

/// How much of a round must be seen to know c: two of the shortest.
const TRIAL: Duration = Duration::from_millis(200);

/// The state of the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Due,
    UnderWay,
    Over,
}

/// A law that takes XBZRLE into account.
#[derive(Clone, Debug)]
pub struct WithXbzrle<L> {
    law: L,
    slowdown: Slowdown,
    trial: Trial,
    /// c, parts per million.
    sent_ppm: u64,
    /// Whether a c below one has been used.
    has_compressed: bool,
    /// Duration of the last round.
    before: Duration,
}

impl<L: Law> WithXbzrle<L> {
    /// `law`, for an application that pre-copy slows down by `slowdown`.
    pub const fn new(law: L, slowdown: Slowdown) -> Self {
        Self {
            law,
            slowdown,
            trial: Trial::Due,
            sent_ppm: WHOLE_PPM,
            has_compressed: false,
            before: Duration::ZERO,
        }
    }

    /// Takes in the bytes of a round; tells whether earlier remainders are to be dropped.
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
        let first = !self.has_compressed && self.sent_ppm < WHOLE_PPM;
        self.has_compressed |= first;
        first
    }

    /// The view with remainders in bytes on the wire.
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

    /// The decision with its threshold converted to memory.
    fn in_memory(&self, decision: Decision) -> Decision {
        let limit = match decision.limit {
            Limit::Bytes(bytes) => Limit::Bytes(scale(bytes, WHOLE_PPM, self.sent_ppm)),
            limit @ (Limit::Leave | Limit::Millis(_)) => limit,
        };
        Decision { limit, ..decision }
    }

    /// The law's decision, or the trial instead of a switchover. At the end of an idle phase there is no time for a
    /// trial.
    fn or_try(&mut self, decision: Decision, view: &View) -> Decision {
        if decision.cause.stops() && view.phases.is_some_and(|phases| phases.idle) {
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
        Decision::threshold(floor, Cause::Falling)
    }
}

/// Bytes sent per byte of memory, parts per million.
fn share_ppm(sent: Sent) -> u64 {
    match sent.memory_bytes {
        0 => WHOLE_PPM,
        memory_bytes => scale(WHOLE_PPM, sent.bytes, memory_bytes).clamp(1, WHOLE_PPM),
    }
}

/// The age of changes after a round of `last`, over their age in it, parts per million.
fn younger_ppm(before: Duration, last: Duration) -> u64 {
    let (last, both) = (last.as_millis(), (before + last).as_millis());
    let ppm = 2 * last * u128::from(WHOLE_PPM) / both.max(1);
    u64::try_from(ppm).unwrap_or(WHOLE_PPM).min(WHOLE_PPM)
}

impl<L: Law> Law for WithXbzrle<L> {
    fn name(&self) -> &'static str {
        self.law.name()
    }

    fn wants_writes(&self) -> bool {
        self.law.wants_writes()
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
