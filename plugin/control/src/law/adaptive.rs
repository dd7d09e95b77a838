//! The adaptive law: stop when one more round no longer pays.
//!
//! The cost to an application is J = pause + delta x (time under pre-copy). R is the remaining memory that a sync
//! finds, B the bandwidth. Stopping now pauses for R/B; one more round takes R/B, and delta of that is lost. So in
//! bytes of pause a round costs delta x R. At each sync:
//!
//! ```text
//!            R below the shortest round's cost -------------> switch over     (floor)
//!  sync -->  R falls by more than the cost of a round ------> run the round   (falling)
//!            the guest has turned quiet, likely for long ---> run the round   (quiet)
//!            R <= r, the reservation value -----------------> switch over     (reservation)
//!            waiting has cost as much as the whole pause ---> switch over     (patience)
//!            otherwise -------------------------------------> wait            (waiting)
//! ```
//!
//! To *switch over*, the threshold is a little more than R. To *run the round*, it is the floor, which lets QEMU send
//! to the end. To *wait*, it is a fifth of the plateau: QEMU then syncs when the rest is sent, and a quiet phase is
//! seen sooner. A guest that turns busy after the decision is not stopped, because QEMU syncs once more before it stops
//! the guest (`migration_iteration_run`, QEMU `migration/migration.c`).
//!
//! `docs/control-law.md` has the reasons, and what else was tried.

mod confirmation;
mod idle_phases;
mod prediction;

use confirmation::Unconfirmed;
use idle_phases::IdleRemainders;

use super::forecast::{Forecast, Remainder};
use super::observed::{Observed, WHOLE_PPM, scale, with_margin};
use super::reservation::{PRIOR, Plateau, ROUND};
use super::rounds_ahead;
use super::slowdown::Slowdown;
use super::{Decision, Law, View};
use crate::estimate::Round;
use crate::event::Cause;
use crate::rate::span_of;
use crate::target::Action;

/// The margin of the threshold over R when switching over, per cent: dirtying and variation of the bandwidth until the
/// limit acts, one window later.
const MARGIN_PERCENT: u64 = 15;

/// The margin doubles each time QEMU finds a little more than the threshold, up to this.
const MARGIN_MAX_PERCENT: u64 = 60;

/// The threshold while waiting, per cent of the plateau. A sync comes that much sooner, and a guest that turned idle in
/// that instant is stopped with a fifth of the pause of stopping at once.
const PROBE_PERCENT: u64 = 20;

/// The law's memory of one migration.
#[derive(Clone, Copy, Debug)]
pub struct Adaptive {
    /// The cost of a round at present: the policy's delta, and more while auto-converge throttles the guest, or while
    /// post-copy may spare the remainder.
    slowdown: Slowdown,
    delta: Slowdown,
    before: Option<Round>,
    /// The most that has remained after a round: H, the remainder of the busy guest.
    busiest: u64,
    /// What remained at the end of idle phases.
    idle_remainders: IdleRemainders,
    plateau: Plateau,
    /// A round in which the guest idled left as much as any: idling shows nothing of this guest's memory.
    refuted: bool,
    /// How long the law has waited on the plateau, thousandths of a round.
    waited: u64,
    /// How often a quiet phase that was followed for one more round lasted, and how often it broke.
    lasted: u64,
    broke: u64,
    /// How long the guest has been quieter than the plateau, as bytes that the link could send.
    quiet_for: u64,
    /// The length of the last quiet phase that broke before all was sent.
    broken_quiet: Option<u64>,
    decision: Decision,
    /// The decision of the last sync, if it waits for confirmation.
    unconfirmed: Option<Unconfirmed>,
    margin_percent: u64,
    postcopy: bool,
    counted: bool,
}

impl Adaptive {
    /// The law for one migration of an application that pre-copy slows down by `slowdown`.
    #[must_use]
    pub fn new(slowdown: Slowdown) -> Self {
        Self {
            slowdown,
            delta: slowdown,
            before: None,
            busiest: 0,
            idle_remainders: IdleRemainders::default(),
            plateau: Plateau::new(),
            refuted: false,
            waited: 0,
            lasted: 0,
            broke: 0,
            quiet_for: 0,
            broken_quiet: None,
            // In milliseconds, because the bandwidth is not known: at the end of its first window, QEMU's default of
            // 300 ms would stop a small guest in the middle of its first round.
            decision: Decision::limit(slowdown.floor_limit(), Cause::FirstRound),
            unconfirmed: None,
            margin_percent: MARGIN_PERCENT,
            postcopy: false,
            counted: true,
        }
    }

