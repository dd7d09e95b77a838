//! The policy's longest pause, alone and with a speed ceiling, is kept, whatever QEMU's windows say.

use super::*;

fn bounded(longest_ms: u32, speed_mib_per_s: Option<u64>) -> Policy {
    Policy {
        downtime_max_ms: Some(longest_ms),
        // The plant's: 25 ms, and a sync.
        pause_fixed_ms: Some(30),
        speed_max_mib_per_s: speed_mib_per_s,
        ..Policy::default()
    }
}

/// The working set takes 1.1 to 3 times as long as allowed, over links whose windows vary.
#[test]
fn a_speed_ceiling_makes_no_pause_longer_than_is_allowed() {
    let (mut moves, mut over) = (0, Vec::new());
    for speed in [5, 10, 20, 40] {
        for longest_ms in [200, 500, 1000, 2000] {
            for percent in [110, 130, 150, 200, 260, 300] {
                let set_bytes = u64::from(longest_ms) * GIGABIT / 1000 * percent / 100;
                if set_bytes > 420 * MIB {
                    continue;
                }
                let mut plant = Plant::new(&with_ceiling(config(Writer::flat(set_bytes)), speed));
                let (got, _) = run(&mut plant, bounded(longest_ms, Some(speed)));
                moves += 1;
                if got.end == End::Completed
                    && got.pause.as_secs_f64() > 1.05 * f64::from(longest_ms) / 1000.0
                {
                    over.push((speed, longest_ms, percent, got.pause));
                }
            }
        }
    }
    assert_eq!(moves, 84);
    assert!(over.is_empty(), "{over:?}");
}

/// The working set fits: the owner's speed ceiling is lifted for the pause, and the pause is kept.
#[test]
fn a_remainder_within_the_policy_is_sent_though_the_speed_ceiling_hides_it() {
    for speed in [5, 10, 20, 40] {
        for longest_ms in [200, 500, 1000, 2000] {
            let set_bytes = (u64::from(longest_ms) - 60) * GIGABIT / 1000 * 3 / 4;
            let mut plant = Plant::new(&with_ceiling(config(Writer::flat(set_bytes)), speed));
            let (got, _) = run(&mut plant, bounded(longest_ms, Some(speed)));
            let case = format!("{speed} MiB/s, {longest_ms} ms: {got:?}");
            assert_eq!(got.end, End::Completed, "{case}");
            assert!(
                got.pause <= Duration::from_millis(longest_ms.into()),
                "{case}"
            );
        }
    }
}

/// Ceilings within reach are kept, and the guest is moved.
#[test]
fn a_ceiling_within_reach_is_kept() {
    for longest_ms in [60, 100, 300, 1000] {
        for seed in 0..20 {
            let set_bytes = u64::from(longest_ms - 50) * GIGABIT / 1000 / 2;
            let config = config(Writer::flat(set_bytes)).with_seed(seed);
            let (got, _) = run(&mut Plant::new(&config), bounded(longest_ms, None));
            assert_eq!(got.end, End::Completed, "{longest_ms} ms");
            assert!(
                got.pause <= Duration::from_millis(longest_ms.into()),
                "{longest_ms} ms: {got:?}"
            );
        }
    }
}

/// A link that was measured behind a speed ceiling, and has become slow since.
#[test]
fn the_sustained_bandwidth_is_not_believed_for_ever() {
    for (set_mib, slow_from_s) in [(128, 60), (300, 80)] {
        let phases = [
            (
                Duration::from_secs(slow_from_s + 10),
                Access::Flat {
                    bytes: set_mib * MIB,
                },
            ),
            (Duration::from_secs(600), Access::Flat { bytes: 45 * MIB }),
        ];
        for slow in [GIGABIT, 12 * MB] {
            let mut config = with_ceiling(config(Writer::phases(phases)), 10);
            config.link = Link::gigabit()
                .jitter(5)
                .then(Duration::from_secs(slow_from_s), slow);
            let (got, seen) = run(&mut Plant::new(&config), bounded(500, Some(10)));
            if slow == GIGABIT {
                assert_eq!(got.end, End::Completed, "{set_mib} MiB: {got:?}");
            } else {
                assert!(seen.has(|event| matches!(event, Event::Unreachable { .. })));
            }
            let paused = if got.end == End::Completed {
                got.pause
            } else {
                Duration::ZERO
            };
            assert!(
                paused <= Duration::from_millis(525),
                "{set_mib} MiB, {slow}: {got:?}"
            );
        }
    }
}
