//! Guests whose processors show their phases.

use super::*;

/// QEMU finds far more than the little that was accepted at the end of a quiet: that is no margin too small.
#[test]
fn a_guest_that_turned_busy_in_the_last_moment_is_no_refusal() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.causes(&[134; 2]);
    run.view.phases = phases(true, Duration::from_millis(2000));
    assert_eq!(run.sync_after(64 * MB, 134 * MB).cause, Cause::Quiet);
    let last_moment = View {
        bytes_per_s: LINK,
        sample: left(10 * MB),
        phases: phases(true, Duration::from_millis(2800)),
        ..View::default()
    };
    assert_eq!(run.law.decide(&last_moment).cause, Cause::Reservation);
    run.view.phases = None;
    let busy = run.sync_after(124 * MB, 134 * MB);
    assert_eq!(busy.cause, Cause::Reservation);
    assert_eq!(busy.accept_bytes(), Some(134 * MB * 115 / 100));
}

/// A guest of 134 MB that is busy for 3 s and idle for 3 s, seen `age` after it turned.
pub(super) fn phases(idle: bool, age: Duration) -> Option<Phases> {
    Some(Phases {
        idle,
        age,
        busy_span: Some(Duration::from_secs(3)),
        idle_span: Some(Duration::from_secs(3)),
        idle_whole: true,
        busy_in_round: Duration::from_secs(1),
    })
}

#[test]
fn a_known_quiet_phase_is_waited_for_until_idling_is_seen_to_mean_nothing() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    assert!(!run.causes(&[134; 6]).contains(&Cause::Reservation));
    run.view.idle_round = Some(true);
    assert_eq!(run.sync(134 * MB).cause, Cause::Reservation);
}

#[test]
fn one_that_is_too_far_off_is_not() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::ZERO);
    if let Some(phases) = &mut run.view.phases {
        phases.busy_span = Some(Duration::from_secs(30));
    }
    assert_eq!(run.causes(&[134; 2]), [Cause::Falling, Cause::Reservation]);
}

#[test]
fn a_guest_that_turns_idle_is_looked_at_at_once() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.causes(&[134; 2]);
    let half_sent = View {
        bytes_per_s: LINK,
        sample: left(70 * MB),
        phases: phases(true, Duration::from_millis(200)),
        ..View::default()
    };
    let decision = run.law.decide(&half_sent);
    assert_eq!(decision.cause, Cause::Quiet);
    assert_eq!(decision.accept_bytes(), Some(70 * MB));
    run.view.phases = half_sent.phases;
    let sync = run.sync_after(64 * MB, 134 * MB);
    assert_eq!(
        (sync.cause, sync.accept_bytes()),
        (Cause::Quiet, Some(LINK / 100))
    );
}

/// What the busy guest dirtied since the sync may all be among what is not sent yet: a sync would find no more
/// than that, and stop the guest with it.
#[test]
fn one_that_was_hardly_busy_since_the_sync_is_not() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.causes(&[134; 2]);
    let early = View {
        bytes_per_s: LINK,
        sample: left(110 * MB),
        phases: phases(true, Duration::from_millis(200)),
        ..View::default()
    };
    assert_eq!(run.law.decide(&early).cause, Cause::Waiting);
}

/// What a look finds between two syncs: so much left of the last one, in such a phase.
fn look_at(law: &mut Adaptive, remaining_bytes: u64, phases: Option<Phases>) -> Decision {
    law.decide(&View {
        bytes_per_s: LINK,
        sample: left(remaining_bytes),
        phases,
        ..View::default()
    })
}

/// A second of 3 s of quiet: 117 of 134 MB can be sent, and what the guest dirtied before is still to be found.
#[test]
fn at_the_end_of_a_quiet_too_short_for_all_the_rest_is_taken() {
    let short = |idle, age_ms| {
        phases(idle, Duration::from_millis(age_ms)).map(|phases| Phases {
            idle_span: Some(Duration::from_secs(1)),
            ..phases
        })
    };
    let mut run = Run::new(400 * MB);
    run.view.phases = short(false, 2900);
    assert_eq!(run.causes(&[134; 2]), [Cause::Falling, Cause::Waiting]);
    let early = look_at(&mut run.law, 100 * MB, short(true, 400));
    assert_eq!(early.cause, Cause::Waiting);
    let late = look_at(&mut run.law, 50 * MB, short(true, 800));
    assert_eq!(late.cause, Cause::Reservation);
    let found = 134 * MB - LINK * 8 / 10;
    assert_eq!(late.accept_bytes(), Some(found.max(50 * MB) * 115 / 100));
}

