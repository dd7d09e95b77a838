//! The user's orders, the deadline, and the actions of laws.

use super::*;
use crate::policy::{Deadline, Timeout};

/// After three seconds.
fn suspend(from: Option<Timestamp>) -> Timeout {
    Timeout {
        after: Duration::from_secs(3),
        from,
        action: Action::Suspend,
    }
}

fn with_deadline(then: Then) -> Rig {
    let after = Duration::from_secs(10);
    let deadline = Some(Deadline { after, then });
    Rig::new(Policy {
        deadline,
        downtime_max_ms: Some(100),
        ..Policy::default()
    })
}

#[test]
fn the_deadline_outranks_the_longest_pause() {
    let mut rig = with_deadline(Then::Switchover);
    assert_ne!(rig.pass(9_999, MIB, MIB).cause, Cause::Deadline);
    let order = rig.pass(10_000, MIB, MIB);
    assert_eq!(order.target.downtime_ms, Some(DOWNTIME_LIMIT_MAX_MS));
}

/// All of it would be sent in the pause.
#[test]
fn at_its_deadline_a_guest_is_not_stopped_in_the_first_round_while_memory_remains() {
    for (iteration, remaining_bytes, stops) in [(1, MIB, false), (1, 0, true), (2, MIB, true)] {
        let mut rig = with_deadline(Then::Switchover);
        let sample = Sample {
            iteration,
            remaining_bytes,
            ..sample(10_000, MIB)
        };
        let order = rig.guarded(&sample, &millis(300));
        let found = order == Order::switchover(Cause::Deadline);
        assert_eq!(found, stops, "{iteration}, {remaining_bytes}: {order:?}");
    }
}

#[test]
fn a_speed_ceiling_holds_while_a_step_is_due() {
    let mut rig = with_deadline(Then::Abort);
    rig.guard.policy.speed_max_mib_per_s = Some(20);
    let due = rig.decided(10_000, &millis(300)).target;
    assert_eq!(due.action, Some(Action::Abort));
    assert_eq!(due.speed_mib_per_s, Some(20));
}

#[test]
fn the_deadlines_action_comes_once_and_again_only_if_refused() {
    for (then, action) in [
        (Then::Abort, Action::Abort),
        (Then::Postcopy, Action::StartPostcopy),
    ] {
        let mut rig = with_deadline(then);
        assert_eq!(rig.pass(10_000, MIB, MIB).target.action, Some(action));
        assert_eq!(rig.pass(10_100, MIB, MIB).target.action, None);
        rig.guard
            .refused(action, Timestamp::from_nanos(10_100_000_000));
        let at_once = rig.pass(10_200, MIB, MIB).target.action;
        assert_eq!(at_once, None);
        assert_eq!(rig.pass(11_100, MIB, MIB).target.action, Some(action));
    }
}

#[test]
fn a_timeout_counts_from_the_command_or_from_the_first_memory() {
    let suspended_after_3_s = |from| {
        Rig::new(Policy {
            timeout: Some(suspend(from)),
            ..Policy::default()
        })
    };
    let mut late = suspended_after_3_s(None);
    let action = |order: Order| order.target.action;
    assert_eq!(action(late.pass(5_000, MIB, MIB)), None);
    assert_eq!(action(late.pass(8_000, MIB, MIB)), Some(Action::Suspend));
    let mut early = suspended_after_3_s(Some(Timestamp::from_nanos(0)));
    assert_eq!(action(early.pass(5_000, MIB, MIB)), Some(Action::Suspend));
    // A suspended guest is switched over at once.
    let next = early.pass(5_100, MIB, MIB);
    assert_eq!(next.target.downtime_ms, Some(DOWNTIME_LIMIT_MAX_MS));
}

#[test]
fn postcopy_after_precopy_switches_at_the_first_sync() {
    let policy = Policy {
        postcopy_after_first_round: true,
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, MIB, MIB);
    assert_eq!(order.target.action, Some(Action::StartPostcopy));
    assert_eq!(order.cause, Cause::Order);
}

