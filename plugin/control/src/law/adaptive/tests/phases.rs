//! Guests whose processors show their phases.

use super::*;

/// At the end of a quiet phase QEMU finds far more than the small threshold: that is no reason to widen the margin.
#[test]
fn a_guest_that_turns_busy_at_the_last_moment_does_not_widen_the_margin() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.causes(&[134; 2]);
    run.view.phases = phases(true, Duration::from_millis(1500));
    assert_eq!(run.sync_after(64 * MB, 134 * MB).cause, Cause::Quiet);
    let last_moment = View {
        bytes_per_s: LINK,
        sample: remaining(10 * MB),
        phases: phases(true, Duration::from_millis(2800)),
        ..View::default()
    };
    assert_eq!(run.law.decide(&last_moment).cause, Cause::Reservation);
    run.view.phases = None;
    let busy = run.sync_after(124 * MB, 134 * MB);
    assert_eq!(busy.cause, Cause::Reservation);
    assert_eq!(busy.threshold_bytes(), Some(134 * MB * 115 / 100));
}

/// A guest of 134 MB that is busy for 3 s and idle for 3 s, `age` into its phase.
pub(super) fn phases(idle: bool, age: Duration) -> Option<Phases> {
    Some(Phases {
        idle,
        age,
        busy_span: Some(Duration::from_secs(3)),
        idle_span: Some(Duration::from_secs(3)),
        idle_whole: true,
        busy_whole: true,
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

/// The phase is known, so nothing but the cost of the shortest round is worth stopping with before it.
#[test]
fn a_known_quiet_phase_is_waited_for_until_that_has_cost_a_pause() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.sync(134 * MB);
    for _ in 0..10 {
        let waits = run.sync(134 * MB);
        assert_eq!(waits.cause, Cause::Waiting);
        assert_eq!(waits.threshold_bytes(), Some(LINK / 100));
    }
    assert_eq!(run.sync(134 * MB).cause, Cause::Patience);
}

/// No busy round is known yet, so nothing tells what the next phase would leave.
#[test]
fn at_the_first_sync_the_end_of_a_quiet_phase_stops_nobody() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(true, Duration::from_millis(2900));
    assert_eq!(run.sync(20 * MB).cause, Cause::Falling);
}

#[test]
fn a_quiet_phase_too_far_off_is_not_waited_for() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::ZERO);
    if let Some(phases) = &mut run.view.phases {
        phases.busy_span = Some(Duration::from_secs(30));
    }
    assert_eq!(run.causes(&[134; 2]), [Cause::Falling, Cause::Reservation]);
}

#[test]
fn a_guest_that_turns_idle_is_synced_on_demand() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.causes(&[134; 2]);
    let half_sent = View {
        bytes_per_s: LINK,
        sample: remaining(70 * MB),
        phases: phases(true, Duration::from_millis(200)),
        ..View::default()
    };
    let decision = run.law.decide(&half_sent);
    assert_eq!(decision.cause, Cause::Quiet);
    assert_eq!(decision.threshold_bytes(), Some(70 * MB));
    run.view.phases = half_sent.phases;
    let sync = run.sync_after(64 * MB, 134 * MB);
    assert_eq!(
        (sync.cause, sync.threshold_bytes()),
        (Cause::Quiet, Some(LINK / 100))
    );
}

/// All that was dirtied since the sync may be among the unsent pages: a sync on demand would find no more, and stop the
/// guest.
#[test]
fn a_guest_hardly_busy_since_the_sync_is_not() {
    let mut run = Run::new(400 * MB);
    run.view.phases = phases(false, Duration::from_secs(2));
    run.causes(&[134; 2]);
    let early = View {
        bytes_per_s: LINK,
        sample: remaining(110 * MB),
        phases: phases(true, Duration::from_millis(200)),
        ..View::default()
    };
    assert_eq!(run.law.decide(&early).cause, Cause::Waiting);
}

/// A decision between two syncs, with so much of the last one remaining, in such a phase.
fn poll_at(law: &mut Adaptive, remaining_bytes: u64, phases: Option<Phases>) -> Decision {
    law.decide(&View {
        bytes_per_s: LINK,
        sample: remaining(remaining_bytes),
        phases,
        ..View::default()
    })
}

