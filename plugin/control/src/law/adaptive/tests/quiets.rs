//! Quiets, as memory shows them: which are taken, and which are followed.

use super::*;

#[test]
fn what_was_not_sent_is_no_news() {
    // Half of 200 was sent, and 100 + 16 are left: the guest dirtied 16 while 100 were sent.
    let mut run = Run::patient(400 * MB);
    run.sync(200 * MB);
    run.sync(200 * MB);
    assert_eq!(run.sync_after(100 * MB, 116 * MB).cause, Cause::Quiet);
}

/// The trial of a real FT code on 200 Mbit/s: 768 MiB, rounds of 10 s. The 128 is a gift.
#[test]
fn a_deep_drop_below_a_long_plateau_is_taken() {
    let mut run = Run::new(768 * MB);
    let mut going = std::vec::Vec::new();
    for r in [315, 255, 256, 256, 128] {
        going.push(run.sync(r * MB).cause);
    }
    assert_eq!(going[4], Cause::Reservation);
}

/// Phases longer than two rounds: the first quiet round is followed to the end.
#[test]
fn a_quiet_that_came_soon_is_followed() {
    let mut run = Run::patient(400 * MB);
    run.sync(216 * MB);
    run.sync(216 * MB);
    assert_eq!(run.causes(&[60, 16, 1]), [Cause::Quiet; 3]);
}

/// Whatever is left, however it comes: the wait costs no more than the pause.
#[test]
fn a_guest_that_promises_for_ever_is_not_waited_for_for_ever() {
    let mut run = Run::new(400 * MB);
    let went = (0..100).position(|n| {
        let remaining = if n % 4 == 3 { 30 } else { 200 };
        run.sync(remaining * MB).cause.goes()
    });
    assert!(went.is_some_and(|n| n <= 16), "{went:?}");
}

#[test]
fn a_quiet_that_breaks_is_waited_for_again() {
    let mut run = Run::new(400 * MB);
    run.sync(216 * MB);
    run.sync(216 * MB);
    run.sync(20 * MB);
    assert_eq!(run.sync(216 * MB).cause, Cause::Waiting);
}

/// The guest has shown that its quiet ends within a round: the next one is taken.
#[test]
fn a_quiet_that_broke_is_not_followed_again() {
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

/// A quiet that was followed and broke was no longer than that; the next is taken as it is.
#[test]
fn a_quiet_that_broke_once_is_not_followed_again() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216]);
    assert_eq!(run.causes(&[40, 216]), [Cause::Quiet, Cause::Waiting]);
    run.sync(216 * MB);
    assert_eq!(run.sync(40 * MB).cause, Cause::Reservation);
}

/// As the law weighs it by its experience, and not by the length alone: that was longer than this takes.
#[test]
fn a_quiet_after_one_that_broke_is_followed_less() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216, 12, 216, 196, 180]);
    assert_eq!(run.sync(20 * MB).cause, Cause::Reservation);
}

#[test]
fn a_quiet_that_held_is_followed_more() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216]);
    assert_eq!(run.causes(&[40, 12]), [Cause::Quiet; 2]);
}

/// Held as often as broken, but no longer than this one would have to.
#[test]
fn a_quiet_is_followed_for_no_longer_than_the_one_that_broke() {
    let mut run = Run::new(400 * MB);
    run.causes(&[216, 216, 12, 3, 216, 216]);
    assert_eq!(run.sync(30 * MB).cause, Cause::Reservation);
}
