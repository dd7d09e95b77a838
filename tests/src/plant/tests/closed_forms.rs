//! Closed forms: those of docs/control-law.md, section 1, and simpler ones.

use super::super::{End, forced_stop, oracle};
use super::*;

const LINK: u64 = 100 * MB;

fn ideal(guest: Guest, limit_ms: u64) -> PlantConfig {
    let qemu = Qemu {
        downtime_limit_ms: limit_ms,
        ..Qemu::ideal()
    };
    PlantConfig::new(guest, Link::new(LINK)).with_qemu(qemu)
}

/// Constant unique dirty rate D below B: R_k = M rho^k, and in all M/(1 - rho).
#[test]
fn constant_dirty_rate_falls_geometrically() {
    let total = 1000 * MIB;
    // A sweep of all memory writes no page twice within a round. With a limit of 1 ms a round ends when 0.1 MB remain:
    // far below the values compared.
    let config = ideal(
        Guest::new(total)
            .chunks(1 << 18)
            .with(Writer::sweep(total, 40 * MB)),
        1,
    );
    let mut plant = Plant::new(&config);
    let outcome = plant.run(s(100));
    let left = remaining(plant.syncs());
    for (k, rho) in [0.4, 0.16, 0.064, 0.0256].iter().enumerate() {
        assert_near(left[k + 1] as f64, total as f64 * rho, 1.0);
    }
    assert_eq!(outcome.end, End::Completed);
    assert_near(outcome.bytes as f64, total as f64 / 0.6, 1.0);
    assert_near(
        outcome.total.as_secs_f64(),
        total as f64 / LINK as f64 / 0.6,
        1.0,
    );
    // ln(B L / M) / ln rho = 10.1: 11 rounds, then the sync below the threshold and the one in the pause.
    assert!(
        (11..=13).contains(&outcome.iterations),
        "{}",
        outcome.iterations
    );
}

/// A guest that rewrites its whole set: R = W after round 1 and for ever, every round wasting W bytes.
#[test]
fn a_working_set_stays() {
    let config = ideal(Guest::new(512 * MIB).with(Writer::flat(128 * MIB)), 1);
    let mut plant = Plant::new(&config);
    let outcome = plant.run(s(60));
    assert_eq!(outcome.end, End::Never);
    let left = remaining(plant.syncs());
    assert!(left.len() > 30);
    // Each sync finds the whole set and the unsent pages of the round before: at most 0.1 MB.
    assert!(
        left[1..]
            .iter()
            .all(|bytes| (128 * MIB..128 * MIB + 300_000).contains(bytes))
    );
    assert_near(outcome.bytes as f64, 60.0 * LINK as f64, 1.0);
}

/// Stop at the end of round 1: T = M'/B, pause W/B + c0; the oracle finds just that.
#[test]
fn a_flat_guest_is_best_stopped_after_round_one() {
    let mut config = ideal(Guest::new(512 * MIB).with(Writer::flat(128 * MIB)), 1);
    config.qemu.fixed_pause = ms(40);
    let (round, pause) = (
        512.0 * MIB as f64 / LINK as f64,
        128.0 * MIB as f64 / LINK as f64 + 0.04,
    );
    let best = oracle(&config, 0.1);
    assert_near(best.precopy.as_secs_f64(), round, 2.0);
    assert_near(best.pause.as_secs_f64(), pause, 1.0);
    let forced = forced_stop(&config, Duration::from_secs_f64(round));
    assert_eq!(forced.end, End::Completed);
    assert_near(forced.pause.as_secs_f64(), pause, 1.0);
    assert!(forced.precopy.as_secs_f64() - round < 0.2, "{forced:?}");
    assert!(best.j(0.1) <= forced.j(0.1));
}

/// Saturating writers: the plateau solves R = W (1 - e^(-R / (B theta))).
#[test]
fn a_saturating_guest_stalls_at_its_plateau() {
    let set = 200.0 * MB as f64;
    let guest = Guest::new(400 * MB)
        .chunks(1 << 14)
        .with(Writer::random(200 * MB, 300 * MB));
    let mut plant = Plant::new(&ideal(guest, 1));
    assert_eq!(plant.run(s(120)).end, End::Never);
    let (theta, link) = (set / (300.0 * MB as f64), LINK as f64);
    let plateau = (0..100).fold(set, |r, _| set * (1.0 - (-r / (link * theta)).exp()));
    let left = remaining(plant.syncs());
    let tail = &left[left.len() - 20..];
    let mean = tail.iter().sum::<u64>() as f64 / tail.len() as f64;
    assert_near(mean, plateau, 2.0);
}

/// A set swept in less than a round is all dirty at every sync, in whatever order it is sent.
#[test]
fn a_fast_sweep_looks_like_a_flat_writer() {
    let guest = Guest::new(400 * MIB).with(Writer::sweep(64 * MIB, 200 * MB));
    let mut plant = Plant::new(&ideal(guest, 1));
    assert_eq!(plant.run(s(20)).end, End::Never);
    let left = remaining(plant.syncs());
    assert!(left[1..].iter().all(|bytes| *bytes >= 64 * MIB), "{left:?}");
}

/// Nobody writes: one round, memory once on the wire, a pause of c0 and the remainder below the threshold.
#[test]
fn an_idle_guest_crosses_once() {
    let outcome = Plant::new(&ideal(Guest::new(512 * MIB), 300)).run(s(60));
    assert_eq!(outcome.end, End::Completed);
    assert_near(outcome.bytes as f64, 512.0 * MIB as f64, 0.01);
    assert!(outcome.pause < ms(300));
    assert_eq!(outcome.iterations, 3);
}

/// Sets that begin where the one before ends; a zero page is nearly free.
#[test]
fn memory_that_crosses_is_what_holds_data() {
    let writers = Guest::new(512 * MIB)
        .non_zero(0)
        .with(Writer::random(10 * MIB, MB));
    let guest = writers
        .with(Writer::flat(20 * MIB))
        .with(Writer::flat(MIB).at_address(0));
    assert_eq!(guest.data_bytes(), 30 * MIB);
    let config = PlantConfig::new(guest, Link::new(LINK));
    let mut config = config.with_qemu(Qemu {
        zero_page_bytes: 9,
        ..Qemu::ideal()
    });
    config.qemu.downtime_limit_ms = 2_000;
    let outcome = Plant::new(&config).run(s(10));
    assert_eq!(outcome.end, End::Completed);
    let zero = (482 * MIB / 4096 * 9) as f64;
    assert!(outcome.bytes as f64 >= 30.0 * MIB as f64 + zero);
    assert!(outcome.bytes < 120 * MIB, "{}", outcome.bytes);
}
