//! Guests of which something was known before.

use super::*;
use crate::estimate::{CheckedPrior, PhaseSpans, Prior};

const SET_BYTES: u64 = 134 * MB;

/// Busy for so long, and quiet for four seconds.
fn phased(busy_s: u64) -> Option<PhaseSpans> {
    Some(PhaseSpans {
        busy: Duration::from_secs(busy_s),
        quiet: Duration::from_secs(4),
    })
}

/// A guest that writes 134 MB within a second and no more, and was watched for `watched`.
fn known(phases: Option<PhaseSpans>, watched: Duration) -> CheckedPrior {
    CheckedPrior::new(Prior::new(
        [(Duration::from_secs(1), SET_BYTES)],
        phases,
        watched,
    ))
}

/// The causes at syncs that follow a first round of 400 MB, each with so much remaining, MB.
fn causes(mut prior: CheckedPrior, remaining_mb: &[u64]) -> std::vec::Vec<Cause> {
    let mut run = Run::new(400 * MB);
    let decide = |&remaining_mb| {
        let remaining_bytes = remaining_mb * MB;
        let duration = Duration::from_nanos(run.sending * 1000 / (LINK / MB));
        let now = run.view.sample.at.after(duration);
        let round = Round {
            syncs: 1,
            at: now,
            duration,
            remaining_bytes,
            ..Round::default()
        };
        prior.update(now, Some(&round));
        run.view.sample.at = now;
        run.view.prior = prior;
        run.sync(remaining_bytes).cause
    };
    remaining_mb.iter().map(decide).collect()
}

const WATCHED: Duration = Duration::from_secs(8);

/// Without a prior the first sync is no plateau: another round is run to see.
#[test]
fn a_steady_guest_is_switched_over_at_the_first_sync() {
    use Cause::{Falling, Reservation};
    assert_eq!(causes(known(None, WATCHED), &[134]), [Reservation]);
    let unknown = CheckedPrior::default();
    assert_eq!(causes(unknown, &[134, 134]), [Falling, Reservation]);
}

#[test]
fn one_that_writes_otherwise_than_before_is_judged_as_one_of_which_nothing_is_known() {
    for remaining_mb in [[60, 55], [300, 290]] {
        assert_eq!(
            causes(known(None, WATCHED), &remaining_mb),
            causes(CheckedPrior::default(), &remaining_mb)
        );
    }
}

/// A round of 1.15 s says more than a second of watching.
#[test]
fn a_guest_watched_for_less_than_a_round_is_not_known_to_be_steady() {
    let short = known(None, Duration::from_secs(1));
    assert_eq!(causes(short, &[134]), [Cause::Falling]);
}

/// Waiting for three seconds costs 0.4 s of pause at most, stopping now 1.15 s.
#[test]
fn a_quiet_phase_of_before_is_waited_for_if_that_costs_less_than_stopping() {
    use Cause::{Falling, Floor, Reservation, Waiting};
    let waits = causes(known(phased(3), WATCHED), &[134, 134, 134, 1]);
    assert_eq!(waits, [Falling, Waiting, Waiting, Floor]);
    let too_long = causes(known(phased(12), WATCHED), &[134, 134]);
    assert_eq!(too_long, [Falling, Reservation]);
}

/// It should have come after three seconds, and the fourth round after the first sync ends 4.6 s after that.
#[test]
fn a_phase_that_does_not_come_is_not_waited_for_any_longer() {
    let seen = causes(known(phased(3), WATCHED), &[134; 6]);
    assert_eq!(seen[1..4], [Cause::Waiting; 3]);
    assert_eq!(seen[4], Cause::Reservation);
}
