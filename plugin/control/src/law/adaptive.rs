//! The adaptive law: stop when one more round no longer pays.
//!
//! The loss of an application is J = pause + delta x (time under pre-copy). R is what a bitmap sync
//! finds left, B the bandwidth: stopping now pauses R/B, one more round takes R/B and costs delta of it.
//! In bytes of pause, the price of a round is delta x R. At each sync:
//!
//! ```text
//!            R below the shortest round's price ------------> go              (floor)
//!  sync -->  R falls by more than the price of a round -----> run the round   (falling)
//!            the guest has turned quiet, likely for long ---> run the round   (quiet)
//!            R <= r, the reservation value of what was seen > go              (reservation)
//!            waiting has cost as much as the whole pause ---> go              (patience)
//!            otherwise -------------------------------------> probe           (waiting)
//! ```
//!
//! *Going* accepts a little more than R. *Running the round* accepts the floor alone, which lets QEMU send
//! to the end. *Probing* accepts a fifth of what the plateau leaves: QEMU then syncs when the rest is sent,
//! and a phase that turns quiet is seen sooner. Whoever turns busy after the decision is refused by
//! QEMU, which syncs once more before it stops the guest (`migration_iteration_run`, QEMU
//! `migration/migration.c`).
//!
//! Rationale, with what was tried: `docs/control-law.md`.

mod foreseen;
mod second_look;
mod spells;

use second_look::Held;
use spells::Spells;

use super::look::{Look, WHOLE_PPM, scale, with_margin};
use super::reservation::{HOPE, ROUND, Seen};
use super::rounds_ahead;
use super::slowdown::Slowdown;
use super::{Decision, Law, View};
use crate::estimate::Round;
use crate::event::Cause;
use crate::target::Action;

/// How much more than R is accepted when going, per cent of R: what is dirtied and what the bandwidth
/// varies until the limit acts, one window later.
const MARGIN_PERCENT: u64 = 15;

/// The margin doubles each time QEMU finds a little more than was accepted, up to this.
const MARGIN_MAX_PERCENT: u64 = 60;

/// How much of a plateau is accepted while waiting, per cent: syncs come that much sooner, and a guest that
/// turned idle in that instant is stopped at a fifth of the pause of going at once.
const PROBE_PERCENT: u64 = 20;

/// The law's memory of one migration.
#[derive(Clone, Copy, Debug)]
pub struct Adaptive {
    /// What a round costs at present: the policy's delta, and more while auto-converge throttles the guest, or as long as
    /// post-copy may spare what is left.
    slowdown: Slowdown,
    delta: Slowdown,
    before: Option<Round>,
    /// The most that a round has left: H, what the busy guest leaves.
    busiest: u64,
    /// What the idle spells before this one were found to leave, and this one so far.
    spells: Spells,
    plateau: Seen,
    /// A round in which the guest idled left as much as any: idling says nothing of this guest's memory.
    refuted: bool,
    /// For how long the plateau has been waited on, in thousandths of a round.
    waited: u64,
    /// How often a quiet that was followed for one more round held, and how often it broke.
    held: u64,
    broke: u64,
    /// For how long the guest has been quieter than the plateau, as bytes the link could send.
    quiet_for: u64,
    /// How long the last quiet was that broke before all was sent.
    lull: Option<u64>,
    decision: Decision,
    /// What was decided at the last sync, if it waits for a look at what the guest writes now.
    second_look: Option<Held>,
    margin_percent: u64,
    postcopy: bool,
}

impl Adaptive {
    /// A law for one migration of an application that pre-copy slows down by `slowdown`.
    #[must_use]
    pub fn new(slowdown: Slowdown) -> Self {
        Self {
            slowdown,
            delta: slowdown,
            before: None,
            busiest: 0,
            spells: Spells::default(),
            plateau: Seen::new(),
            refuted: false,
            waited: 0,
            held: 0,
            broke: 0,
            quiet_for: 0,
            lull: None,
            // In milliseconds, for the bandwidth is not known: at the end of its first window, QEMU's default of
            // 300 ms lets a small guest go in the midst of its first round.
            decision: Decision::limit(slowdown.floor_limit(), Cause::FirstRound),
            second_look: None,
            margin_percent: MARGIN_PERCENT,
            postcopy: false,
        }
    }

    /// The same, for a guest that may go over to post-copy.
    #[must_use]
    pub fn or_postcopy(self) -> Self {
        Self {
            postcopy: true,
            ..self
        }
    }

    /// What a round costs at this look.
    fn price(&self, view: &View) -> Slowdown {
        let delta = self.delta.throttled(view.sample.throttle_percent);
        if self.postcopy && !view.postcopy_ruled_out {
            view.fetch.price(delta, view.bytes_per_s)
        } else {
            delta
        }
    }

