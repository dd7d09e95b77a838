//! Decisions on phases that the guest's processors or writes show: at a sync, and between two.

use super::super::forecast::{Best, Forecast, Remainder};
use super::super::observed::{Observed, ROUND_MIN, in_span, with_margin};
use super::{Adaptive, MARGIN_PERCENT};
use crate::event::Cause;
use crate::law::{Decision, View};

impl Adaptive {
    /// The forecast from the guest's phases, unless they are refuted.
    pub(super) fn forecast(&self, view: &View) -> Option<Forecast> {
        let phases = view.phases.filter(|_| !self.refuted)?;
        Some(Forecast::new(&phases, view.bytes_per_s))
    }

    pub(super) fn with_forecast(&self, forecast: &Forecast, seen: &Observed, view: &View) -> Cause {
        let idled = view.idle_round == Some(true);
        let remainder = Remainder {
            remaining: seen.remaining,
            busy: self.busiest.max(seen.remaining),
            last_idle: self.idle_remainders.expected(),
            // Between the least that a shorter round leaves, and all that this one dirtied.
            dirtied: if idled {
                seen.next.midpoint(seen.fresh)
            } else {
                0
            },
            shortest: seen.shortest,
        };
        match forecast.best(&remainder, |bytes| self.slowdown.of(bytes)) {
            Best::SwitchOver => Cause::Reservation,
            Best::Wait => Cause::Waiting,
            Best::RunOn => Cause::Quiet,
        }
    }

    /// Whether a sync has found the guest at the end of its idle phase with a remainder worth stopping at: R falls no
    /// longer once the phase ends.
    pub(super) fn last_moment(&mut self, seen: &Observed, view: &View) -> bool {
        let Some(forecast) = self.forecast(view).filter(Forecast::is_last_moment) else {
            return false;
        };
        // A round that began before the phase leaves the writes of the busy guest.
        if view.phases.is_some_and(|p| p.busy_in_round.is_zero()) {
            self.idle_remainders.found(seen.remaining);
        }
        let remainder = Remainder {
            remaining: seen.remaining,
            busy: self.busiest,
            last_idle: self.idle_remainders.expected(),
            dirtied: 0,
            shortest: 0,
        };
        self.busiest > 0 && forecast.ends_with(&remainder, |bytes| self.slowdown.of(bytes))
    }

    /// The guest has turned idle in the middle of a round. Pages dirtied before must be found while the phase lasts, so
    /// a limit of the remaining memory makes QEMU sync on demand, and go on if the sync finds more. That is certain if
    /// more was dirtied since the last sync. Otherwise the guest may be stopped with the remaining memory, so the phase
    /// must be too short for both, and stopping the cheaper end.
    pub(super) fn turned_idle(&self, view: &View) -> Option<Decision> {
        let phases = view.phases.filter(|phases| phases.idle)?;
        let forecast = self.forecast(view)?;
        let threshold = view.sample.remaining_bytes;
        let least = in_span(view.bytes_per_s, phases.busy_in_round).min(self.busiest);
        let sure = least > with_margin(threshold, MARGIN_PERCENT);
        // Between dirtying in proportion to time, because W(x) is concave, and the most that the busy guest ever left.
        let dirtied = if phases.busy_in_round.is_zero() {
            0
        } else {
            least.midpoint(self.busiest)
        };
        let late = forecast.late(threshold, dirtied, |bytes| self.slowdown.of(bytes));
        let worth = late.is_some_and(|late| threshold <= late);
        ((sure || worth) && forecast.now() >= threshold)
            .then_some(Decision::threshold(threshold, Cause::Quiet))
    }

    /// The guest has turned busy before all was sent: it is stopped with the rest and its new writes, unless the next
    /// idle phase is worth waiting for.
    pub(super) fn turned_busy(&self, view: &View) -> Option<Decision> {
        let phases = view.phases.filter(|phases| !phases.idle)?;
        let found = view
            .writes
            .sync_on_demand_bytes(view.sample.at.after(ROUND_MIN))?;
        let remainder = Remainder {
            remaining: found,
            busy: self.busiest,
            last_idle: self.idle_remainders.expected(),
            dirtied: 0,
            shortest: 0,
        };
        // Even of phases that a round has refuted: the new writes are counted.
        let forecast = Forecast::new(&phases, view.bytes_per_s);
        let floor = self.slowdown.of(in_span(view.bytes_per_s, ROUND_MIN));
        let threshold = with_margin(found, MARGIN_PERCENT).max(floor);
        let stop = Decision::threshold(threshold, Cause::Reservation);
        forecast
            .is_worth(&remainder, |bytes| self.slowdown.of(bytes))
            .then(|| self.postcopy_if_cheaper(stop, found, view))
    }

    /// The idle phase is about to end before all is sent: R gets no better, unless the next phase is worth waiting for.
    /// A guest that turns busy in that moment is not stopped.
    pub(super) fn phase_ends(&self, view: &View) -> Option<Decision> {
        let phases = view.phases.filter(|phases| phases.idle)?;
        let busy = self.busiest;
        let pending = view.sample.remaining_bytes;
        // A sync would find again what was dirtied since the last one: at most H less the bytes sent in the phase.
        let found = if phases.busy_in_round.is_zero() {
            pending
        } else {
            busy.saturating_sub(in_span(view.bytes_per_s, phases.age))
        };
        let remainder = Remainder {
            remaining: found.max(pending),
            busy,
            last_idle: self.idle_remainders.expected(),
            dirtied: 0,
            shortest: 0,
        };
        let ends = self
            .forecast(view)?
            .ends_with(&remainder, |bytes| self.slowdown.of(bytes));
        // The sync finds the writes of the idle phase as well.
        let threshold = with_margin(remainder.remaining.max(remainder.last_idle), MARGIN_PERCENT);
        let stop = Decision::threshold(threshold, Cause::Reservation);
        ends.then(|| self.postcopy_if_cheaper(stop, remainder.remaining, view))
    }
}
