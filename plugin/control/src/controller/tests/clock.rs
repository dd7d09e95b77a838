//! libvirt's job age follows the wall clock, which may step.

use super::*;
use crate::policy::{Deadline, Then};

/// When the deadline of 600 s acted, if it did within 2000 s: the clock steps from 3 s to `stepped_ms` and goes on from
/// there, or stays there if `is_still`.
fn acted_ms(then: Then, stepped_ms: u64, is_still: bool) -> Option<u64> {
    let policy = Policy {
        downtime_max_ms: Some(100),
        deadline: Some(Deadline {
            after: Duration::from_secs(600),
            then,
        }),
        ..Policy::default()
    };
    let mut events = Events::default();
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy);
    (1_000_u64..2_000_000).step_by(100).find(|&at_ms| {
        let since = if is_still {
            0
        } else {
            at_ms.saturating_sub(3_000)
        };
        let sample = Sample {
            elapsed_ms: if at_ms < 3_000 {
                at_ms
            } else {
                stepped_ms + since
            },
            ..precopy(at_ms, 2 + at_ms / 1000)
        };
        let target = control.poll(&sample, &mut events);
        if target != Target::NONE {
            control.outcome(sample.at, &target, true, &mut events);
        }
        target.action.is_some() || target.downtime_ms == Some(2_000_000)
    })
}

#[test]
fn a_deadline_comes_when_it_is_due_however_the_wall_clock_steps() {
    for then in [Then::Switchover, Then::Abort, Then::Postcopy] {
        assert_eq!(acted_ms(then, 3_000, false), Some(600_000));
        assert_eq!(
            acted_ms(then, 3_603_000, false),
            Some(600_000),
            "an hour ahead"
        );
        assert_eq!(acted_ms(then, 3_000, true), Some(600_000), "set back");
        assert_eq!(acted_ms(then, 0, false), Some(600_000), "set back");
    }
}
