//! Confirmation of a switchover by the guest's present writes.
//!
//! A sync tells how much was written in the round, not when. A guest that has rewritten its whole working set may have
//! turned quiet since. The first writes after the sync show that within a sample or two, which is little of a long
//! round.

use core::time::Duration;

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

impl Unconfirmed {
    /// Whether the write count can confirm a decision, and enough remains.
    pub(super) fn is_possible(seen: &Observed, view: &View) -> bool {
        view.writes.counts_all() && seen.remaining > WORTH * seen.shortest
    }

    /// The decision of a sync, if it is to wait; `otherwise` is taken if nothing shows.
    pub(super) fn new(
        decision: Decision,
        otherwise: Decision,
        seen: &Observed,
        view: &View,
    ) -> Option<Self> {
        // A guest that was known to have phases before is waited for; it may be quiet now.
        let open = matches!(decision.cause, Cause::Reservation | Cause::Waiting);
        let shows = view.writes.shows_quiet() && seen.remaining > WORTH * seen.shortest;
        (open && view.phases.is_none() && shows).then(|| Self {
            decision,
            otherwise,
            until: view.sample.at.after(MOST),
        })
    }

    /// The decision as it was taken, unless the guest is quiet; none while nothing shows. `waiting` is the decision
    /// meanwhile, which a quiet guest runs on under.
    pub(super) fn confirmed(&self, waiting: Decision, view: &View) -> Option<Decision> {
        match view.writes.quiet() {
            Some(true) => Some(Decision {
                cause: Cause::Quiet,
                ..waiting
            }),
            Some(false) => Some(self.decision),
            None => (view.sample.at >= self.until).then_some(self.otherwise),
        }
    }
}