#[test]
fn a_migration_without_post_copy_is_switched_over_at_its_deadline() {
    let mut rig = with_deadline(Then::Postcopy);
    rig.guard.policy.downtime_max_ms = None;
    for try_ in 0..3 {
        let at_ms = 10_000 + 1_000 * try_;
        let order = rig.pass(at_ms, 100 * MIB, MIB);
        assert_eq!(order.target.action, Some(Action::StartPostcopy));
        let at = Timestamp::from_nanos(at_ms * 1_000_000);
        rig.guard.refused(Action::StartPostcopy, at);
    }
    let order = rig.pass(13_000, 100 * MIB, MIB);
    assert_eq!(order.target.action, None);
    assert_eq!(order.target.downtime_ms, Some(DOWNTIME_LIMIT_MAX_MS));
}

#[test]
fn a_laws_action_comes_once_and_a_suspended_guest_is_switched_over() {
    let mut rig = Rig::new(Policy::default());
    let order = rig.decided(0, &wants(Action::Suspend));
    assert_eq!(order.target.action, Some(Action::Suspend));
    assert_eq!(order.cause, Cause::Schedule);
    let after = rig.decided(100, &wants(Action::Suspend));
    assert_eq!(after.target.action, None);
    assert_eq!(after.target.downtime_ms, Some(DOWNTIME_LIMIT_MAX_MS));

    let mut rig = Rig::new(Policy::default());
    for (at_ms, expected) in [(0, Some(Action::Abort)), (100, None)] {
        let order = rig.decided(at_ms, &wants(Action::Abort));
        assert_eq!(order.target.action, expected);
    }
}

#[test]
fn where_post_copy_is_refused_the_laws_limit_counts() {
    let decision = Decision {
        action: Some(Action::StartPostcopy),
        ..millis(700)
    };
    let mut rig = Rig::new(Policy::default());
    for try_ in 0..3 {
        let at_ms = 1_000 * try_;
        let order = rig.decided(at_ms, &decision);
        assert_eq!(order.target.action, Some(Action::StartPostcopy), "{try_}");
        let limit_ms = (try_ > 0).then_some(700);
        assert_eq!(order.target.downtime_ms, limit_ms, "not with the first");
        let at = Timestamp::from_nanos(at_ms * 1_000_000);
        rig.guard.refused(Action::StartPostcopy, at);
        let between = rig.decided(at_ms + 100, &decision).target;
        assert_eq!((between.action, between.downtime_ms), (None, Some(700)));
    }
    assert!(rig.guard.rules_out_postcopy());
    let order = rig.decided(3_000, &decision);
    assert_eq!(order.target.action, None);
    assert_eq!(order.target.downtime_ms, Some(700));
}

fn wants(action: Action) -> Decision {
    Decision {
        action: Some(action),
        ..millis(300)
    }
}

/// By the law itself, or at the deadline; and a law's suspension is not reported as an order.
#[test]
fn a_guest_that_a_law_suspended_may_still_be_aborted() {
    let abort = wants(Action::Abort);
    for (then, at_ms, decision, cause) in [
        (Then::Switchover, 8_000, abort, Cause::Schedule),
        (Then::Abort, 10_000, millis(300), Cause::Deadline),
    ] {
        let mut rig = with_deadline(then);
        let order = rig.decided(0, &wants(Action::Suspend));
        assert_eq!(order.target.action, Some(Action::Suspend));
        let paused = rig.decided(100, &millis(300));
        assert_eq!(paused, Order::switchover(Cause::Schedule));
        let given_up = rig.decided(at_ms, &decision);
        assert_eq!(given_up.target.action, Some(Action::Abort));
        assert_eq!(given_up.cause, cause);
        let at = Timestamp::from_nanos(at_ms * 1_000_000);
        rig.guard.refused(Action::Abort, at);
        let refused = rig.decided(at_ms + 100, &wants(Action::Suspend));
        let paused = Order::switchover(Cause::Schedule).target;
        assert_eq!(refused.target, paused, "it is suspended already");
        let again = rig.decided(at_ms + 1_000, &decision);
        assert_eq!(again.target.action, Some(Action::Abort));
    }
}

