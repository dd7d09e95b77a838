//! Before going: a look at what the guest writes now.
//!
//! A sync tells what was written in the round, not when. A guest that has left all of its hot set may have turned quiet since, and
//! the first writes after the sync show it within a look or two, which cost little of a long round.

use core::time::Duration;

use super::Adaptive;
use crate::event::Cause;
use crate::law::look::Look;
use crate::law::{Decision, View};
use crate::time::Timestamp;

/// For how long what the guest writes is waited for: the counter is read each 100 ms.
const MOST: Duration = Duration::from_millis(300);

/// It is waited for only where what is left takes so many times the shortest round: else it costs what it can tell.
const WORTH: u64 = 4;

/// A decision to go that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    decision: Decision,
    /// What is done where nothing shows.
    otherwise: Decision,
    until: Timestamp,
}

impl Adaptive {
    /// Whether a look at what the guest writes now is worth it.
    pub(super) fn can_look_again(look: &Look, view: &View) -> bool {
        view.writes.counts_all() && look.remaining > WORTH * look.shortest
    }

    /// The decision of a sync, or to look at what the guest writes before it goes. After the first round, which tells nothing of
    /// rewriting, it goes for nothing less than having seen that the guest is busy.
    pub(super) fn look_again(&mut self, decision: Decision, look: &Look, view: &View) -> Decision {
        self.second_look = None;
        let goes = decision.cause == Cause::Reservation;
        let shows = view.writes.shows_quiet() && look.remaining > WORTH * look.shortest;
        if !goes || view.phases.is_some() || !shows {
            return decision;
        }
        let floor = self.slowdown.of(look.shortest);
        let otherwise = if self.before.is_some() {
            decision
        } else {
            Decision::accept(floor, Cause::Falling)
        };
        self.second_look = Some(Held {
            decision,
            otherwise,
            until: view.sample.at.after(MOST),
        });
        Decision::accept(floor, Cause::Waiting)
    }

    /// Goes as it was decided, unless the guest is quiet.
    pub(super) fn at_second_look(&mut self, held: &Held, view: &View) -> Decision {
        let decision = match view.writes.quiet() {
            Some(true) => Decision {
                cause: Cause::Quiet,
                ..self.decision
            },
            Some(false) => held.decision,
            None if view.sample.at >= held.until => held.otherwise,
            None => return self.decision,
        };
        self.second_look = None;
        decision
    }
}
