//! Guests that fill memory, free it and have it zeroed, and work on little, again and again: syncs find mostly zero
//! pages, which are hardly sent.

use libvirt_hpc_control::event::Cause;
use libvirt_hpc_tests::random_cases::Case;

use super::*;

/// 400 MiB filled for `filled`, zeroed, and 40 MiB rewritten at 30 MB/s for `worked`; over 200 Mbit/s.
fn zeroed(filled: Duration, worked: Duration, into: Duration) -> PlantConfig {
    let work = Access::Rate {
        bytes: 40 * MIB,
        bytes_per_s: 30 * MB,
        order: Order::Random,
    };
    let phases = [
        (filled, Access::Flat { bytes: 400 * MIB }),
        (Duration::from_millis(50), Access::Zero { bytes: 400 * MIB }),
        (worked, work),
    ];
    let guest = Guest::new(768 * MIB)
        .non_zero(440 * MIB)
        .with(Writer::phases(phases).starting_into(into));
    PlantConfig::new(guest, Link::new(24 * MB).jitter(5))
}

/// Wherever in its cycle it is, and whether it fills its memory once, or again in the middle of the migration.
#[test]
fn a_guest_that_frees_memory_is_stopped_with_its_working_set() {
    let seconds = Duration::from_secs;
    for (filled, worked) in [(2, 600), (5, 600), (3, 30)] {
        for into in 0..3 {
            let config = zeroed(seconds(filled), seconds(worked), seconds(into));
            let (best, got) = (oracle(&config, DELTA), adaptive(&config));
            assert_eq!(got.end, End::Completed);
            let case = format!("{filled} s, {worked} s, {into} s: {got:?}, best {best:?}");
            assert!(ratio(got.pause, best.pause) <= 1.5, "{case}");
            assert!(got.j(DELTA) <= 1.3 * best.j(DELTA), "{case}");
        }
    }
}

/// While the law waits, no limit allows a pause that the law would not choose: at the bandwidth of the last second no
/// more than a fifth of the most that a sync has found, or the floor; and a tenth for two ways of smoothing.
#[test]
fn no_limit_while_waiting_allows_more_than_its_share() {
    let drawn = (0..400).map(|number| Case::draw(3, number).config);
    let (long, never) = (Duration::from_secs(5), Duration::from_secs(600));
    let waited = drawn
        .chain([zeroed(long, never, Duration::ZERO), phased(Duration::ZERO)])
        .map(|config| waiting_limits(&config))
        .sum::<usize>();
    assert!(waited > 30, "{waited} limits were seen");
}

/// Checks the limits set while waiting; returns how many there were.
fn waiting_limits(config: &PlantConfig) -> usize {
    let (_, seen) = run(&mut Plant::new(config), Policy::default());
    let (mut found, mut limits) = (0, 0);
    for (at, event) in &seen.events {
        match event {
            Event::Round(round) => found = found.max(round.remaining_bytes),
            Event::Targeted {
                target:
                    Target {
                        downtime_ms: Some(ms),
                        ..
                    },
                cause: Cause::Waiting,
            } => {
                limits += 1;
                let allowed = f64::from(*ms) / 1000.0 * seen.bytes_per_s(*at);
                let floor = DELTA * 0.1 * seen.bytes_per_s(*at);
                let share = 1.1 * (0.2 * found as f64).max(floor) + floor / 5.0;
                assert!(
                    allowed <= share,
                    "{ms} ms allow {allowed:.0} bytes, {found} were found: {config:?}"
                );
            }
            _ => {}
        }
    }
    limits
}