    fn at_sync(&mut self, round: &Round, view: &View) -> Decision {
        if view.anew {
            self.forget(view.sent_ppm);
        }
        let look = Look::new(round, self.before.as_ref(), view.bytes_per_s);
        let cause = self.judge(&look, view);
        self.widen_if_refused(cause, look.remaining);
        self.busiest = self.busiest.max(look.remaining);
        let floor = self.slowdown.of(look.shortest);
        let accept = match cause {
            _ if cause.goes() => with_margin(look.remaining, self.margin_percent),
            Cause::Waiting if self.outlook(view).is_none() => self.probe_bytes(),
            _ => floor,
        };
        let decision = Decision::accept(accept.max(floor), cause);
        let decision = self.or_over(decision, look.remaining, view);
        let decision = self.look_again(decision, &look, view);
        self.before = Some(*round);
        decision
    }

    /// What was left so far is no measure any more, now that a share of it is sent; only the most that can be is.
    fn forget(&mut self, sent_ppm: u64) {
        self.busiest = scale(self.busiest, sent_ppm, WHOLE_PPM);
        self.spells = self.spells.sent(sent_ppm);
        self.before = None;
        self.plateau = Seen::new();
        self.waited = 0;
        self.quiet_for = 0;
        self.lull = None;
        // Whoever tried differences instead of going was not refused.
        self.decision = Decision::limit(self.slowdown.floor_limit(), Cause::FirstRound);
    }

    /// A decision to go with so much left, by post-copy where that is allowed and the pause is shorter for it.
    fn or_over(&self, decision: Decision, remaining: u64, view: &View) -> Decision {
        let may = self.postcopy && !view.postcopy_ruled_out && decision.cause.goes();
        let pays = may && view.fetch.pays(remaining, view.bytes_per_s, view.sent_ppm);
        Decision {
            action: pays.then_some(Action::StartPostcopy),
            ..decision
        }
    }

    fn judge(&mut self, look: &Look, view: &View) -> Cause {
        if look.remaining <= self.slowdown.of(look.shortest) {
            return Cause::Floor;
        }
        if self.last_moment(look, view) {
            return Cause::Reservation;
        }
        if self.plateau.is_empty() {
            if self.falls(look) && self.worth_of_going_on(look, view) < look.remaining {
                return Cause::Falling;
            }
            if let Some(before) = self.before {
                self.plateau.push(before.remaining_bytes, ROUND);
            }
        }
        let quiet = self.see(look);
        if self.decision.cause == Cause::Quiet {
            self.held += u64::from(quiet);
            self.broke += u64::from(!quiet);
        }
        let as_much =
            look.remaining.saturating_add(self.price_bytes(look)) > self.plateau.highest();
        self.refuted |= !quiet && as_much && view.idle_round == Some(true);
        let cause = match self.outlook(view) {
            Some(outlook) => self.with_foresight(&outlook, look, view),
            None => self.blindly(look, quiet),
        };
        let spent = self.slowdown.of(self.waited);
        match cause {
            Cause::Waiting if spent >= ROUND => Cause::Patience,
            // A quiet that never ends in anything is followed no longer than that again.
            Cause::Quiet if spent >= 2 * ROUND => Cause::Patience,
            cause => cause,
        }
    }

    /// Whether what is left may be falling: a round that was run for a fall, and has left no less than its price below the one
    /// before, has shown that there is none. Else what is measured a little wrong is a fall for ever.
    fn falls(&self, look: &Look) -> bool {
        let before = self.before.map(|before| before.remaining_bytes);
        let promised = before.filter(|_| self.decision.cause == Cause::Falling);
        promised
            .is_none_or(|before| look.remaining.saturating_add(self.price_bytes(look)) <= before)
    }

    /// What going on costs at best, in bytes of pause: as W(x) tells it, or else one more round that leaves the least it may. W
    /// tells of a guest that goes on as it did; only where whether it does shows in a look is that the whole answer.
    fn worth_of_going_on(&self, look: &Look, view: &View) -> u64 {
        let least = self
            .price_bytes(look)
            .saturating_add(self.best_next(look, view));
        match rounds_ahead::going_on(look, view, self.slowdown) {
            Some(best) if Self::can_look_again(look, view) => best,
            Some(best) => best.min(least),
            None => least,
        }
    }

    /// The least that the next round may leave. One sync is no plateau: what it finds may be zero pages, which are sent in no
    /// time, or pages that were written once; where processors tell no more, the round may leave nothing.
    fn best_next(&self, look: &Look, view: &View) -> u64 {
        match (self.before, self.outlook(view)) {
            (None, None) => 0,
            _ => look.next,
        }
    }

    fn blindly(&self, look: &Look, quiet: bool) -> Cause {
        if quiet && self.quiet_pays(look) {
            Cause::Quiet
        } else if look.remaining <= self.reservation_bytes().max(self.gone_for()) {
            Cause::Reservation
        } else {
            Cause::Waiting
        }
    }

