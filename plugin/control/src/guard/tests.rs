use super::*;
use crate::estimate::{Bandwidth, DeviceState};
use crate::law::Limit;
use crate::sample::JobState;

mod stall;
mod steps;

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

/// A guard that has seen QEMU measure a bandwidth, and its orders.
struct Rig {
    guard: Guard,
    bandwidth: Bandwidth,
    device_state: DeviceState,
    sent: u64,
}

impl Rig {
    fn new(policy: Policy) -> Self {
        Self {
            guard: Guard::new(policy),
            bandwidth: Bandwidth::default(),
            device_state: DeviceState::default(),
            sent: 0,
        }
    }

    /// The guard's order for a decision.
    fn guarded(&mut self, sample: &Sample, decision: &Decision) -> Order {
        self.bandwidth.update(sample);
        let measured = Measured {
            bandwidth: &self.bandwidth,
            pending: &self.device_state,
        };
        self.guard.pass(sample, decision, measured)
    }

    fn pass(&mut self, at_ms: u64, bytes_per_s: u64, threshold: u64) -> Order {
        let decision = Decision::threshold(threshold, Cause::Reservation);
        self.guarded(&sample(at_ms, bytes_per_s), &decision)
    }
}

/// Whether the ceiling of the speed is not in force.
fn is_lifted(order: &Order) -> bool {
    order.target.speed_mib_per_s == Some(SPEED_UNLIMITED_MIB_PER_S)
}

#[test]
fn the_limit_is_the_threshold_over_qemus_bandwidth() {
    let order = Rig::new(Policy::default()).pass(0, 100 * MIB, 150 * MIB);
    let expected = Target {
        downtime_ms: Some(1500),
        ..Target::NONE
    };
    assert_eq!(order.target, expected);
}

#[test]
fn qemus_own_bounds_hold() {
    let mut rig = Rig::new(Policy::default());
    assert_eq!(rig.pass(0, 100 * MIB, 0).target.downtime_ms, Some(1));
    let highest = rig.pass(0, 1, u64::MAX).target.downtime_ms;
    assert_eq!(highest, Some(DOWNTIME_LIMIT_MAX_MS));
}

#[test]
fn the_policys_pause_is_never_exceeded_and_the_forbidden_one_is_reported() {
    let policy = Policy {
        downtime_max_ms: Some(530),
        pause_fixed_ms: Some(30),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 100 * MIB, 150 * MIB);
    // 30 ms are fixed, and 19 in flight.
    let found = (order.target.downtime_ms, order.cause);
    assert_eq!(found, (Some(481), Cause::Ceiling));
    assert_eq!(order.forbidden_pause, Some(Duration::from_millis(1549)));
}

#[test]
fn a_pause_as_long_as_the_policys_longest_is_allowed() {
    let policy = Policy {
        downtime_max_ms: Some(530),
        pause_fixed_ms: Some(30),
        ..Policy::default()
    };
    let cause = |threshold| {
        let order = Rig::new(policy).pass(0, 100 * MIB, threshold);
        order.cause
    };
    // 500 ms, less what is in flight.
    let most = 50 * MIB - 1_900_000;
    assert_eq!(cause(most), Cause::Reservation);
    assert_eq!(cause(most + 1), Cause::Ceiling);
}

#[test]
fn while_the_bandwidth_is_unknown_only_a_threshold_of_zero_is_set() {
    let limit_ms = |threshold| {
        let order = Rig::new(Policy::default()).pass(0, 0, threshold);
        order.target.downtime_ms
    };
    assert_eq!(limit_ms(0), Some(1));
    assert_eq!(limit_ms(MIB), None);
}

/// A lower window may be a stall: if it ended, a limit computed with it would stop the guest.
#[test]
fn while_the_law_goes_on_a_limit_is_computed_with_the_sustained_bandwidth() {
    for (cause, limit_ms) in [(Cause::Falling, 500), (Cause::Reservation, 625)] {
        let mut rig = Rig::new(Policy::default());
        let mut set_ms = None;
        for (n, window) in [100, 100, 100, 100, 100, 80].into_iter().enumerate() {
            let at_ms = 100 * n as u64;
            let sample = Sample {
                processed_bytes: at_ms * MIB / 10,
                ..sample(at_ms, window * MIB)
            };
            let order = rig.guarded(&sample, &Decision::threshold(50 * MIB, cause));
            set_ms = order.target.downtime_ms;
        }
        assert_eq!(set_ms, Some(limit_ms), "{cause:?}");
    }
}

