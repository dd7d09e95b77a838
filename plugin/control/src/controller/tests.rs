use std::vec::Vec;

use super::*;
use crate::law::{Adaptive, Slowdown, Stock};

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

fn settings(downtime_ms: u64) -> Option<Settings> {
    Some(Settings {
        downtime_ms,
        speed_mib_per_s: 7,
    })
}

#[test]
fn nothing_is_set_before_memory_flows() {
    let mut events = Events::default();
    let mut control = controller();
    let setup = Sample {
        state: JobState::Setup,
        ..precopy(0, 0)
    };
    assert_eq!(control.look(&setup, &mut events), Target::NONE);
    assert_eq!(control.look(&precopy(50, 0), &mut events), Target::NONE);
    assert!(events.0.is_empty());
    let first = control.look(&precopy(100, 1), &mut events);
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
        assert_eq!(control.look(&setup(999), &mut events), Target::NONE);
        let due = control.look(&setup(1000), &mut events);
        assert_eq!(
            due,
            Target {
                action,
                ..Target::NONE
            }
        );
        assert_eq!(
            control.look(&setup(1100), &mut events),
            Target::NONE,
            "once"
        );
    }
}

#[test]
fn a_target_in_force_is_not_sent_again_until_it_is_refused() {
    let mut events = Events::default();
    let mut control = controller();
    let target = control.look(&precopy(0, 1), &mut events);
    control.outcome(Timestamp::default(), &target, true, &mut events);
    assert_eq!(control.look(&precopy(100, 1), &mut events), Target::NONE);
    control.outcome(Timestamp::default(), &target, false, &mut events);
    assert_eq!(control.look(&precopy(200, 1), &mut events), target);
}

#[test]
fn a_change_by_hand_ends_control_for_ever() {
    let mut events = Events::default();
    let mut control = controller();
    let target = control.look(
        &Sample {
            settings: settings(300),
            ..precopy(0, 1)
        },
        &mut events,
    );
    control.outcome(Timestamp::default(), &target, true, &mut events);
    let ours = Sample {
        settings: settings(10),
        ..precopy(100, 1)
    };
    assert_eq!(control.look(&ours, &mut events), Target::NONE);
    let theirs = Sample {
        settings: settings(777),
        ..precopy(200, 2)
    };
    assert_eq!(control.look(&theirs, &mut events), Target::NONE);
    let why = Release::ByHand {
        downtime_ms: 777,
        speed_mib_per_s: 7,
    };
    assert_eq!(events.0.last(), Some(&Event::Released(why)));
    assert_eq!(control.look(&precopy(300, 3), &mut events), Target::NONE);
    assert!(!control.wants_settings());
}

#[test]
fn what_is_put_back_is_what_was_before_the_predecessor_and_until_libvirt_takes_it() {
    let mut events = Events::default();
    let before = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 7,
    };
    let mut control = controller().after(before);
    // A predecessor left 12 ms.
    let first = control.look(
        &Sample {
            settings: settings(12),
            ..precopy(0, 1)
        },
        &mut events,
    );
    control.outcome(Timestamp::default(), &first, true, &mut events);
    let theirs = Some(Settings {
        downtime_ms: first.downtime_ms.map_or(0, u64::from),
        speed_mib_per_s: 99,
    });
    let look = Sample {
        settings: theirs,
        ..precopy(200, 2)
    };
    let back = Target {
        downtime_ms: Some(300),
        ..Target::NONE
    };
    assert_eq!(control.look(&look, &mut events), back);
    control.outcome(Timestamp::default(), &back, false, &mut events);
    assert_eq!(control.look(&precopy(700, 2), &mut events), back, "again");
    control.outcome(Timestamp::default(), &back, true, &mut events);
    assert_eq!(control.look(&precopy(900, 2), &mut events), Target::NONE);
}

#[test]
fn a_site_may_insist_on_its_limits() {
    let mut events = Events::default();
    let policy = Policy {
        insists: true,
        ..Policy::default()
    };
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy);
    let first = control.look(
        &Sample {
            settings: settings(300),
            ..precopy(0, 1)
        },
        &mut events,
    );
    control.outcome(Timestamp::default(), &first, true, &mut events);
    let theirs = Sample {
        settings: settings(50),
        ..precopy(200, 1)
    };
    let again = control.look(&theirs, &mut events);
    assert_eq!(again.downtime_ms, first.downtime_ms);
    let insisted = Event::Insisted {
        downtime_ms: 50,
        speed_mib_per_s: 7,
    };
    assert!(events.0.contains(&insisted));
}

#[test]
fn what_was_not_changed_by_hand_is_put_back() {
    let mut events = Events::default();
    let mut control = controller();
    let target = control.look(
        &Sample {
            settings: settings(300),
            ..precopy(0, 1)
        },
        &mut events,
    );
    control.outcome(Timestamp::default(), &target, true, &mut events);
    let speed_mib_per_s = 99;
    let theirs = Some(Settings {
        downtime_ms: 10,
        speed_mib_per_s,
    });
    let last = control.look(
        &Sample {
            settings: theirs,
            ..precopy(200, 2)
        },
        &mut events,
    );
    assert_eq!(
        last,
        Target {
            downtime_ms: Some(300),
            ..Target::NONE
        }
    );
}

