use std::vec::Vec;

use super::*;
use crate::law::{Adaptive, Slowdown, Stock};

mod clock;
mod compression;
mod events;
mod external_changes;
mod fixed_laws;
mod polls;
mod postcopy_speed;
mod view;

#[derive(Default)]
struct Events(Vec<Event>);

impl Publisher for Events {
    fn publish(&mut self, _: Timestamp, event: Event) {
        self.0.push(event);
    }
}

fn controller() -> Controller<Adaptive> {
    Controller::new(Adaptive::new(Slowdown::DEFAULT), Policy::default())
}

fn precopy(at_ms: u64, iteration: u64) -> Sample {
    Sample {
        at: Timestamp::from_nanos(at_ms * 1_000_000),
        state: JobState::Precopy,
        iteration,
        processed_bytes: at_ms * 100_000,
        remaining_bytes: 100_000_000,
        window_bytes_per_s: 100_000_000,
        ..Sample::default()
    }
}

#[test]
fn nothing_is_set_before_memory_flows() {
    let mut events = Events::default();
    let mut control = controller();
    let setup = Sample {
        state: JobState::Setup,
        ..precopy(0, 0)
    };
    assert_eq!(control.poll(&setup, &mut events), Target::NONE);
    assert_eq!(control.poll(&precopy(50, 0), &mut events), Target::NONE);
    assert!(events.0.is_empty());
    let first = control.poll(&precopy(100, 1), &mut events);
    assert_eq!(first.downtime_ms, Some(10));
    assert_eq!(events.0[0], Event::Begun);
}

#[test]
fn a_deadline_that_comes_before_memory_flows_can_only_abort() {
    use crate::policy::{Deadline, Then};
    for (then, action) in [(Then::Abort, Some(Action::Abort)), (Then::Switchover, None)] {
        let mut events = Events::default();
        let deadline = Some(Deadline {
            after: Duration::from_secs(1),
            then,
        });
        let policy = Policy {
            deadline,
            speed_max_mib_per_s: Some(7),
            ..Policy::default()
        };
        let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy);
        let setup = |elapsed_ms| Sample {
            state: JobState::Setup,
            elapsed_ms,
            ..precopy(elapsed_ms, 0)
        };
        assert_eq!(control.poll(&setup(999), &mut events), Target::NONE);
        let due = control.poll(&setup(1000), &mut events);
        assert_eq!(
            due,
            Target {
                action,
                ..Target::NONE
            }
        );
        assert_eq!(
            control.poll(&setup(1100), &mut events),
            Target::NONE,
            "once"
        );
        let told = events.0.iter().filter_map(|event| match event {
            Event::Targeted { target, .. } => Some(target.action),
            _ => None,
        });
        let expected: Vec<_> = action.map(Some).into_iter().collect();
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_target_in_force_is_not_sent_again_until_it_is_refused() {
    let mut events = Events::default();
    let mut control = controller();
    let target = control.poll(&precopy(0, 1), &mut events);
    control.outcome(Timestamp::default(), &target, true, &mut events);
    assert_eq!(control.poll(&precopy(100, 1), &mut events), Target::NONE);
    control.outcome(Timestamp::default(), &target, false, &mut events);
    assert_eq!(control.poll(&precopy(200, 1), &mut events), target);
}

#[test]
fn nothing_follows_a_terminal_state() {
    for state in [JobState::Postcopy, JobState::Ended] {
        let mut events = Events::default();
        let mut control = controller();
        control.poll(&precopy(0, 1), &mut events);
        control.poll(
            &Sample {
                state,
                ..precopy(100, 2)
            },
            &mut events,
        );
        assert_eq!(events.0.last(), Some(&Event::Released(Release::Terminal)));
        assert_eq!(control.poll(&precopy(200, 3), &mut events), Target::NONE);
    }
}

#[test]
fn a_guest_that_runs_again_after_a_pause_is_steered_again() {
    let mut events = Events::default();
    let mut control = controller();
    let first = control.poll(&precopy(0, 1), &mut events);
    control.outcome(Timestamp::default(), &first, true, &mut events);
    for at_ms in [100, 200, 300] {
        let paused = Sample {
            state: JobState::Switchover,
            ..precopy(at_ms, 2)
        };
        assert_eq!(control.poll(&paused, &mut events), Target::NONE);
        assert!(
            control.wants_settings(),
            "there may be external changes meanwhile"
        );
    }
    let mut limits = Vec::new();
    for n in 4..100 {
        let target = control.poll(&precopy(n * 100, 2 + n / 10), &mut events);
        control.outcome(Timestamp::default(), &target, true, &mut events);
        limits.extend(target.downtime_ms);
    }
    assert!(limits.iter().any(|&ms| ms >= 1000), "it stops: {limits:?}");
}

#[test]
fn stock_sets_nothing() {
    let mut events = Events::default();
    let mut control = Controller::new(Stock, Policy::default());
    for n in 0..50 {
        assert_eq!(
            control.poll(&precopy(n * 100, 1 + n / 5), &mut events),
            Target::NONE
        );
    }
    assert!(events.0.iter().any(|e| matches!(e, Event::Round(_))));
    assert!(!events.0.iter().any(|e| matches!(e, Event::Targeted { .. })));
}

#[test]
fn an_unreachable_pause_is_reported_once() {
    let mut events = Events::default();
    let policy = Policy {
        downtime_max_ms: Some(100),
        ..Policy::default()
    };
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy);
    for n in 0..100 {
        let target = control.poll(&precopy(n * 100, 1 + n / 10), &mut events);
        assert!(target.downtime_ms.is_none_or(|ms| ms <= 100), "{target:?}");
        control.outcome(Timestamp::default(), &target, true, &mut events);
    }
    let reported = events
        .0
        .iter()
        .filter(|e| matches!(e, Event::Unreachable { .. }))
        .count();
    assert_eq!(reported, 1);
}
