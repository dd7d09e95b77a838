use super::*;
use crate::policy::{Deadline, Timeout};
use crate::sample::JobState;

mod stall;

const MIB: u64 = 1 << 20;

fn sample(at_ms: u64, window_bytes_per_s: u64) -> Sample {
    Sample {
        at: Timestamp::from_nanos(at_ms * 1_000_000),
        state: JobState::Precopy,
        iteration: 2,
        elapsed_ms: at_ms,
        window_bytes_per_s,
        ..Sample::default()
    }
}

/// A guard that has seen QEMU measure `bytes_per_s`, and what it makes of accepting `accept`.
struct Rig {
    guard: Guard,
    bandwidth: Bandwidth,
}

impl Rig {
    fn new(policy: Policy) -> Self {
        Self {
            guard: Guard::new(policy),
            bandwidth: Bandwidth::default(),
        }
    }

    fn pass(&mut self, at_ms: u64, bytes_per_s: u64, accept: u64) -> Order {
        let sample = sample(at_ms, bytes_per_s);
        self.bandwidth.update(&sample);
        let decision = Decision::accept(accept, Cause::Reservation);
        self.guard.pass(&sample, &decision, &self.bandwidth)
    }
}

#[test]
fn a_limit_is_what_is_accepted_over_qemus_bandwidth() {
    let order = Rig::new(Policy::default()).pass(0, 100 * MIB, 150 * MIB);
    assert_eq!(
        order.target,
        Target {
            downtime_ms: Some(1500),
            ..Target::NONE
        }
    );
}

#[test]
fn qemus_own_bounds_hold() {
    let mut rig = Rig::new(Policy::default());
    assert_eq!(rig.pass(0, 100 * MIB, 0).target.downtime_ms, Some(1));
    assert_eq!(
        rig.pass(0, 1, u64::MAX).target.downtime_ms,
        Some(DOWNTIME_LIMIT_MAX_MS)
    );
}

#[test]
fn the_policys_pause_is_never_exceeded_and_the_forbidden_one_is_told() {
    let policy = Policy {
        downtime_max_ms: Some(530),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 100 * MIB, 150 * MIB);
    assert_eq!(
        (order.target.downtime_ms, order.cause),
        (Some(500), Cause::Ceiling)
    );
    assert_eq!(order.forbidden_pause, Some(Duration::from_millis(1530)));
}

#[test]
fn under_a_speed_ceiling_the_limit_grows_and_the_speed_stays() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(
        (order.target.downtime_ms, order.target.speed_mib_per_s),
        (Some(6400), Some(20))
    );
}

#[test]
fn a_ceiling_that_hides_a_good_link_is_lifted_for_a_moment() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        downtime_max_ms: Some(2030),
        ..Policy::default()
    };
    let mut rig = Rig::new(policy);
    let lifted = rig.pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(
        lifted.target.speed_mib_per_s,
        Some(SPEED_UNLIMITED_MIB_PER_S)
    );
    assert_eq!(
        lifted.target.downtime_ms,
        Some(2000),
        "whatever the link shows, no longer pause"
    );
    assert_eq!(lifted.forbidden_pause, None, "not known yet");
    (1..5).for_each(|n| {
        rig.pass(n * 100, 100 * MIB, 128 * MIB);
    });
    let seen = rig.pass(500, 100 * MIB, 128 * MIB);
    assert_eq!(seen.target.speed_mib_per_s, Some(20));
}

#[test]
fn a_ceiling_of_the_users_is_never_lifted() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        speed_is_order: true,
        downtime_max_ms: Some(2030),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(order.target.speed_mib_per_s, Some(20));
    assert_eq!(order.forbidden_pause, Some(Duration::from_millis(6430)));
}

#[test]
fn a_ceiling_that_hides_nothing_comes_back_and_the_policy_is_out_of_reach() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        downtime_max_ms: Some(1030),
        ..Policy::default()
    };
    let mut rig = Rig::new(policy);
    (0..5).for_each(|n| {
        rig.pass(n * 100, 20 * MIB, 128 * MIB);
    });
    let order = rig.pass(500, 20 * MIB, 128 * MIB);
    assert_eq!(order.target.speed_mib_per_s, Some(20));
    assert_eq!(order.forbidden_pause, Some(Duration::from_millis(6430)));
}

#[test]
fn a_told_switchover_bandwidth_is_what_counts() {
    let policy = Policy {
        switchover_bytes_per_s: Some(1000 * MIB),
        downtime_max_ms: Some(5000),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(
        (order.target.downtime_ms, order.cause),
        (Some(128), Cause::Reservation)
    );
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
        assert_eq!(
            rig.pass(10_200, MIB, MIB).target.action,
            None,
            "not at once"
        );
        assert_eq!(rig.pass(11_100, MIB, MIB).target.action, Some(action));
    }
}

