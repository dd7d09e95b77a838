//! Pending data other than memory: the bitmaps of disks that are copied along, the state of devices.

use proptest::prelude::*;

use super::*;

/// An idle guest of 256 MiB whose disk carries a dirty bitmap of so many bits, each of which QEMU counts as a byte.
fn with_bitmap(bits: u64) -> PlantConfig {
    let guest = Guest::new(256 * MIB)
        .non_zero(80 * MIB)
        .with(Writer::random(MIB, MB));
    let mut config = PlantConfig::new(guest, Link::gigabit().jitter(5));
    config.qemu.device_bytes = bits;
    config
}

#[test]
fn a_backup_bitmap_keeps_no_guest_that_plain_virsh_moves() {
    let config = with_bitmap(16_800_000);
    let stock = Plant::new(&config).run(Duration::from_secs(60));
    let (got, seen) = run(&mut Plant::new(&config), Policy::default());
    assert_eq!((stock.end, got.end), (End::Completed, End::Completed));
    assert!(
        got.total <= stock.total.mul_f64(1.5) + Duration::from_secs(1),
        "{got:?} against {stock:?}"
    );
    assert!(seen.has(|event| matches!(event, Event::DeviceState { .. })));
}

/// Plain virsh never ends here, and the adaptive law does.
#[test]
fn a_bitmap_beyond_300_ms_keeps_no_guest_either() {
    for bits in [67_000_000, 500_000_000] {
        let got = adaptive(&with_bitmap(bits));
        assert_eq!(got.end, End::Completed, "{bits}");
        assert!(got.total < Duration::from_secs(15), "{bits}: {got:?}");
    }
}

#[test]
fn the_deadline_holds_though_memory_has_long_been_sent() {
    let mut config = with_bitmap(16_800_000);
    // A law that sets no limit, and a limit that is never reached.
    config.qemu.downtime_limit_ms = 1;
    let deadline = Some(Deadline {
        after: Duration::from_secs(10),
        then: Then::Switchover,
    });
    let policy = Policy {
        deadline,
        ..Policy::default()
    };
    let (got, _) = steer(&mut Plant::new(&config), Stock, policy);
    assert_eq!(got.end, End::Completed);
    assert!(got.total < Duration::from_millis(11_000), "{got:?}");
}

#[test]
fn a_device_state_as_large_as_the_working_set_costs_at_most_ten_rounds() {
    for (percent, iterations) in [(70, 10), (500, 12)] {
        let mut config = config(Writer::flat(64 * MIB));
        config.qemu.device_bytes = 64 * MIB / 100 * percent;
        let got = adaptive(&config);
        assert_eq!(got.end, End::Completed, "{percent} %");
        assert!(got.iterations <= iterations, "{percent} %: {got:?}");
    }
}

/// The longest pause includes it.
#[test]
fn a_device_state_beyond_the_policys_pause_is_reported() {
    let mut config = config(Writer::flat(16 * MIB));
    config.qemu.device_bytes = 200 * MB;
    let policy = Policy {
        downtime_max_ms: Some(1000),
        pause_fixed_ms: Some(30),
        ..Policy::default()
    };
    let (got, seen) = run(&mut Plant::new(&config), policy);
    assert_eq!(got.end, End::Never);
    assert!(seen.has(|event| matches!(event, Event::Unreachable { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Of any size, constant or shrinking, with a guest that writes little or much.
    #[test]
    fn with_any_pending_state_the_guest_arrives_and_its_pause_is_bounded(
        device_kb in 0..2_000_000_u64,
        shrinks in 0..100_u64,
        set_mib in 1..200_u64,
        flat in any::<bool>(),
    ) {
        let writer = if flat {
            Writer::flat(set_mib * MIB)
        } else {
            Writer::random(set_mib * MIB, 20 * MB)
        };
        let mut config = config(writer);
        config.qemu.device_bytes = device_kb * 1000;
        config.qemu.device_shrinks_bytes_per_s = shrinks * MB;
        let got = adaptive(&config);
        prop_assert_eq!(got.end, End::Completed);
        let most = (4 * device_kb * 1000 + 2 * set_mib * MIB) as f64 / GIGABIT as f64;
        prop_assert!(got.pause.as_secs_f64() <= most + 0.2, "{:?}, {}", got, most);
    }
}