#[test]
fn a_limit_that_the_user_has_stored_is_never_exceeded_and_is_qemus_own() {
    for (stored, longest, limit) in [
        (500, None, 500),
        (500, Some(2_000), 500),
        (0, None, 1),
        (1_000, Some(530), 481),
    ] {
        let policy = Policy {
            limit_max_ms: Some(stored),
            downtime_max_ms: longest,
            pause_fixed_ms: Some(30),
            ..Policy::default()
        };
        let order = Rig::new(policy).pass(0, 100 * MIB, 150 * MIB);
        let found = (order.target.downtime_ms, order.cause);
        assert_eq!(found, (Some(limit), Cause::Ceiling), "{stored} ms");
    }
    let short = Policy {
        limit_max_ms: Some(100),
        ..Policy::default()
    };
    // Its pause is longer.
    assert!(Guard::new(short).rules_out_postcopy());
}

#[test]
fn a_law_that_asks_for_no_limit_of_the_speed_gets_the_ceiling() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        ..Policy::default()
    };
    let guard = Guard::new(policy);
    assert_eq!(guard.speed(Some(0)), Some(20));
    assert_eq!(guard.speed(Some(5)), Some(5));
}

#[test]
fn a_speed_that_is_ordered_while_the_ceiling_is_lifted_holds_at_once() {
    let policy = Policy {
        owners_speed_mib_per_s: Some(20),
        downtime_max_ms: Some(2030),
        ..Policy::default()
    };
    let mut rig = Rig::new(policy.under_speed(0));
    let lifted = rig.pass(0, 20 * MIB, 128 * MIB);
    assert!(is_lifted(&lifted), "{lifted:?}");
    rig.guard.order_speed(5);
    let ordered = rig.pass(100, 5 * MIB, 128 * MIB);
    assert_eq!(ordered.target.speed_mib_per_s, Some(5));
}

#[test]
fn under_a_speed_ceiling_the_limit_grows_and_the_speed_stays() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(order.target.downtime_ms, Some(6400));
    assert_eq!(order.target.speed_mib_per_s, Some(20));
}

#[test]
fn a_ceiling_that_hides_a_good_link_is_lifted_for_a_moment() {
    let mut rig = Rig::new(owned());
    let lifted = rig.link(0, 20);
    assert!(is_lifted(&lifted), "{lifted:?}");
    assert_eq!(lifted.target.downtime_ms, Some(1), "nothing stops yet");
    assert_eq!(lifted.forbidden_pause, None, "not known yet");
    for n in 1..4 {
        // The socket's buffer is filled first.
        assert_eq!(rig.link(n * 100, 150).target.downtime_ms, Some(1));
    }
    let measured = rig.link(400, 100);
    let limit_ms = measured.target.downtime_ms.expect("a limit");
    assert!((1280..1950).contains(&limit_ms), "{measured:?}");
    rig.link(500, 100);
    rig.link(600, 100);
    let over = rig.link(700, 100);
    assert_eq!(over.target.speed_mib_per_s, Some(20));
    assert!(over.target.downtime_ms < Some(2000), "{over:?}");
}

/// The link is measured again, because it may have changed.
#[test]
fn the_bandwidth_seen_in_a_lift_expires() {
    let mut rig = Rig::new(owned());
    for n in 0..=7 {
        rig.link(n * 100, 40);
    }
    let order = rig.link(800, 20);
    assert!(!is_lifted(&order) && order.forbidden_pause.is_some());
    assert!(!is_lifted(&rig.link(30_600, 20)));
    assert!(is_lifted(&rig.link(30_700, 20)));
}

/// A tenth of the time at most.
#[test]
fn the_ceiling_over_a_fast_link_is_lifted_again_after_seven_seconds() {
    let mut rig = Rig::new(owned());
    for n in 0..=7 {
        rig.link(n * 100, 100);
    }
    assert!(!is_lifted(&rig.link(7_600, 100)));
    assert!(is_lifted(&rig.link(7_700, 100)));
}

/// An owner's ceiling of 20 MiB/s, and pauses of 2 s for 128 MiB: a link of 100 MiB/s can do that.
fn owned() -> Policy {
    Policy {
        speed_max_mib_per_s: Some(20),
        downtime_max_ms: Some(2030),
        pause_fixed_ms: Some(30),
        ..Policy::default()
    }
}

impl Rig {
    /// The order when switching over with 128 MiB remaining, while QEMU measures so many MiB/s.
    fn link(&mut self, at_ms: u64, mib_per_s: u64) -> Order {
        self.sent += mib_per_s * MIB / 10;
        let sample = Sample {
            processed_bytes: self.sent,
            remaining_bytes: 128 * MIB,
            ..sample(at_ms, mib_per_s * MIB)
        };
        self.guarded(&sample, &Decision::threshold(128 * MIB, Cause::Reservation))
    }
}

#[test]
fn a_ceiling_of_the_users_is_never_lifted() {
    let policy = Policy {
        speed_is_order: true,
        ..owned()
    };
    let order = Rig::new(policy).pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(order.target.speed_mib_per_s, Some(20));
    assert_eq!(order.forbidden_pause, Some(Duration::from_millis(6521)));
}

