//! What the law makes of phases that the guest's processors show: at a sync, and between two.

use super::super::foresight::{Best, Left, Outlook};
use super::super::look::{Look, ROUND_MIN, in_span, with_margin};
use super::{Adaptive, MARGIN_PERCENT};
use crate::event::Cause;
use crate::law::{Decision, View};

impl Adaptive {
    /// What the guest's processors tell of the time to come, if they are to be believed.
    pub(super) fn outlook(&self, view: &View) -> Option<Outlook> {
        let phases = view.phases.filter(|_| !self.refuted)?;
        Some(Outlook::new(&phases, view.bytes_per_s))
    }

    pub(super) fn with_foresight(&self, outlook: &Outlook, look: &Look, view: &View) -> Cause {
        let idled = view.idle_round == Some(true);
        let left = Left {
            remaining: look.remaining,
            busy: self.busiest.max(look.remaining),
            spell: self.spells.leave(),
            // Between the least that a shorter round leaves, and all that this one dirtied.
            dirtied: if idled {
                look.next.midpoint(look.fresh)
            } else {
                0
            },
            shortest: look.shortest,
        };
        match outlook.best(&left, |bytes| self.slowdown.of(bytes)) {
            Best::Go => Cause::Reservation,
            Best::Wait => Cause::Waiting,
            Best::Run => Cause::Quiet,
        }
    }

    /// Whether a sync has found the guest at the last moment of its idle spell, with what is worth taking: what falls in
    /// the quiet falls no longer.
    pub(super) fn last_moment(&mut self, look: &Look, view: &View) -> bool {
        let Some(outlook) = self.outlook(view).filter(Outlook::is_last_moment) else {
            return false;
        };
        // A round that began before the spell leaves what the busy guest wrote.
        if view.phases.is_some_and(|p| p.busy_in_round.is_zero()) {
            self.spells.found(look.remaining);
        }
        let left = Left {
            remaining: look.remaining,
            busy: self.busiest,
            spell: self.spells.leave(),
            dirtied: 0,
            shortest: 0,
        };
        self.busiest > 0 && outlook.ends_with(&left, |bytes| self.slowdown.of(bytes))
    }

    /// The guest has turned idle in the midst of a round: what it dirtied before must be found, for there is
    /// quiet to send it in. A limit of what is left makes QEMU sync when it has sent a little more, and it goes
    /// on if the sync finds more. That is sure if what was dirtied since the last sync is more; where it is not, the
    /// guest may be stopped with what is left, and a quiet too short for both must make that the cheaper end.
    pub(super) fn turned_idle(&self, view: &View) -> Option<Decision> {
        let phases = view.phases.filter(|phases| phases.idle)?;
        let outlook = self.outlook(view)?;
        let accept = view.sample.remaining_bytes;
        let least = in_span(view.bytes_per_s, phases.busy_in_round).min(self.busiest);
        let sure = least > with_margin(accept, MARGIN_PERCENT);
        // Between dirtying in proportion to time, for W(x) is concave, and all that the busy guest ever does.
        let dirtied = if phases.busy_in_round.is_zero() {
            0
        } else {
            least.midpoint(self.busiest)
        };
        let late = outlook.late(accept, dirtied, |bytes| self.slowdown.of(bytes));
        let worth = late.is_some_and(|late| accept <= late);
        ((sure || worth) && outlook.now() >= accept)
            .then_some(Decision::accept(accept, Cause::Quiet))
    }

    /// The guest has turned busy with something left: it is stopped with that and what it has written meanwhile, unless the next
    /// idle spell is worth waiting for.
    pub(super) fn turned_busy(&self, view: &View) -> Option<Decision> {
        let phases = view.phases.filter(|phases| !phases.idle)?;
        let found = view
            .writes
            .sync_on_demand_bytes(view.sample.at.after(ROUND_MIN))?;
        let left = Left {
            remaining: found,
            busy: self.busiest,
            spell: self.spells.leave(),
            dirtied: 0,
            shortest: 0,
        };
        // Also of phases that a round has refuted: that it writes now is counted.
        let outlook = Outlook::new(&phases, view.bytes_per_s);
        let floor = self.slowdown.of(in_span(view.bytes_per_s, ROUND_MIN));
        let accept = with_margin(found, MARGIN_PERCENT).max(floor);
        let go = Decision::accept(accept, Cause::Reservation);
        outlook
            .is_worth(&left, |bytes| self.slowdown.of(bytes))
            .then(|| self.or_over(go, found, view))
    }

    /// The idle spell is about to end with something left: that is as good as it gets, unless the next one is
    /// worth waiting for. Whoever turns busy in that moment is refused.
    pub(super) fn spell_ends(&self, view: &View) -> Option<Decision> {
        let phases = view.phases.filter(|phases| phases.idle)?;
        let busy = self.busiest;
        let pending = view.sample.remaining_bytes;
        // What was dirtied since the last sync would be found again: at most all but what was sent in the spell.
        let found = if phases.busy_in_round.is_zero() {
            pending
        } else {
            busy.saturating_sub(in_span(view.bytes_per_s, phases.age))
        };
        let left = Left {
            remaining: found.max(pending),
            busy,
            spell: self.spells.leave(),
            dirtied: 0,
            shortest: 0,
        };
        let ends = self
            .outlook(view)?
            .ends_with(&left, |bytes| self.slowdown.of(bytes));
        // What the guest writes in its quiet is found as well.
        let accept = with_margin(left.remaining.max(left.spell), MARGIN_PERCENT);
        let go = Decision::accept(accept, Cause::Reservation);
        ends.then(|| self.or_over(go, left.remaining, view))
    }
}