    /// The same, for a guest that may switch to post-copy.
    #[must_use]
    pub fn or_postcopy(self) -> Self {
        Self {
            postcopy: true,
            ..self
        }
    }

    /// The same, told nothing of page faults: what they are worth is the difference.
    #[must_use]
    pub fn without_counters(self) -> Self {
        Self {
            counted: false,
            ..self
        }
    }

    /// The cost of a round at this sample.
    fn round_cost(&self, view: &View) -> Slowdown {
        let delta = self.delta.throttled(view.sample.throttle_percent);
        if self.postcopy && !view.postcopy_ruled_out {
            view.fetch.round_cost(delta, view.bytes_per_s)
        } else {
            delta
        }
    }

    fn at_sync(&mut self, round: &Round, view: &View) -> Decision {
        if view.anew {
            self.forget(view.sent_ppm);
        }
        let seen = Observed::new(round, self.before.as_ref(), view.bytes_per_s);
        let cause = self.judge(&seen, view);
        self.widen_if_refused(cause, seen.remaining);
        self.busiest = self.busiest.max(seen.remaining);
        let floor = self.slowdown.of(seen.shortest);
        let threshold = match cause {
            _ if cause.stops() => with_margin(seen.remaining, self.margin_percent),
            Cause::Waiting if self.forecast(view).is_none() => self.probe_bytes(),
            _ => floor,
        };
        let decision = Decision::threshold(threshold.max(floor), cause);
        let decision = self.postcopy_if_cheaper(decision, seen.remaining, view);
        let decision = self.defer(decision, &seen, view);
        self.before = Some(*round);
        decision
    }

    /// The decision of a sync, or to wait for its confirmation. After the first round, which says nothing of rewriting,
    /// the guest is switched over only if it was seen busy.
    fn defer(&mut self, decision: Decision, seen: &Observed, view: &View) -> Decision {
        let floor = self.slowdown.of(seen.shortest);
        let otherwise = if self.before.is_some() {
            decision
        } else {
            Decision::threshold(floor, Cause::Falling)
        };
        self.unconfirmed = Unconfirmed::new(decision, otherwise, seen, view);
        if self.unconfirmed.is_some() {
            Decision::threshold(floor, Cause::Waiting)
        } else {
            decision
        }
    }

    /// Drops earlier remainders, which are no measure now that only a share is sent. The largest is scaled and kept.
    fn forget(&mut self, sent_ppm: u64) {
        self.busiest = scale(self.busiest, sent_ppm, WHOLE_PPM);
        self.idle_remainders = self.idle_remainders.sent(sent_ppm);
        self.before = None;
        self.plateau = Plateau::new();
        self.waited = 0;
        self.quiet_for = 0;
        self.broken_quiet = None;
        // A decision replaced by the XBZRLE trial was not refused.
        self.decision = Decision::limit(self.slowdown.floor_limit(), Cause::FirstRound);
    }

    /// A decision to switch over with so much remaining, by post-copy if that is allowed and cheaper.
    fn postcopy_if_cheaper(&self, decision: Decision, remaining: u64, view: &View) -> Decision {
        let may = self.postcopy && !view.postcopy_ruled_out && decision.cause.stops();
        let pays = may && view.fetch.pays(remaining, view.bytes_per_s, view.sent_ppm);
        Decision {
            action: pays.then_some(Action::StartPostcopy),
            ..decision
        }
    }

    fn judge(&mut self, seen: &Observed, view: &View) -> Cause {
        if seen.remaining <= self.slowdown.of(seen.shortest) {
            return Cause::Floor;
        }
        if self.last_moment(seen, view) {
            return Cause::Reservation;
        }
        if self.plateau.is_empty() {
            if self.falls(seen) && self.cost_of_going_on(seen, view) < seen.remaining {
                return Cause::Falling;
            }
            if let Some(before) = self.before {
                self.plateau.push(before.remaining_bytes, ROUND);
            }
        }
        let quiet = self.add_to_plateau(seen);
        if self.decision.cause == Cause::Quiet {
            self.lasted += u64::from(quiet);
            self.broke += u64::from(!quiet);
        }
        let as_much = seen.remaining.saturating_add(self.cost_bytes(seen)) > self.plateau.highest();
        self.refuted |= !quiet && as_much && view.idle_round == Some(true);
        let cause = match self.forecast(view) {
            Some(forecast) => self.with_forecast(&forecast, seen, view),
            None => match self.without_forecast(seen, quiet) {
                Cause::Reservation if self.expects_phase(seen, view) => Cause::Waiting,
                cause => cause,
            },
        };
        let spent = self.slowdown.of(self.waited);
        match cause {
            Cause::Waiting if spent >= ROUND => Cause::Patience,
            // A quiet phase that never ends in anything is followed for as long again.
            Cause::Quiet if spent >= 2 * ROUND => Cause::Patience,
            cause => cause,
        }
    }