#[test]
fn a_ceiling_that_hides_nothing_comes_back_and_the_policy_is_out_of_reach() {
    let mut rig = Rig::new(owned());
    for n in 0..7 {
        rig.link(n * 100, 20);
    }
    let order = rig.link(700, 20);
    assert_eq!(order.target.speed_mib_per_s, Some(20));
    assert_eq!(order.forbidden_pause, Some(Duration::from_millis(6521)));
    assert!(order.target.downtime_ms < Some(2000), "{order:?}");
}

#[test]
fn a_configured_switchover_bandwidth_counts() {
    let policy = Policy {
        switchover_bytes_per_s: Some(1000 * MIB),
        downtime_max_ms: Some(5000),
        ..Policy::default()
    };
    let order = Rig::new(policy).pass(0, 20 * MIB, 128 * MIB);
    assert_eq!(order.target.downtime_ms, Some(128));
    assert_eq!(order.cause, Cause::Reservation);
}

#[test]
fn a_law_without_a_limit_sets_nothing() {
    let mut rig = Rig::new(Policy::default());
    let decision = Decision::limit(Limit::Leave, Cause::Observing);
    assert_eq!(rig.guarded(&sample(0, MIB), &decision).target, Target::NONE);
}

impl Rig {
    /// The order for a decision, while QEMU measures 20 MiB/s.
    fn decided(&mut self, at_ms: u64, decision: &Decision) -> Order {
        self.guarded(&sample(at_ms, 20 * MIB), decision)
    }
}

fn millis(ms: u32) -> Decision {
    Decision::limit(Limit::Millis(ms), Cause::Schedule)
}

#[test]
fn a_limit_in_milliseconds_is_kept_within_qemus_bounds_and_the_policys() {
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
        pause_fixed_ms: Some(30),
        ..Policy::default()
    };
    assert_eq!(limit(policy, 300), target(300));
    // A forced stop, too, is the law's wish; 30 ms are device state, 90 are in flight.
    assert_eq!(limit(policy, 2_000_000), target(380));
}

/// The remainder of the last sync takes 2 s at 20 MiB/s.
#[test]
fn a_pause_allowed_by_a_law_in_milliseconds_and_not_by_the_policy_is_reported() {
    let order = |iteration, remaining_bytes, limit_ms, downtime_max_ms| {
        let mut rig = Rig::new(Policy {
            downtime_max_ms,
            pause_fixed_ms: Some(30),
            ..Policy::default()
        });
        let sample = Sample {
            iteration,
            remaining_bytes,
            ..sample(0, 20 * MIB)
        };
        let order = rig.guarded(&sample, &millis(limit_ms));
        let pause_ms = order.forbidden_pause.map(|pause| pause.as_millis());
        (pause_ms, order.cause)
    };
    let allowed = (None, Cause::Schedule);
    let forbidden = |pause_ms| (Some(pause_ms), Cause::Ceiling);
    assert_eq!(order(2, 40 * MIB, 9_000, Some(500)), forbidden(2030));
    assert_eq!(order(2, 40 * MIB, 700, Some(500)), forbidden(730));
    // 380 ms is the policy's limit: 30 ms are device state, 90 are in flight.
    assert_eq!(order(2, 40 * MIB, 381, Some(500)), forbidden(411));
    assert_eq!(order(2, 40 * MIB, 380, Some(500)), allowed);
    assert_eq!(order(2, 40 * MIB, 300, Some(500)), allowed);
    assert_eq!(order(2, 7 * MIB, 9_000, Some(500)), allowed, "350 ms");
    assert_eq!(order(1, 40 * MIB, 9_000, Some(500)), allowed, "no sync yet");
    assert_eq!(order(2, 40 * MIB, 9_000, None), allowed);
}

#[test]
fn while_the_bandwidth_is_unknown_no_pause_is_reported() {
    let mut rig = Rig::new(Policy {
        downtime_max_ms: Some(500),
        ..Policy::default()
    });
    let sample = Sample {
        remaining_bytes: 40 * MIB,
        ..sample(0, 0)
    };
    let order = rig.guarded(&sample, &millis(9_000));
    let found = (order.cause, order.forbidden_pause);
    assert_eq!(found, (Cause::Schedule, None));
}

/// Between two syncs the remainder counts down, and is no measure.
#[test]
fn the_reported_pause_is_that_of_the_last_sync() {
    let mut rig = Rig::new(Policy {
        downtime_max_ms: Some(500),
        ..Policy::default()
    });
    let mut forbidden = |at_ms, iteration, remaining_bytes| {
        let sample = Sample {
            iteration,
            remaining_bytes,
            ..sample(at_ms, 20 * MIB)
        };
        let order = rig.guarded(&sample, &millis(9_000));
        order.forbidden_pause.is_some()
    };
    assert!(forbidden(0, 2, 40 * MIB));
    assert!(forbidden(1_900, 2, 2 * MIB));
    assert!(!forbidden(2_000, 3, 6 * MIB));
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
