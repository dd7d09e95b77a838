//! Laws with a fixed decision.

use super::*;

/// A law that always decides the same.
struct FixedLaw(Decision);

impl Law for FixedLaw {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn decide(&mut self, _: &View) -> Decision {
        self.0
    }
}

fn fixed(limit: Limit) -> Controller<FixedLaw> {
    let decision = Decision::limit(limit, crate::event::Cause::Schedule);
    Controller::new(FixedLaw(decision), Policy::default())
}

/// Polls at `at_ms`, and sets the target.
fn obey(control: &mut Controller<FixedLaw>, at_ms: u64, events: &mut Events) -> Target {
    let target = control.poll(&precopy(at_ms, 1), events);
    if target != Target::NONE {
        control.outcome(Timestamp::default(), &target, true, events);
    }
    target
}

#[test]
fn a_limit_in_milliseconds_is_sent_when_it_changes_and_only_then() {
    let mut events = Events::default();
    let mut control = fixed(Limit::Millis(500));
    let mut set = |at_ms, ms| {
        control.law.0.limit = Limit::Millis(ms);
        obey(&mut control, at_ms, &mut events).downtime_ms
    };
    assert_eq!(set(0, 500), Some(500));
    assert_eq!(set(100, 500), None);
    assert_eq!(set(200, 501), Some(501), "no dead band");
    let decided = |event: &Event| matches!(event, Event::Decided { .. });
    assert!(!events.0.iter().any(decided), "no bytes");
}

#[test]
fn a_limit_in_bytes_is_not_sent_again_for_a_tenth() {
    let mut events = Events::default();
    let mut control = fixed(Limit::Bytes(50_000_000));
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
    let mut control = fixed(Limit::Leave);
    control.law.0.speed_mib_per_s = Some(32);
    let speed = Target {
        speed_mib_per_s: Some(32),
        ..Target::NONE
    };
    assert_eq!(obey(&mut control, 0, &mut events), speed);
    assert_eq!(obey(&mut control, 100, &mut events), Target::NONE);
}

#[test]
fn a_laws_final_action_ends_control_but_a_suspension_does_not() {
    for (action, ends) in [
        (Action::Abort, true),
        (Action::StartPostcopy, true),
        (Action::Suspend, false),
    ] {
        let mut events = Events::default();
        let mut control = fixed(Limit::Leave);
        control.law.0.action = Some(action);
        assert_eq!(obey(&mut control, 0, &mut events).action, Some(action));
        let released = Event::Released(Release::Acted(action));
        assert_eq!(events.0.last() == Some(&released), ends, "{action:?}");
        let after = obey(&mut control, 100, &mut events);
        assert_eq!(after == Target::NONE, ends, "{action:?}: {after:?}");
    }
}

/// A law with a limit of 2 ms where post-copy is ruled out, and 1 ms where it is not.
struct Asking;

impl Law for Asking {
    fn name(&self) -> &'static str {
        "asking"
    }

    fn decide(&mut self, view: &View) -> Decision {
        let limit_ms = 1 + u32::from(view.postcopy_ruled_out);
        Decision::limit(Limit::Millis(limit_ms), crate::event::Cause::Schedule)
    }
}

#[test]
fn a_law_is_told_that_post_copy_was_refused() {
    let mut control = Controller::new(Asking, Policy::default());
    let mut events = Events::default();
    let may = control.poll(&precopy(0, 1), &mut events);
    let refused = Target {
        action: Some(Action::StartPostcopy),
        ..Target::NONE
    };
    for _ in 0..3 {
        control.outcome(Timestamp::default(), &refused, false, &mut events);
    }
    let may_not = control.poll(&precopy(100, 1), &mut events);
    assert_eq!((may.downtime_ms, may_not.downtime_ms), (Some(1), Some(2)));
}