    /// Whether the remaining memory may be falling. A round that was run for a fall, and left no less than its cost
    /// below the one before, proves that it is not. Otherwise small errors of measurement would be a fall for ever.
    fn falls(&self, seen: &Observed) -> bool {
        let before = self.before.map(|before| before.remaining_bytes);
        let promised = before.filter(|_| self.decision.cause == Cause::Falling);
        promised.is_none_or(|before| seen.remaining.saturating_add(self.cost_bytes(seen)) <= before)
    }

    /// The least cost of going on, in bytes of pause: by W(x), or by one more round that leaves the least it may. W(x)
    /// assumes that the guest goes on as before, so it is the whole answer only if confirmation can see that.
    fn cost_of_going_on(&self, seen: &Observed, view: &View) -> u64 {
        let least = self
            .cost_bytes(seen)
            .saturating_add(self.best_next(seen, view));
        match rounds_ahead::going_on(seen, view, self.slowdown) {
            Some(best) if Unconfirmed::is_possible(seen, view) || is_steady(seen, view) => best,
            Some(best) => best.min(least),
            None => least,
        }
    }

    /// The least that the next round may leave. One sync is no plateau: it may have found zero pages, which take no
    /// time, or pages that are written once. Unless the processors show more, the round may leave nothing.
    fn best_next(&self, seen: &Observed, view: &View) -> u64 {
        match (self.before, self.forecast(view)) {
            (None, None) => 0,
            _ => seen.next,
        }
    }

    /// Whether a quiet phase is worth waiting for that the guest has shown only before the migration.
    fn expects_phase(&self, seen: &Observed, view: &View) -> bool {
        view.prior.phases().is_some_and(|phases| {
            let remainder = Remainder {
                remaining: seen.remaining,
                busy: self.busiest.max(seen.remaining),
                last_idle: 0,
                dirtied: 0,
                shortest: seen.shortest,
            };
            let forecast = Forecast::new(&phases, view.bytes_per_s);
            !forecast.is_worth(&remainder, |bytes| self.slowdown.of(bytes))
        })
    }

    fn without_forecast(&self, seen: &Observed, quiet: bool) -> Cause {
        if quiet && self.quiet_pays(seen) {
            Cause::Quiet
        } else if seen.remaining <= self.reservation_bytes().max(self.last_threshold_bytes()) {
            Cause::Reservation
        } else {
            Cause::Waiting
        }
    }

    /// The threshold of the last decision, if that was to switch over: a guest refused with no more than that still
    /// stops.
    fn last_threshold_bytes(&self) -> u64 {
        let switching = Some(self.decision).filter(|decision| decision.cause.stops());
        switching
            .and_then(|decision| decision.threshold_bytes())
            .unwrap_or(0)
    }

    /// Adds a round to the plateau; tells whether the guest has turned quieter than the plateau.
    ///
    /// On a plateau a guest dirties as much as the link sends, and in a shorter time at least in proportion (the
    /// working-set curve is concave). Less than that is quiet.
    fn add_to_plateau(&mut self, seen: &Observed) -> bool {
        let high = self.plateau.highest().max(seen.remaining);
        let busy = seen.span.min(high);
        let quiet = seen.fresh < busy - self.slowdown.of(busy);
        // A round that dirtied part of what the plateau does was busy for that part of its time.
        let calm = seen.span - scale(seen.span, seen.fresh.min(busy), busy.max(1));
        if !quiet && self.quiet_for > 0 {
            self.broken_quiet = Some(self.quiet_for);
        }
        self.quiet_for = if quiet {
            self.quiet_for.saturating_add(calm)
        } else {
            0
        };
        let weight = scale(ROUND, seen.span, high);
        // The first round sends what must be sent: it is no waiting.
        if self.before.is_some() {
            self.waited = self.waited.saturating_add(weight);
        }
        self.plateau.push(seen.remaining, weight.min(ROUND));
        quiet
    }

