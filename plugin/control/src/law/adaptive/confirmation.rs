//! Confirmation of a switchover by the guest's present writes.
//!
//! A sync tells how much was written in the round, not when. A guest that has rewritten its whole working set may have
//! turned quiet since. The first writes after the sync show that within a sample or two, which is little of a long
//! round.

use core::time::Duration;

use super::Adaptive;
use crate::event::Cause;
use crate::law::observed::Observed;
use crate::law::{Decision, View};
use crate::time::Timestamp;

/// How long the write count is waited for: it is read every 100 ms.
const MOST: Duration = Duration::from_millis(300);

/// Only if the remaining memory takes so many shortest rounds: with less, the wait costs as much as it can tell.
const WORTH: u64 = 4;

/// A decision to switch over that waits for confirmation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unconfirmed {
    decision: Decision,
    /// The decision if nothing shows.
    otherwise: Decision,
    until: Timestamp,
}

impl Adaptive {
    /// Whether the write count can confirm a decision, and enough remains.
    pub(super) fn can_confirm(seen: &Observed, view: &View) -> bool {
        view.writes.counts_all() && seen.remaining > WORTH * seen.shortest
    }

    /// The decision of a sync, or to wait for its confirmation. After the first round, which says nothing of rewriting,
    /// the guest is switched over only if it was seen busy.
    pub(super) fn confirm_first(
        &mut self,
        decision: Decision,
        seen: &Observed,
        view: &View,
    ) -> Decision {
        self.unconfirmed = None;
        let stops = decision.cause == Cause::Reservation;
        let shows = view.writes.shows_quiet() && seen.remaining > WORTH * seen.shortest;
        if !stops || view.phases.is_some() || !shows {
            return decision;
        }
        let floor = self.slowdown.of(seen.shortest);
        let otherwise = if self.before.is_some() {
            decision
        } else {
            Decision::threshold(floor, Cause::Falling)
        };
        self.unconfirmed = Some(Unconfirmed {
            decision,
            otherwise,
            until: view.sample.at.after(MOST),
        });
        Decision::threshold(floor, Cause::Waiting)
    }

    /// The decision as it was taken, unless the guest is quiet.
    pub(super) fn confirm(&mut self, waiting: &Unconfirmed, view: &View) -> Decision {
        let decision = match view.writes.quiet() {
            Some(true) => Decision {
                cause: Cause::Quiet,
                ..self.decision
            },
            Some(false) => waiting.decision,
            None if view.sample.at >= waiting.until => waiting.otherwise,
            None => return self.decision,
        };
        self.unconfirmed = None;
        decision
    }
}
