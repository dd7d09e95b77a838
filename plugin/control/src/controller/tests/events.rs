//! What is published, and when.

use super::*;
use crate::event::Cause;

/// A law that decides what it is told to.
struct Told(Decision);

impl Law for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn decide(&mut self, _: &View) -> Decision {
        self.0
    }
}

#[test]
fn a_threshold_is_published_at_a_sync_or_with_another_cause_and_only_then() {
    let bytes = |cause| Decision::threshold(7, cause);
    let mut control = Controller::new(Told(bytes(Cause::Falling)), Policy::default());
    let mut published = |at_ms, iteration, decision| {
        let mut events = Events::default();
        control.law.0 = decision;
        control.poll(&precopy(at_ms, iteration), &mut events);
        let decided = |event: &Event| matches!(event, Event::Decided { .. });
        events.0.iter().any(decided)
    };
    let millis = Decision::limit(Limit::Millis(5), Cause::Waiting);
    for (at_ms, iteration, decision, is_news) in [
        (0, 1, bytes(Cause::Falling), true),
        (100, 1, bytes(Cause::Falling), false),
        (200, 1, bytes(Cause::Waiting), true),
        (300, 1, bytes(Cause::Waiting), false),
        (400, 2, bytes(Cause::Waiting), true),
        (500, 2, millis, false),
        (600, 2, bytes(Cause::Waiting), true),
    ] {
        let found = published(at_ms, iteration, decision);
        assert_eq!(found, is_news, "at {at_ms} ms");
    }
}

/// A stall at a limit of 10 ms: 1 MB.
#[test]
fn data_other_than_memory_are_published_when_more_are_allowed_for() {
    let mut control = Controller::new(Stock, Policy::default());
    let mut events = Events::default();
    for at_ms in [0, 100, 300, 350, 400] {
        let sample = Sample {
            remaining_bytes: 0,
            settings: Some(Settings {
                downtime_ms: 10,
                speed_mib_per_s: 0,
            }),
            ..precopy(at_ms, 1)
        };
        control.poll(&sample, &mut events);
    }
    let allowed = events.0.iter().filter_map(|event| match event {
        Event::DeviceState { bytes } => Some(*bytes),
        _ => None,
    });
    assert_eq!(allowed.collect::<Vec<_>>(), [4_000_000]);
}