#[test]
fn nothing_follows_a_terminal_state() {
    for state in [JobState::Switchover, JobState::Postcopy, JobState::Ended] {
        let mut events = Events::default();
        let mut control = controller();
        control.look(&precopy(0, 1), &mut events);
        control.look(
            &Sample {
                state,
                ..precopy(100, 2)
            },
            &mut events,
        );
        assert_eq!(events.0.last(), Some(&Event::Released(Release::Terminal)));
        assert_eq!(control.look(&precopy(200, 3), &mut events), Target::NONE);
    }
}

#[test]
fn stock_only_watches() {
    let mut events = Events::default();
    let mut control = Controller::new(Stock, Policy::default());
    for n in 0..50 {
        assert_eq!(
            control.look(&precopy(n * 100, 1 + n / 5), &mut events),
            Target::NONE
        );
    }
    assert!(events.0.iter().any(|e| matches!(e, Event::Round(_))));
    assert!(!events.0.iter().any(|e| matches!(e, Event::Targeted { .. })));
}

#[test]
fn an_unreachable_pause_is_told_once() {
    let mut events = Events::default();
    let policy = Policy {
        downtime_max_ms: Some(100),
        ..Policy::default()
    };
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy);
    for n in 0..100 {
        let target = control.look(&precopy(n * 100, 1 + n / 10), &mut events);
        assert!(target.downtime_ms.is_none_or(|ms| ms <= 100), "{target:?}");
        control.outcome(Timestamp::default(), &target, true, &mut events);
    }
    let told = events
        .0
        .iter()
        .filter(|e| matches!(e, Event::Unreachable { .. }))
        .count();
    assert_eq!(told, 1);
}

/// A law that decides what it is told.
struct Told(Decision);

impl Law for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn decide(&mut self, _: &View) -> Decision {
        self.0
    }
}

fn told(limit: Limit) -> Controller<Told> {
    let decision = Decision::limit(limit, crate::event::Cause::Schedule);
    Controller::new(Told(decision), Policy::default())
}

/// Looks at `at_ms`, and does what is wanted.
fn obey(control: &mut Controller<Told>, at_ms: u64, events: &mut Events) -> Target {
    let target = control.look(&precopy(at_ms, 1), events);
    if target != Target::NONE {
        control.outcome(Timestamp::default(), &target, true, events);
    }
    target
}

#[test]
fn a_limit_in_milliseconds_is_sent_whenever_it_changes_and_only_then() {
    let mut events = Events::default();
    let mut control = told(Limit::Millis(500));
    let mut set = |at_ms, ms| {
        control.law.0.limit = Limit::Millis(ms);
        obey(&mut control, at_ms, &mut events).downtime_ms
    };
    assert_eq!(set(0, 500), Some(500));
    assert_eq!(set(100, 500), None);
    assert_eq!(set(200, 501), Some(501), "no dead band");
    let decided = |event: &Event| matches!(event, Event::Decided { .. });
    assert!(!events.0.iter().any(decided), "it accepts no bytes");
}

#[test]
fn a_limit_in_bytes_is_not_sent_again_for_a_tenth() {
    let mut events = Events::default();
    let mut control = told(Limit::Bytes(50_000_000));
    let mut set = |at_ms, bytes| {
        control.law.0.limit = Limit::Bytes(bytes);
        obey(&mut control, at_ms, &mut events).downtime_ms
    };
    assert_eq!(set(0, 50_000_000), Some(500));
    assert_eq!(set(100, 55_000_000), None);
    assert_eq!(set(200, 56_000_000), Some(560));
}

#[test]
fn a_laws_speed_is_sent_once() {
    let mut events = Events::default();
    let mut control = told(Limit::Leave);
    control.law.0.speed_mib_per_s = Some(32);
    let speed = Target {
        speed_mib_per_s: Some(32),
        ..Target::NONE
    };
    assert_eq!(obey(&mut control, 0, &mut events), speed);
    assert_eq!(obey(&mut control, 100, &mut events), Target::NONE);
}

#[test]
fn a_laws_last_step_ends_control_but_a_suspension_does_not() {
    for (action, ends) in [
        (Action::Abort, true),
        (Action::StartPostcopy, true),
        (Action::Suspend, false),
    ] {
        let mut events = Events::default();
        let mut control = told(Limit::Leave);
        control.law.0.action = Some(action);
        assert_eq!(obey(&mut control, 0, &mut events).action, Some(action));
        let released = Event::Released(Release::Acted(action));
        assert_eq!(events.0.last() == Some(&released), ends, "{action:?}");
        let after = obey(&mut control, 100, &mut events);
        assert_eq!(after == Target::NONE, ends, "{action:?}: {after:?}");
    }
}