/// Also in the round after the first, of which nothing but R is known.
#[test]
fn a_quiet_that_ends_while_memory_falls_is_taken_if_the_next_is_far() {
    let ends_with = |remaining| {
        let mut run = Run::new(400 * MB);
        run.sync(134 * MB);
        let mut phases = phases(true, Duration::from_millis(2900));
        if let Some(phases) = &mut phases {
            phases.busy_in_round = Duration::ZERO;
        }
        look_at(&mut run.law, remaining, phases).cause
    };
    // The next begins in 3.1 s, which costs 36 MB, and takes all: 13 MB.
    assert_eq!(ends_with(40 * MB), Cause::Reservation);
    assert_eq!(ends_with(60 * MB), Cause::Falling);
}

/// Here 40 MB are left of 134, or 60, and a second more of quiet would send them.
#[test]
fn a_sync_in_the_last_moment_does_not_follow_the_fall() {
    let finds = |remaining, age_ms| {
        let mut run = Run::new(400 * MB);
        run.sync(134 * MB);
        run.view.phases = phases(true, Duration::from_millis(age_ms));
        run.sync_after(100 * MB, remaining).cause
    };
    assert_eq!(finds(40 * MB, 2900), Cause::Reservation);
    assert_eq!(finds(60 * MB, 2900), Cause::Falling, "the next costs 49 MB");
    assert_eq!(finds(40 * MB, 1500), Cause::Falling, "there is time");
}

#[test]
fn the_end_of_a_quiet_is_no_guess() {
    let mut run = Run::new(400 * MB);
    run.sync(134 * MB);
    let guessed = phases(true, Duration::from_millis(2900)).map(|phases| Phases {
        idle_whole: false,
        ..phases
    });
    assert_eq!(
        look_at(&mut run.law, 40 * MB, guessed).cause,
        Cause::Falling
    );
}

/// A checkpoint in a short idle round is more than the link sends meanwhile, but far from what the busy guest leaves.
#[test]
fn a_little_that_is_written_in_the_quiet_does_not_refute_it() {
    let waits = |remaining| {
        let mut run = Run::new(400 * MB);
        run.view.phases = phases(false, Duration::from_secs(2));
        run.causes(&[134, 134]);
        run.view.idle_round = Some(true);
        run.sync_after(124 * MB, remaining);
        run.view.idle_round = None;
        run.sync_after(remaining, 134 * MB).cause == Cause::Waiting
    };
    assert!(waits(30 * MB));
    assert!(!waits(134 * MB));
}

/// Where the quiet has time for what is pending and no more, a sync comes too late for what was dirtied before.
#[test]
fn one_that_was_hardly_busy_is_looked_at_where_the_quiet_is_short() {
    let turned = |idle_span_ms, pending| {
        let mut run = Run::new(400 * MB);
        run.view.phases = phases(false, Duration::from_secs(2));
        run.causes(&[134; 2]);
        let phases = phases(true, Duration::from_millis(200)).map(|phases| Phases {
            idle_span: Some(Duration::from_millis(idle_span_ms)),
            busy_in_round: Duration::from_millis(500),
            ..phases
        });
        look_at(&mut run.law, pending, phases).cause
    };
    // What is found later is 96 MB, of which 3 MB are sent: the guest may as well stop with the 90.
    assert_eq!(turned(1000, 90 * MB), Cause::Quiet);
    assert_eq!(turned(3000, 90 * MB), Cause::Waiting, "time for both");
}

/// 1 s of 134 MB, 1 s of quiet in which 53 MB are written: 70 MB are left by each spell, where 17 are foreseen.
#[test]
fn what_the_guest_writes_in_its_quiet_is_learnt_from_the_last_one() {
    let short = |idle, age_ms| {
        phases(idle, Duration::from_millis(age_ms)).map(|phases| Phases {
            busy_span: Some(Duration::from_secs(1)),
            idle_span: Some(Duration::from_secs(1)),
            busy_in_round: Duration::ZERO,
            ..phases
        })
    };
    let mut run = Run::new(400 * MB);
    run.view.phases = short(false, 900);
    run.causes(&[134; 2]);
    let ends = look_at(&mut run.law, 17 * MB, short(true, 800));
    assert_eq!(ends.accept_bytes(), Some(17 * MB * 115 / 100));
    run.view.phases = short(true, 800);
    let refused = run.sync_after(117 * MB, 70 * MB);
    assert!(!refused.cause.goes(), "the next costs 58 MB");
    run.view.phases = short(false, 900);
    run.sync(134 * MB);
    let ends = look_at(&mut run.law, 17 * MB, short(true, 800));
    assert_eq!(ends.accept_bytes(), Some(70 * MB * 115 / 100));
}