#[test]
fn a_timeout_counts_from_the_command_or_from_the_first_memory() {
    let after = Duration::from_secs(3);
    let timeout = |from| {
        Some(Timeout {
            after,
            from,
            action: Action::Suspend,
        })
    };
    let mut late = Rig::new(Policy {
        timeout: timeout(None),
        ..Policy::default()
    });
    assert_eq!(late.pass(5_000, MIB, MIB).target.action, None);
    assert_eq!(
        late.pass(8_000, MIB, MIB).target.action,
        Some(Action::Suspend)
    );
    let from = Some(Timestamp::from_nanos(0));
    let mut early = Rig::new(Policy {
        timeout: timeout(from),
        ..Policy::default()
    });
    assert_eq!(
        early.pass(5_000, MIB, MIB).target.action,
        Some(Action::Suspend)
    );
    assert_eq!(
        early.pass(5_100, MIB, MIB).target.downtime_ms,
        Some(DOWNTIME_LIMIT_MAX_MS),
        "a guest that stands waits for nothing"
    );
}

#[test]
fn postcopy_after_precopy_goes_at_the_first_sync() {
    let policy = Policy {
        postcopy_after_first_round: true,
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, MIB, MIB);
    assert_eq!(
        (order.target.action, order.cause),
        (Some(Action::StartPostcopy), Cause::Order)
    );
}

#[test]
fn a_law_that_leaves_things_alone_is_left_alone() {
    let mut rig = Rig::new(Policy::default());
    let decision = Decision::limit(Limit::Leave, Cause::Observing);
    assert_eq!(
        rig.guard
            .pass(&sample(0, MIB), &decision, &rig.bandwidth)
            .target,
        Target::NONE
    );
}

#[test]
fn a_migration_that_cannot_go_over_to_post_copy_is_switched_over_at_its_deadline() {
    let mut rig = Rig::new(Policy {
        deadline: Some(Deadline {
            after: Duration::from_secs(10),
            then: Then::Postcopy,
        }),
        ..Policy::default()
    });
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

impl Rig {
    /// What it makes of a decision, while QEMU measures 20 MiB/s.
    fn decided(&mut self, at_ms: u64, decision: &Decision) -> Order {
        let sample = sample(at_ms, 20 * MIB);
        self.bandwidth.update(&sample);
        self.guard.pass(&sample, decision, &self.bandwidth)
    }
}

fn millis(ms: u32) -> Decision {
    Decision::limit(Limit::Millis(ms), Cause::Schedule)
}

#[test]
fn a_limit_in_milliseconds_is_meant_as_it_is_said_within_qemus_bounds_and_the_policys() {
    let limit = |policy, ms| Rig::new(policy).decided(0, &millis(ms)).target;
    let target = |downtime_ms| Target {
        downtime_ms: Some(downtime_ms),
        ..Target::NONE
    };
    for (ms, set) in [(0, 1), (257, 257), (u32::MAX, DOWNTIME_LIMIT_MAX_MS)] {
        assert_eq!(limit(Policy::default(), ms), target(set));
    }
    let policy = Policy {
        downtime_max_ms: Some(500),
        ..Policy::default()
    };
    assert_eq!(limit(policy, 400), target(400));
    assert_eq!(
        limit(policy, 2_000_000),
        target(500),
        "a forced stop, too, is the law's wish"
    );
}

#[test]
fn a_laws_speed_stays_within_the_policys_ceiling() {
    let fast = |mib| Decision {
        speed_mib_per_s: Some(mib),
        ..millis(300)
    };
    let speed = |ceiling, decision: &Decision| {
        let policy = Policy {
            speed_max_mib_per_s: ceiling,
            ..Policy::default()
        };
        let order = Rig::new(policy).decided(0, decision);
        order.target.speed_mib_per_s
    };
    assert_eq!(speed(None, &fast(32)), Some(32));
    assert_eq!(speed(Some(50), &fast(32)), Some(32));
    assert_eq!(speed(Some(20), &fast(32)), Some(20));
    assert_eq!(speed(Some(20), &millis(300)), Some(20));
    assert_eq!(speed(None, &millis(300)), None);
}

#[test]
fn a_laws_action_comes_once_and_a_suspended_guest_is_waited_for_no_longer() {
    let wants = |action| Decision {
        action: Some(action),
        ..millis(300)
    };
    let mut rig = Rig::new(Policy::default());
    let order = rig.decided(0, &wants(Action::Suspend));
    assert_eq!(
        (order.target.action, order.cause),
        (Some(Action::Suspend), Cause::Schedule)
    );
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
        let at = Timestamp::from_nanos(at_ms * 1_000_000);
        rig.guard.refused(Action::StartPostcopy, at);
    }
    let order = rig.decided(3_000, &decision);
    assert_eq!(
        (order.target.action, order.target.downtime_ms),
        (None, Some(700))
    );
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
            ..Decision::accept(MIB, Cause::Reservation)
        };
        rig.guard
            .pass(&sample(0, MIB), &decision, &rig.bandwidth)
            .target
            .action
    };
    assert_eq!(step(false, None), Some(Action::StartPostcopy));
    assert_eq!(step(true, None), None);
    assert_eq!(step(false, Some(20)), None, "a ceiling hides the link");
}
