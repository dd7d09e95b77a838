//! What a law is shown.

use super::*;
use crate::estimate::Trust;
use crate::event::Cause;
use crate::sample::Faults;

/// A law that keeps what it was shown.
#[derive(Default)]
struct Witness {
    seen: View,
    is_blind: bool,
}

impl Law for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn decide(&mut self, view: &View) -> Decision {
        self.seen = *view;
        Decision::limit(Limit::Leave, Cause::Observing)
    }

    fn wants_writes(&self) -> bool {
        !self.is_blind
    }
}

/// What `law` is shown last of these samples, and the events.
fn shown(law: Witness, samples: impl IntoIterator<Item = Sample>) -> (View, Events) {
    let policy = Policy {
        page_bytes: Some(1 << 30),
        ..Policy::default()
    };
    let mut control = Controller::new(law, policy);
    let mut events = Events::default();
    for sample in samples {
        control.poll(&sample, &mut events);
    }
    (control.law.seen, events)
}

#[test]
fn a_law_sees_the_sample_the_bandwidth_the_bytes_of_the_round_and_the_terms_of_post_copy() {
    let sync = Sample {
        sync_at: Some(Timestamp::from_nanos(1_000_000_000)),
        ..precopy(1_000, 2)
    };
    let last = precopy(1_200, 2);
    let (view, _) = shown(
        Witness::default(),
        [precopy(0, 1), precopy(900, 1), sync, last],
    );
    assert_eq!(view.sample, last);
    assert_eq!(view.bytes_per_s, 100_000_000);
    assert_eq!(view.in_round.bytes, 20_000_000);
    assert!(view.fetch.has_huge_pages());
}

/// Busy for three seconds, nearly idle for three.
#[test]
fn a_law_sees_the_phases_and_at_a_sync_whether_the_guest_was_idle() {
    let mut used_ns = 0;
    let samples = (0..60_u64).map(|n| {
        let vcpu_time_ns = Some(used_ns);
        used_ns += if n < 30 { 100_000_000 } else { 10_000_000 };
        Sample {
            vcpu_time_ns,
            ..precopy(n * 100, 1 + n / 59)
        }
    });
    let (view, _) = shown(Witness::default(), samples);
    assert!(view.phases.is_some_and(|phases| phases.idle), "{view:?}");
    assert_eq!(view.idle_round, Some(false), "busy at first");
}

/// The counter shows what the sync finds.
#[test]
fn writes_are_estimated_for_a_law_that_wants_them() {
    for is_blind in [false, true] {
        let samples = (0..13_u64).map(|n| {
            let at = Timestamp::from_nanos(n * 100_000_000);
            Sample {
                total_bytes: 1 << 30,
                faults: Some(Faults {
                    at,
                    pages: n * 100_000_000 / 10 / Faults::PAGE_BYTES,
                }),
                sync_at: (n == 10).then_some(at),
                ..precopy(n * 100, 1 + n / 10)
            }
        });
        let law = Witness {
            is_blind,
            ..Witness::default()
        };
        let (view, events) = shown(law, samples);
        let judged = view.writes.trust() != Trust::Unconfirmed;
        let told = |event: &Event| matches!(event, Event::Counter(_));
        assert_eq!(judged, !is_blind, "{:?}", view.writes);
        assert_eq!(events.0.iter().any(told), !is_blind, "{:?}", events.0);
    }
}

/// The guest writes as much in a second as was known before.
#[test]
fn a_law_sees_what_was_known_of_the_guest_and_each_judgement_of_it_is_published() {
    let second = Duration::from_secs(1);
    let prior = Prior::new([(second, 100_000_000)], None, second);
    let mut control = Controller::new(Witness::default(), Policy::default()).knowing(prior);
    let mut events = Events::default();
    let sync = Sample {
        sync_at: Some(Timestamp::from_nanos(1_000_000_000)),
        ..precopy(1_000, 2)
    };
    for sample in [precopy(0, 1), precopy(900, 1), sync, precopy(1_100, 2)] {
        control.poll(&sample, &mut events);
    }
    assert_eq!(control.law.seen.prior.trust(), Trust::Confirmed);
    let judged = events.0.iter().filter_map(|event| match event {
        Event::Prior(trust) => Some(*trust),
        _ => None,
    });
    assert_eq!(judged.collect::<Vec<_>>(), [Trust::Confirmed]);
}

#[test]
fn a_law_is_shown_the_writes_unless_it_says_otherwise() {
    assert!(Stock.wants_writes());
}