#[test]
fn a_guest_whose_suspension_was_refused_is_not_switched_over() {
    let mut rig = Rig::new(Policy::default());
    let order = rig.decided(0, &wants(Action::Suspend));
    assert_eq!(order.target.action, Some(Action::Suspend));
    rig.guard.refused(Action::Suspend, Timestamp::from_nanos(0));
    let after = rig.decided(100, &millis(300));
    assert_eq!(after.target.downtime_ms, Some(300));
}

/// The user who asked for a suspended guest wants it moved.
#[test]
fn a_guest_that_its_user_suspended_is_not_aborted() {
    let mut rig = with_deadline(Then::Abort);
    rig.guard.policy.timeout = Some(suspend(None));
    rig.decided(0, &millis(300));
    let order = rig.decided(3_000, &millis(300));
    assert_eq!(order.target.action, Some(Action::Suspend));
    let paused = rig.decided(10_000, &wants(Action::Abort));
    assert_eq!(paused, Order::switchover(Cause::Order));
}

/// With little remaining it pauses for 280 ms.
#[test]
fn a_law_uses_post_copy_only_where_the_policy_allows_its_pause() {
    let action = |downtime_max_ms| {
        let mut rig = Rig::new(Policy {
            downtime_max_ms,
            ..Policy::default()
        });
        let order = rig.decided(0, &wants(Action::StartPostcopy));
        (order.target.action, rig.guard.rules_out_postcopy())
    };
    let by_postcopy = (Some(Action::StartPostcopy), false);
    assert_eq!(action(None), by_postcopy);
    assert_eq!(action(Some(280)), by_postcopy);
    assert_eq!(action(Some(279)), (None, true));
}

/// 15 ms for each missing GB.
#[test]
fn with_much_remaining_post_copy_pauses_longer_than_a_policy_may_allow() {
    let action = |iteration, remaining_bytes| {
        let mut rig = Rig::new(Policy {
            downtime_max_ms: Some(1000),
            ..Policy::default()
        });
        let sample = Sample {
            iteration,
            remaining_bytes,
            ..sample(0, 20 * MIB)
        };
        let decision = wants(Action::StartPostcopy);
        rig.guarded(&sample, &decision).target.action
    };
    assert_eq!(action(2, 40_000_000_000), Some(Action::StartPostcopy));
    assert_eq!(action(2, 50_000_000_000), None);
    assert_eq!(action(3, 50_000_000_000), None);
    let first_round = action(1, 50_000_000_000);
    assert_eq!(first_round, Some(Action::StartPostcopy), "no sync yet");
}

/// A page of 1 GiB takes 0.65 to 2 s. A user who asks for post-copy gets it all the same.
#[test]
fn with_huge_pages_the_deadline_uses_post_copy_and_no_law_does() {
    let mut rig = with_deadline(Then::Postcopy);
    rig.guard.policy = Policy {
        downtime_max_ms: None,
        page_bytes: Some(1 << 30),
        ..rig.guard.policy
    };
    let before = rig.decided(9_000, &wants(Action::StartPostcopy));
    assert!(rig.guard.rules_out_postcopy());
    assert_eq!(before.target.action, None);
    let due = rig.decided(10_000, &millis(300));
    assert_eq!(due.target.action, Some(Action::StartPostcopy));
}

/// The user's own timer acts all the same.
#[test]
fn an_observers_law_takes_no_step() {
    let step = |observes, speed_max_mib_per_s| {
        let mut rig = Rig::new(Policy {
            observes,
            speed_max_mib_per_s,
            ..Policy::default()
        });
        let decision = Decision {
            action: Some(Action::StartPostcopy),
            ..Decision::threshold(MIB, Cause::Reservation)
        };
        rig.guarded(&sample(0, MIB), &decision).target.action
    };
    assert_eq!(step(false, None), Some(Action::StartPostcopy));
    assert_eq!(step(true, None), None);
    assert_eq!(step(false, Some(20)), None, "a ceiling hides the link");
}