/// A quiet phase of 1 s instead of 3: 117 of 134 MB can be sent, and pages dirtied before are still to be found.
#[test]
fn at_the_end_of_a_quiet_phase_too_short_for_all_the_guest_is_switched_over() {
    let short = |idle, age_ms| {
        phases(idle, Duration::from_millis(age_ms)).map(|phases| Phases {
            idle_span: Some(Duration::from_secs(1)),
            ..phases
        })
    };
    let mut run = Run::new(400 * MB);
    run.view.phases = short(false, 2900);
    assert_eq!(run.causes(&[134; 2]), [Cause::Falling, Cause::Waiting]);
    let early = poll_at(&mut run.law, 100 * MB, short(true, 400));
    assert_eq!(early.cause, Cause::Waiting);
    let late = poll_at(&mut run.law, 50 * MB, short(true, 800));
    assert_eq!(late.cause, Cause::Reservation);
    let found = 134 * MB - LINK * 8 / 10;
    assert_eq!(late.threshold_bytes(), Some(found.max(50 * MB) * 115 / 100));
}

/// Also in the round after the first, of which only R is known.
#[test]
fn the_end_of_a_quiet_phase_outranks_a_fall_if_the_next_is_far() {
    let ends_with = |remaining| {
        let mut run = Run::new(400 * MB);
        run.sync(134 * MB);
        let mut phases = phases(true, Duration::from_millis(2900));
        if let Some(phases) = &mut phases {
            phases.busy_in_round = Duration::ZERO;
        }
        poll_at(&mut run.law, remaining, phases).cause
    };
    // The next begins in 3.1 s, which costs 36 MB, and sends all: 13 MB.
    assert_eq!(ends_with(40 * MB), Cause::Reservation);
    assert_eq!(ends_with(60 * MB), Cause::Falling);
}

/// 40 or 60 of 134 MB remain, and one more second of quiet would send them.
#[test]
fn a_sync_at_the_last_moment_does_not_follow_the_fall() {
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
fn a_guessed_end_of_a_quiet_phase_is_not_used() {
    let mut run = Run::new(400 * MB);
    run.sync(134 * MB);
    let guessed = phases(true, Duration::from_millis(2900)).map(|phases| Phases {
        idle_whole: false,
        ..phases
    });
    assert_eq!(
        poll_at(&mut run.law, 40 * MB, guessed).cause,
        Cause::Falling
    );
}

/// A checkpoint in a short idle round is more than the link sends meanwhile, but far less than the busy guest writes.
#[test]
fn a_little_writing_in_a_quiet_phase_does_not_refute_it() {
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

/// If there is only time for the pending memory, a sync after it comes too late for pages dirtied before.
#[test]
fn a_guest_hardly_busy_is_synced_on_demand_if_the_quiet_phase_is_short() {
    let turned = |idle_span_ms, pending| {
        let mut run = Run::new(400 * MB);
        run.view.phases = phases(false, Duration::from_secs(2));
        run.causes(&[134; 2]);
        let phases = phases(true, Duration::from_millis(200)).map(|phases| Phases {
            idle_span: Some(Duration::from_millis(idle_span_ms)),
            busy_in_round: Duration::from_millis(500),
            ..phases
        });
        poll_at(&mut run.law, pending, phases).cause
    };
    // The sync finds 96 MB later, of which 3 MB are sent: the guest may as well stop with the 90.
    assert_eq!(turned(1000, 90 * MB), Cause::Quiet);
    assert_eq!(turned(3000, 90 * MB), Cause::Waiting, "time for both");
}

/// 1 s of 134 MB, 1 s of quiet in which 63 MB are written: each phase leaves 80 MB, where 17 are predicted.
#[test]
fn writes_in_a_quiet_phase_are_learnt_from_the_last_one() {
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
    let ends = poll_at(&mut run.law, 17 * MB, short(true, 800));
    assert_eq!(ends.threshold_bytes(), Some(17 * MB * 115 / 100));
    run.view.phases = short(true, 800);
    let refused = run.sync_after(117 * MB, 80 * MB);
    assert!(!refused.cause.stops(), "the next costs 74 MB");
    run.view.phases = short(false, 900);
    run.sync(134 * MB);
    let ends = poll_at(&mut run.law, 17 * MB, short(true, 800));
    assert_eq!(ends.threshold_bytes(), Some(80 * MB * 115 / 100));
}
