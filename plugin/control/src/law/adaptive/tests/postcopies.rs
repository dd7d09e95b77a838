//! Guests that may switch to post-copy.

use super::phases::phases;
use super::*;
use crate::law::Fetch;
use crate::policy::Policy;

/// The threshold is given as well, in case post-copy is refused.
#[test]
fn post_copy_is_used_where_allowed_and_much_remains() {
    let ended = |remaining: u64| {
        let mut run = Run::new(40 * remaining);
        run.law = Adaptive::new(Slowdown::DEFAULT).or_postcopy();
        (0..9)
            .map(|_| run.sync(remaining))
            .find(|decision| decision.cause.stops())
            .expect("an end")
    };
    let much = ended(1000 * MB);
    assert_eq!(much.action, Some(Action::StartPostcopy));
    assert_eq!(much.threshold_bytes(), Some(1150 * MB));
    assert_eq!(ended(60 * MB).action, None);
}

/// Another round does not save memory that would be fetched anyway; without post-copy it does.
#[test]
fn where_post_copy_is_ruled_out_a_round_costs_delta() {
    let second = |postcopy_ruled_out| {
        let mut run = Run::new(400 * MB);
        run.law = run.law.or_postcopy();
        run.view.postcopy_ruled_out = postcopy_ruled_out;
        run.sync(400 * MB);
        // Another round saves 11 % of 355 MB: more than 10 %, less than 12.5.
        let decision = run.sync(355 * MB);
        (decision.cause, decision.action)
    };
    assert_eq!(second(true), (Cause::Falling, None));
    let by_postcopy = (Cause::Reservation, Some(Action::StartPostcopy));
    assert_eq!(second(false), by_postcopy);
}

/// Fetching is slower than sending.
#[test]
fn with_a_low_post_copy_rate_the_guest_is_stopped() {
    let action = |postcopy_speed_max_mib_per_s| {
        let mut run = Run::new(4000 * MB);
        run.law = run.law.or_postcopy();
        run.view.fetch = Fetch::of(&Policy {
            postcopy_speed_max_mib_per_s,
            ..Policy::default()
        });
        let mut decisions = (0..9).map(|_| run.sync(1000 * MB));
        decisions.find(|d| d.cause.stops()).expect("an end").action
    };
    assert_eq!(action(None), Some(Action::StartPostcopy));
    assert_eq!(action(Some(5)), None);
}

/// At the end of a phase too short to send all, as at a sync.
#[test]
fn at_the_end_of_an_idle_phase_post_copy_is_used_where_allowed() {
    let at_the_end_of_an_idle_phase = |or_postcopy| {
        let mut run = Run::new(2000 * MB);
        if or_postcopy {
            run.law = run.law.or_postcopy();
        }
        run.view.phases = phases(false, Duration::from_secs(2));
        run.causes(&[1000; 2]);
        run.view.phases = phases(true, Duration::from_millis(2000));
        assert!(!run.sync_after(900 * MB, 1000 * MB).cause.stops());
        let last_moment = View {
            bytes_per_s: LINK,
            sample: remaining(600 * MB),
            phases: phases(true, Duration::from_millis(2800)),
            ..View::default()
        };
        let decision = run.law.decide(&last_moment);
        (decision.cause, decision.action)
    };
    let by_postcopy = (Cause::Reservation, Some(Action::StartPostcopy));
    assert_eq!(at_the_end_of_an_idle_phase(true), by_postcopy);
    assert_eq!(
        at_the_end_of_an_idle_phase(false),
        (Cause::Reservation, None)
    );
}
