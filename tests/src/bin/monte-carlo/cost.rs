//! The cost of a migration under a law, against the best stop of the same guest.

use libvirt_hpc_tests::plant::{End, Outcome};

/// delta in all of these runs.
pub(crate) const DELTA: f64 = 0.1;

/// The speed of the application while its memory is missing, after post-copy, as a share of its full speed: missing
/// pages come over the link one by one. An estimate, not yet measured.
pub(crate) const FETCH_SPEED: f64 = 0.2;

/// The least difference to the best that counts without the first round, seconds.
const INSTANT_S: f64 = 1e-3;

/// One guest under one law, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// The guest arrived.
    pub(crate) completed: bool,
    /// `J`; for a law that has not completed, its least cost.
    pub(crate) j_s: f64,
    /// The part of the first round, which every law pays.
    pub(crate) first_round_s: f64,
    pub(crate) pause_s: f64,
    pub(crate) total_s: f64,
    /// Work lost to throttling.
    pub(crate) throttled_s: f64,
}

/// The best stop there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    pub(crate) j_s: f64,
    pub(crate) pause_s: f64,
    pub(crate) total_s: f64,
}

impl Best {
    pub(crate) fn of(best: &Outcome) -> Self {
        Self {
            j_s: best.j(DELTA),
            pause_s: best.pause.as_secs_f64(),
            total_s: best.total.as_secs_f64(),
        }
    }
}

impl Cost {
    /// Of `got`, if `best` was possible and the first round takes `first_round_s`.
    pub(crate) fn of(got: &Outcome, best: &Outcome, first_round_s: f64) -> Self {
        let first_round_s = first_round_s
            .min(best.precopy.as_secs_f64())
            .min(got.precopy.as_secs_f64());
        Self {
            completed: matches!(got.end, End::Completed | End::Postcopy),
            j_s: j_s(got, best),
            first_round_s: DELTA * first_round_s,
            pause_s: got.pause.as_secs_f64(),
            total_s: got.total.as_secs_f64(),
            throttled_s: got.throttled.as_secs_f64(),
        }
    }

    /// `J` over the best.
    pub(crate) fn ratio(&self, best: &Best) -> f64 {
        self.j_s / best.j_s
    }

    /// The same without the cost of the first round.
    pub(crate) fn ratio_after_first_round(&self, best: &Best) -> f64 {
        let rest = |j_s: f64| (j_s - self.first_round_s).max(INSTANT_S);
        rest(self.j_s) / rest(best.j_s)
    }
}

/// The cost of a law that has not ended by the horizon is higher than so far. One that aborts must begin again, and
/// then stops at best at the best moment.
fn j_s(got: &Outcome, best: &Outcome) -> f64 {
    let fetch_s = (1.0 - FETCH_SPEED) * got.fetch().as_secs_f64();
    let again_s = match got.end {
        End::Aborted | End::Failed => best.j(DELTA),
        End::Completed | End::Postcopy | End::Never => 0.0,
    };
    got.spent(DELTA) + fetch_s + again_s
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(end: End, total_s: u64, pause_s: u64, precopy_s: u64) -> Outcome {
        Outcome {
            end,
            total: Duration::from_secs(total_s),
            pause: Duration::from_secs(pause_s),
            precopy: Duration::from_secs(precopy_s),
            throttled: Duration::ZERO,
            bytes: 0,
            iterations: 2,
        }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    /// The best: 20 s of pre-copy, 2 s of pause: J = 4.
    fn best() -> Outcome {
        outcome(End::Completed, 22, 2, 20)
    }

    #[test]
    fn every_end_has_its_cost() {
        let j = |got: Outcome| Cost::of(&got, &best(), 10.0).j_s;
        near(j(outcome(End::Completed, 33, 3, 30)), 6.0);
        near(j(outcome(End::Never, 100, 0, 100)), 10.0);
        near(j(outcome(End::Aborted, 70, 0, 70)), 7.0 + 4.0);
        // 4 s without all of its memory, at a fifth of its speed.
        near(j(outcome(End::Postcopy, 15, 1, 10)), 1.0 + 1.0 + 3.2);
        let throttled = Outcome {
            throttled: Duration::from_secs(5),
            ..outcome(End::Completed, 33, 3, 30)
        };
        near(j(throttled), 11.0);
    }

    #[test]
    fn the_first_round_is_taken_off_both() {
        let cost = Cost::of(&outcome(End::Completed, 33, 3, 30), &best(), 10.0);
        near(cost.ratio(&Best::of(&best())), 6.0 / 4.0);
        near(cost.ratio_after_first_round(&Best::of(&best())), 5.0 / 3.0);
        assert!(cost.completed);
        // A law that stops in the first round has not paid all of it.
        let early = Cost::of(&outcome(End::Completed, 13, 8, 5), &best(), 10.0);
        near(early.ratio_after_first_round(&Best::of(&best())), 8.0 / 3.5);
    }
}
