//! The speed ceiling of post-copy.

use super::*;

/// The speeds set in ten polls, of which libvirt refuses the first `refused`.
fn set(policy: Policy, refused: usize) -> Vec<u64> {
    let mut control = Controller::new(Stock, policy);
    let polls = (1..=10).map(|n| control_poll(&mut control, n, n > refused as u64));
    polls.flatten().collect()
}

fn control_poll(control: &mut Controller<Stock>, n: u64, done: bool) -> Option<u64> {
    let target = control.poll(&precopy(100 * n, 1), &mut Events::default());
    control.outcome(Timestamp::default(), &target, done, &mut Events::default());
    target.postcopy_speed_mib_per_s
}

fn policy(wanted: Option<u64>, found: Option<u64>) -> Policy {
    Policy {
        postcopy_speed_max_mib_per_s: wanted,
        postcopy_speed_found_mib_per_s: found,
        ..Policy::default()
    }
}

#[test]
fn the_speed_is_set_once_where_it_differs() {
    assert_eq!(set(policy(Some(20), None), 0), [20]);
    assert_eq!(set(policy(Some(20), Some(20)), 0), []);
    assert_eq!(set(policy(None, None), 0), []);
    let observer = Policy {
        observes: true,
        ..policy(Some(20), None)
    };
    assert_eq!(set(observer, 0), []);
}

#[test]
fn the_speed_is_tried_three_times() {
    assert_eq!(set(policy(Some(20), None), 1), [20, 20]);
    assert_eq!(set(policy(Some(20), None), 10), [20, 20, 20]);
}

#[test]
fn the_speed_found_is_restored_when_control_ends() {
    let mut events = Events::default();
    let law = Adaptive::new(Slowdown::DEFAULT);
    let mut control = Controller::new(law, policy(Some(20), Some(70)));
    let found = |downtime_ms| {
        Some(Settings {
            downtime_ms,
            speed_mib_per_s: 7,
        })
    };
    let begin = Sample {
        settings: found(300),
        ..precopy(0, 1)
    };
    let first = control.poll(&begin, &mut events);
    assert_eq!(first.postcopy_speed_mib_per_s, Some(20));
    control.outcome(Timestamp::default(), &first, true, &mut events);
    let changed = Sample {
        settings: found(777),
        ..precopy(200, 2)
    };
    let back = control.poll(&changed, &mut events);
    assert_eq!(back.postcopy_speed_mib_per_s, Some(70));
}
