//! External changes of the limits.

use std::format;

use super::*;

/// A sample in which libvirt holds these limits.
fn holding(sample: Sample, downtime_ms: u64, speed_mib_per_s: u64) -> Sample {
    Sample {
        settings: Some(Settings {
            downtime_ms,
            speed_mib_per_s,
        }),
        ..sample
    }
}

/// The first poll, which finds such a limit; libvirt accepts the target.
fn begin(control: &mut Controller<Adaptive>, downtime_ms: u64, events: &mut Events) -> Target {
    let target = control.poll(&holding(precopy(0, 1), downtime_ms, 7), events);
    control.outcome(Timestamp::default(), &target, true, events);
    target
}

#[test]
fn an_external_change_ends_control_for_good() {
    let mut events = Events::default();
    let mut control = controller();
    begin(&mut control, 300, &mut events);
    let unchanged = holding(precopy(100, 1), 10, 7);
    assert_eq!(control.poll(&unchanged, &mut events), Target::NONE);
    let changed = holding(precopy(200, 2), 777, 7);
    assert_eq!(control.poll(&changed, &mut events), Target::NONE);
    let why = Release::ExternalChange {
        downtime_ms: 777,
        speed_mib_per_s: 7,
    };
    assert_eq!(events.0.last(), Some(&Event::Released(why)));
    assert_eq!(control.poll(&precopy(300, 3), &mut events), Target::NONE);
    assert!(!control.wants_settings());
}

#[test]
fn the_limits_from_before_the_predecessor_are_restored_until_libvirt_accepts_them() {
    let mut events = Events::default();
    let before = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 7,
    };
    let mut control = controller().after(before, Target::NONE);
    // A predecessor left 12 ms.
    let first = begin(&mut control, 12, &mut events);
    let set_ms = first.downtime_ms.map_or(0, u64::from);
    let sample = holding(precopy(200, 2), set_ms, 99);
    let back = Target {
        downtime_ms: Some(300),
        ..Target::NONE
    };
    assert_eq!(control.poll(&sample, &mut events), back);
    control.outcome(Timestamp::default(), &back, false, &mut events);
    assert_eq!(control.poll(&precopy(700, 2), &mut events), back, "again");
    control.outcome(Timestamp::default(), &back, true, &mut events);
    assert_eq!(control.poll(&precopy(900, 2), &mut events), Target::NONE);
}

#[test]
fn a_limit_that_another_has_changed_while_nobody_controlled_ends_control() {
    let before = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 7,
    };
    let expected = Target {
        downtime_ms: Some(12),
        ..Target::NONE
    };
    for (found_ms, is_ours) in [(12, true), (777, false)] {
        let mut events = Events::default();
        let mut control = controller().after(before, expected);
        let target = begin(&mut control, found_ms, &mut events);
        let ended = matches!(events.0.last(), Some(Event::Released(_)));
        assert_eq!((target != Target::NONE, ended), (is_ours, !is_ours));
    }
}

#[test]
fn a_site_may_insist_on_its_limits() {
    let mut events = Events::default();
    let policy = Policy {
        insists: true,
        ..Policy::default()
    };
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy);
    let first = begin(&mut control, 300, &mut events);
    let changed = holding(precopy(200, 1), 50, 7);
    let again = control.poll(&changed, &mut events);
    assert_eq!(again.downtime_ms, first.downtime_ms);
    let insisted = Event::Insisted {
        downtime_ms: 50,
        speed_mib_per_s: 7,
    };
    assert!(events.0.contains(&insisted));
}

#[test]
fn a_limit_that_nobody_changed_is_restored() {
    let mut events = Events::default();
    let mut control = controller();
    begin(&mut control, 300, &mut events);
    let back = Target {
        downtime_ms: Some(300),
        ..Target::NONE
    };
    let changed = holding(precopy(200, 2), 10, 99);
    assert_eq!(control.poll(&changed, &mut events), back);
}

/// The first two polls of a controller that insists: a speed limit found at first, and the one set externally since.
fn raised(owners: Option<u64>, first: u64, then: u64) -> (Target, Events, Controller<Adaptive>) {
    let mut events = Events::default();
    let policy = Policy {
        insists: true,
        owners_speed_mib_per_s: owners,
        ..Policy::default()
    };
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), policy.under_speed(first));
    let target = control.poll(&holding(precopy(0, 1), 300, first), &mut events);
    control.outcome(Timestamp::default(), &target, true, &mut events);
    let limit = u64::from(target.downtime_ms.expect("a limit"));
    let target = control.poll(&holding(precopy(100, 1), limit, then), &mut events);
    control.outcome(Timestamp::default(), &target, true, &mut events);
    (target, events, control)
}

#[test]
fn a_raised_speed_is_a_new_order_even_where_the_site_insists() {
    const NONE: u64 = crate::guard::SPEED_UNLIMITED_MIB_PER_S;
    for (owners, first, then, set) in [
        (None, 1, NONE, None),
        (None, 1, 0, None),
        (None, 1, 50, None),
        (None, NONE, 5, None),
        (Some(20), 1, NONE, Some(20)),
        (Some(20), 1, 0, Some(20)),
        (Some(20), 1, 10, None),
    ] {
        let (target, events, mut control) = raised(owners, first, then);
        let what = format!("owner's {owners:?}, {first}, then {then}");
        assert_eq!(target.speed_mib_per_s, set, "{what}");
        let ordered = Event::SpeedOrdered {
            speed_mib_per_s: then,
        };
        assert!(events.0.contains(&ordered), "{what}: {:?}", events.0);
        let insisted = |event: &Event| matches!(event, Event::Insisted { .. });
        assert!(!events.0.iter().any(insisted), "{what}");
        // And it stays so.
        let mut events = Events::default();
        let settled = holding(precopy(200, 1), 10, set.unwrap_or(then));
        assert_eq!(
            control.poll(&settled, &mut events).speed_mib_per_s,
            None,
            "{what}"
        );
    }
}

#[test]
fn another_number_for_no_limit_is_no_change() {
    let mut events = Events::default();
    let mut control = controller();
    let none = crate::guard::SPEED_UNLIMITED_MIB_PER_S;
    let first = control.poll(&holding(precopy(0, 1), 300, none), &mut events);
    control.outcome(Timestamp::default(), &first, true, &mut events);
    control.poll(&holding(precopy(100, 1), 10, 0), &mut events);
    assert!(
        !events
            .0
            .iter()
            .any(|event| matches!(event, Event::Released(_)))
    );
}