    /// What was accepted when it was decided to go: a guest that was refused for no more than that still goes.
    fn gone_for(&self) -> u64 {
        let gone = Some(self.decision).filter(|decision| decision.cause.goes());
        gone.and_then(|decision| decision.accept_bytes())
            .unwrap_or(0)
    }

    /// Takes a round of the plateau in; says whether the guest has turned quieter than the plateau is.
    ///
    /// On a plateau a guest dirties as much as the link sends, in any shorter time at least in proportion
    /// (the working-set curve is concave). Less than that is quiet.
    fn see(&mut self, look: &Look) -> bool {
        let high = self.plateau.highest().max(look.remaining);
        let busy = look.span.min(high);
        let quiet = look.fresh < busy - self.slowdown.of(busy);
        // A round that dirtied a part of what the plateau does was busy for that part of its time.
        let calm = look.span - scale(look.span, look.fresh.min(busy), busy.max(1));
        if !quiet && self.quiet_for > 0 {
            self.lull = Some(self.quiet_for);
        }
        self.quiet_for = if quiet {
            self.quiet_for.saturating_add(calm)
        } else {
            0
        };
        let weight = scale(ROUND, look.span, high);
        // The first round sends what must be sent: nobody has waited in it.
        if self.before.is_some() {
            self.waited = self.waited.saturating_add(weight);
        }
        self.plateau.push(look.remaining, weight.min(ROUND));
        quiet
    }

    /// What one more round costs, in bytes of pause.
    fn price_bytes(&self, look: &Look) -> u64 {
        self.slowdown.of(look.remaining.max(look.shortest))
    }

    /// What is left that is worth taking, and what going on is worth.
    fn reservation_bytes(&self) -> u64 {
        self.plateau
            .reservation_bytes(self.slowdown.of(self.plateau.mean()), HOPE)
    }

    /// What is accepted while waiting: part of the plateau, but nothing that is not worth taking.
    fn probe_bytes(&self) -> u64 {
        scale(self.plateau.highest(), PROBE_PERCENT, 100).min(self.reservation_bytes())
    }

    /// Whether a quieter phase is worth one more round.
    ///
    /// A phase of age a outlasts a further span x with the chance a/(a + x) (Lindy's law, for durations
    /// of no known scale); a is how long the quiet was seen, x how long it takes to send what is left. If
    /// it holds, the round leaves `next`; if not, the wait begins anew, which is worth the reservation
    /// value.
    fn quiet_pays(&self, look: &Look) -> bool {
        let (high, remaining) = (self.plateau.highest(), look.remaining);
        // Between the least that a shorter round leaves, and all that this one dirtied: W(x) is concave.
        let next = look.next.midpoint(look.fresh).min(remaining);
        let both = self.quiet_for.saturating_add(remaining);
        // One that broke tells how long they are.
        if self.lull.is_some_and(|lull| both > lull) {
            return false;
        }
        let lindy = scale(ROUND, self.quiet_for, both);
        let of = (1 + self.held + self.broke) * ROUND;
        let holds = lindy + self.held * ROUND;
        let kept = scale(next, holds, of);
        let lost = scale(self.reservation_bytes().min(high), of - holds, of);
        self.price_bytes(look)
            .saturating_add(kept)
            .saturating_add(lost)
            < remaining
    }

    /// QEMU refused a switchover for a little more than was accepted: the bandwidth or the guest varies
    /// by more than the margin.
    fn widen_if_refused(&mut self, cause: Cause, remaining: u64) {
        let accepted = self.decision.accept_bytes().unwrap_or(0);
        let close = remaining <= with_margin(accepted, MARGIN_MAX_PERCENT);
        let again = |cause| matches!(cause, Cause::Reservation | Cause::Patience);
        if again(cause) && again(self.decision.cause) && close {
            self.margin_percent = (self.margin_percent * 2).min(MARGIN_MAX_PERCENT);
        }
    }
}

impl Law for Adaptive {
    fn name(&self) -> &'static str {
        if self.postcopy {
            "adaptive-or-postcopy"
        } else {
            "adaptive"
        }
    }

    fn decide(&mut self, view: &View) -> Decision {
        self.slowdown = self.price(view);
        self.spells.see(view.phases.as_ref());
        if let Some(round) = &view.round {
            self.decision = self.at_sync(round, view);
            return self.decision;
        }
        if let Some(held) = self.second_look {
            self.decision = self.at_second_look(&held, view);
            return self.decision;
        }
        let turned = match self.decision.cause {
            Cause::Waiting => self.turned_idle(view).or_else(|| self.spell_ends(view)),
            Cause::Quiet => self.spell_ends(view).or_else(|| self.turned_busy(view)),
            Cause::Falling => self.spell_ends(view),
            _ => None,
        };
        self.decision = turned.unwrap_or(self.decision);
        self.decision
    }
}

#[cfg(test)]
mod tests;
