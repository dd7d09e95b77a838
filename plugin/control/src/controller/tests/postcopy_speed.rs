//! The ceiling of speed in post-copy.

use super::*;

/// What is set of it at each look of ten; libvirt refuses the first `refused`.
fn set(policy: Policy, refused: usize) -> Vec<u64> {
    let mut control = Controller::new(Stock, policy);
    let looks = (1..=10).map(|n| control_look(&mut control, n, n > refused as u64));
    looks.flatten().collect()
}

fn control_look(control: &mut Controller<Stock>, n: u64, done: bool) -> Option<u64> {
    let target = control.look(&precopy(100 * n, 1), &mut Events::default());
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
fn it_is_set_at_once_and_once_where_it_is_another() {
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
fn it_is_not_asked_for_for_ever() {
    assert_eq!(set(policy(Some(20), None), 1), [20, 20]);
    assert_eq!(set(policy(Some(20), None), 10), [20, 20, 20]);
}

#[test]
fn what_was_there_comes_back_when_control_ends() {
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
    let first = control.look(&begin, &mut events);
    assert_eq!(first.postcopy_speed_mib_per_s, Some(20));
    control.outcome(Timestamp::default(), &first, true, &mut events);
    let theirs = Sample {
        settings: found(777),
        ..precopy(200, 2)
    };
    let back = control.look(&theirs, &mut events);
    assert_eq!(back.postcopy_speed_mib_per_s, Some(70));
}
