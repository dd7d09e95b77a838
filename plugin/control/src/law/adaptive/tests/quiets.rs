//! Quiet phases as memory shows them: when to stop in one, and when to follow it.

use super::*;

#[test]
fn unsent_bytes_are_not_newly_dirtied() {
    // Half of 200 was sent, and 100 + 16 remain: the guest dirtied 16 while 100 were sent.
    let mut run = Run::patient(400 * MB);
    run.sync(200 * MB);
    run.sync(200 * MB);
    assert_eq!(run.sync_after(100 * MB, 116 * MB).cause, Cause::Quiet);
}

/// A trial with a real FT code on 200 Mbit/s: 768 MiB, rounds of 10 s. The 128 is a rare drop.
#[test]
fn a_deep_drop_below_a_long_plateau_is_used() {
    let mut run = Run::new(768 * MB);
    let mut going = std::vec::Vec::new();
    for r in [315, 255, 256, 256, 128] {
        going.push(run.sync(r * MB).cause);
    }
    assert_eq!(going[4], Cause::Reservation);
}

/// Phases longer than two rounds: the first quiet round is followed to the end.
#[test]
fn an_early_quiet_phase_is_followed() {
    let mut run = Run::patient(400 * MB);
    run.sync(216 * MB);
    run.sync(216 * MB);
    assert_eq!(run.causes(&[60, 16, 1]), [Cause::Quiet; 3]);
}

/// Whatever remains, and in whatever order: the wait costs no more than the pause.
#[test]
fn waiting_ends_however_often_a_guest_turns_quiet() {
    let mut run = Run::new(400 * MB);
    let went = (0..100).position(|n| {
        let remaining = if n % 4 == 3 { 30 } else { 200 };
        run.sync(remaining * MB).cause.stops()
    });
    assert!(went.is_some_and(|n| n <= 16), "{went:?}");
}

/// Each round takes as long as one of the plateau, and costs a tenth of the pause: twice the pause is waited for.
#[test]
fn a_quiet_phase_that_never_ends_in_anything_is_followed_for_as_long_again_as_any_wait() {
    let mut run = Run::new(400 * MB);
    run.causes(&[134; 2]);
    let mut causes = (0..30).map(|_| run.sync_after(134 * MB, 30 * MB).cause);
    let followed = causes.position(|cause| cause != Cause::Quiet);
    assert!(
        followed.is_some_and(|n| (18..=20).contains(&n)),
        "{followed:?}"
    );
    assert_eq!(run.sync_after(134 * MB, 30 * MB).cause, Cause::Patience);
}

/// A guest that dirtied a third of that was busy for a third of the round, not quiet for all of it.
#[test]
fn a_round_counts_as_quiet_for_the_part_that_was_not_dirtied() {
    for (remaining, cause) in [(48, Cause::Quiet), (72, Cause::Reservation)] {
        let mut run = Run::new(400 * MB);
        run.causes(&[216; 2]);
        assert_eq!(run.sync(remaining * MB).cause, cause, "{remaining}");
    }
}

#[test]
fn after_a_broken_quiet_phase_waiting_goes_on() {
    let mut run = Run::new(400 * MB);
    run.sync(216 * MB);
    run.sync(216 * MB);
    run.sync(20 * MB);
    assert_eq!(run.sync(216 * MB).cause, Cause::Waiting);
}

/// The quiet phases have been seen to end within a round, so the guest is stopped in the next.
#[test]
fn quiet_phases_that_broke_repeatedly_are_not_followed() {
    let causes = |broken: bool| {
        let mut run = Run::new(400 * MB);
        run.causes(&[134; 2]);
        for _ in 0..3 {
            run.sync_after(134 * MB, 30 * MB);
            if broken {
                run.sync_after(30 * MB, 134 * MB);
            }
        }
        run.sync_after(134 * MB, 30 * MB).cause
    };
    assert_eq!(causes(true), Cause::Reservation);
    assert_eq!(causes(false), Cause::Quiet, "without that experience");
}

/// The quiet phase that broke shows their length, so the guest is stopped in the next as it is.
#[test]
fn a_quiet_phase_that_broke_once_is_not_followed_again() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216]);
    assert_eq!(run.causes(&[40, 216]), [Cause::Quiet, Cause::Waiting]);
    run.sync(216 * MB);
    assert_eq!(run.sync(40 * MB).cause, Cause::Reservation);
}

/// By the number of phases that broke, not by their length alone: that was longer than this takes.
#[test]
fn a_quiet_phase_after_a_broken_one_is_followed_less() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216, 12, 216, 196, 180]);
    assert_eq!(run.sync(20 * MB).cause, Cause::Reservation);
}

#[test]
fn a_quiet_phase_that_lasted_is_followed_more() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216]);
    assert_eq!(run.causes(&[40, 12]), [Cause::Quiet; 2]);
}

/// As many lasted as broke, but none as long as this one would have to.
#[test]
fn a_quiet_phase_is_followed_no_longer_than_the_one_that_broke() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216, 12, 3, 216, 216]);
    assert_eq!(run.sync(30 * MB).cause, Cause::Reservation);
}