    /// The cost of one more round, in bytes of pause.
    fn cost_bytes(&self, seen: &Observed) -> u64 {
        self.slowdown.of(seen.remaining.max(seen.shortest))
    }

    /// The reservation value: the remainder at which stopping is worth as much as going on.
    fn reservation_bytes(&self) -> u64 {
        self.plateau
            .reservation_bytes(self.slowdown.of(self.plateau.mean()), PRIOR)
    }

    /// The threshold while waiting: part of the plateau, but no more than the reservation value.
    fn probe_bytes(&self) -> u64 {
        scale(self.plateau.highest(), PROBE_PERCENT, 100).min(self.reservation_bytes())
    }

    /// Whether a quieter phase is worth one more round.
    ///
    /// A phase of age a outlasts a further span x with probability a/(a + x) (Lindy's law, for durations of no known
    /// scale); a is how long the quiet phase was seen, x the time to send the remaining memory. If it lasts, the round
    /// leaves `next`; if not, the wait starts again, which is worth the reservation value.
    fn quiet_pays(&self, seen: &Observed) -> bool {
        let (high, remaining) = (self.plateau.highest(), seen.remaining);
        // Between the least that a shorter round leaves, and all that this one dirtied: W(x) is concave.
        let next = seen.next.midpoint(seen.fresh).min(remaining);
        let both = self.quiet_for.saturating_add(remaining);
        // One that broke shows how long they are.
        if self.broken_quiet.is_some_and(|broken| both > broken) {
            return false;
        }
        let lindy = scale(ROUND, self.quiet_for, both);
        let of = (1 + self.lasted + self.broke) * ROUND;
        let holds = lindy + self.lasted * ROUND;
        let kept = scale(next, holds, of);
        let lost = scale(self.reservation_bytes().min(high), of - holds, of);
        self.cost_bytes(seen)
            .saturating_add(kept)
            .saturating_add(lost)
            < remaining
    }

    /// Widens the margin if QEMU refused a switchover for a little more than the threshold: bandwidth or guest vary by
    /// more than the margin.
    fn widen_if_refused(&mut self, cause: Cause, remaining: u64) {
        let threshold = self.decision.threshold_bytes().unwrap_or(0);
        let close = remaining <= with_margin(threshold, MARGIN_MAX_PERCENT);
        let again = |cause| matches!(cause, Cause::Reservation | Cause::Patience);
        if again(cause) && again(self.decision.cause) && close {
            self.margin_percent = (self.margin_percent * 2).min(MARGIN_MAX_PERCENT);
        }
    }
}

/// Whether the guest was watched before for as long as one more round takes, and showed no phases.
fn is_steady(seen: &Observed, view: &View) -> bool {
    let round = seen.remaining.max(seen.shortest);
    view.prior.is_steady(span_of(round, view.bytes_per_s))
}

impl Law for Adaptive {
    fn name(&self) -> &'static str {
        match (self.postcopy, self.counted) {
            (true, _) => "adaptive-or-postcopy",
            (false, true) => "adaptive",
            (false, false) => "adaptive-without-counters",
        }
    }

    fn wants_writes(&self) -> bool {
        self.counted
    }

    fn decide(&mut self, view: &View) -> Decision {
        self.slowdown = self.round_cost(view);
        self.idle_remainders.see(view.phases.as_ref());
        if let Some(round) = &view.round {
            self.decision = self.at_sync(round, view);
            return self.decision;
        }
        if let Some(waiting) = self.unconfirmed {
            if let Some(decision) = waiting.confirmed(self.decision, view) {
                self.unconfirmed = None;
                self.decision = decision;
            }
            return self.decision;
        }
        let turned = match self.decision.cause {
            Cause::Waiting => self.turned_idle(view).or_else(|| self.phase_ends(view)),
            Cause::Quiet => self.phase_ends(view).or_else(|| self.turned_busy(view)),
            Cause::Falling => self.phase_ends(view),
            _ => None,
        };
        self.decision = turned.unwrap_or(self.decision);
        self.decision
    }
}

#[cfg(test)]
mod tests;
