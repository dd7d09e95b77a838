//! How often a controller polls, and what it says of itself.

use super::*;

#[test]
fn a_poll_is_early_until_the_bandwidth_is_known_or_if_a_stall_may_be_about_to_show() {
    let mut events = Events::default();
    let mut control = Controller::new(Stock, Policy::default());
    let mut next_ms = |sample: &Sample| {
        control.poll(sample, &mut events);
        control.next_poll().as_millis()
    };
    let setup = Sample {
        state: JobState::Setup,
        ..precopy(0, 0)
    };
    assert_eq!(next_ms(&setup), 50);
    let unknown = Sample {
        window_bytes_per_s: 0,
        ..precopy(50, 1)
    };
    assert_eq!(next_ms(&unknown), 50);
    assert_eq!(next_ms(&precopy(100, 1)), 100);
    let empty = |at_ms| Sample {
        remaining_bytes: 0,
        settings: Some(Settings {
            downtime_ms: 300,
            speed_mib_per_s: 0,
        }),
        ..precopy(at_ms, 1)
    };
    assert_eq!(next_ms(&empty(200)), 100);
    assert_eq!(next_ms(&empty(300)), 50);
    let pending = Sample {
        remaining_bytes: 1,
        ..empty(350)
    };
    assert_eq!(next_ms(&pending), 100);
    let ended = Sample {
        state: JobState::Ended,
        ..precopy(450, 1)
    };
    assert_eq!(next_ms(&ended), 500);
}

#[test]
fn a_controller_tells_its_law_and_the_bandwidth() {
    let mut control = Controller::new(Stock, Policy::default());
    assert_eq!((control.law(), control.bytes_per_s()), ("stock", 0));
    for n in 0..4 {
        control.poll(&precopy(n * 100, 1), &mut Events::default());
    }
    assert_eq!(control.bytes_per_s(), 100_000_000);
}
