//! Guests that may go over to post-copy.

use super::phases::phases;
use super::*;
use crate::law::Fetch;
use crate::policy::Policy;

/// Who may go over does, where what is left is worth it, and says what to accept where that is refused.
#[test]
fn a_guest_that_may_goes_over_to_postcopy_where_much_is_left() {
    let ended = |left: u64| {
        let mut run = Run::new(40 * left);
        run.law = Adaptive::new(Slowdown::DEFAULT).or_postcopy();
        (0..9)
            .map(|_| run.sync(left))
            .find(|decision| decision.cause.goes())
            .expect("an end")
    };
    let much = ended(1000 * MB);
    assert_eq!(much.action, Some(Action::StartPostcopy));
    assert_eq!(much.accept_bytes(), Some(1150 * MB));
    assert_eq!(ended(60 * MB).action, None);
}

/// What would be fetched later is not spared by another round; once nothing can be fetched, it is.
#[test]
fn where_post_copy_is_ruled_out_a_round_costs_what_it_costs() {
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
    let goes_over = (Cause::Reservation, Some(Action::StartPostcopy));
    assert_eq!(second(false), goes_over);
}

/// What would be fetched more slowly than it is sent is not.
#[test]
fn at_a_low_rate_of_post_copy_the_guest_is_stopped() {
    let action = |postcopy_speed_max_mib_per_s| {
        let mut run = Run::new(4000 * MB);
        run.law = run.law.or_postcopy();
        run.view.fetch = Fetch::of(&Policy {
            postcopy_speed_max_mib_per_s,
            ..Policy::default()
        });
        let mut decisions = (0..9).map(|_| run.sync(1000 * MB));
        decisions.find(|d| d.cause.goes()).expect("an end").action
    };
    assert_eq!(action(None), Some(Action::StartPostcopy));
    assert_eq!(action(Some(5)), None);
}

/// At the last moment of a spell too short to send all, as at a sync.
#[test]
fn what_a_spell_leaves_follows_the_guest_where_it_may() {
    let at_the_end_of_a_spell = |or_postcopy| {
        let mut run = Run::new(2000 * MB);
        if or_postcopy {
            run.law = run.law.or_postcopy();
        }
        run.view.phases = phases(false, Duration::from_secs(2));
        run.causes(&[1000; 2]);
        run.view.phases = phases(true, Duration::from_millis(2000));
        assert!(!run.sync_after(900 * MB, 1000 * MB).cause.goes());
        let last_moment = View {
            bytes_per_s: LINK,
            sample: left(600 * MB),
            phases: phases(true, Duration::from_millis(2800)),
            ..View::default()
        };
        let decision = run.law.decide(&last_moment);
        (decision.cause, decision.action)
    };
    let goes_over = (Cause::Reservation, Some(Action::StartPostcopy));
    assert_eq!(at_the_end_of_a_spell(true), goes_over);
    assert_eq!(at_the_end_of_a_spell(false), (Cause::Reservation, None));
}
