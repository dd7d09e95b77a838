//! qemu-precopy, section 6, and the trials of design, section 4: ratios, not milliseconds.

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::target::Target;

use super::super::{AutoConverge, End, forced_stop};
use super::*;

/// Loopback as measured there: 64 MiB in 75 ms, c0 included.
fn loopback(guest: Guest, speed_mib_per_s: u64) -> PlantConfig {
    let qemu = Qemu {
        speed_mib_per_s,
        ..Qemu::default()
    };
    PlantConfig::new(guest, Link::new(1300 * MB)).with_qemu(qemu)
}

fn flat_64() -> Guest {
    Guest::new(512 * MIB)
        .non_zero(64 * MIB)
        .with(Writer::flat(64 * MIB))
}

/// 6.1: cap 100 MiB/s: never converges; the dirty rate mirrors the cap; the expected downtime is far
/// above the pause; 865 MiB in 8 s.
#[test]
fn a_cap_makes_qemu_refuse_and_lie() {
    let config = loopback(flat_64(), 100);
    let mut plant = Plant::new(&config);
    assert_eq!(plant.run(s(8)).end, End::Never);
    let dirty = plant.sample(false).expect("the job runs").dirty_bytes_per_s;
    assert_near(dirty as f64, 100.0 * MIB as f64, 5.0);
    assert_near(plant.expected_downtime_ms() as f64, 640.0, 3.0);
    let forced = forced_stop(&config, s(8));
    assert_eq!(forced.end, End::Completed);
    assert!((60..=100).contains(&forced.pause.as_millis()), "{forced:?}");
    assert_near(forced.bytes as f64, 865.0 * MIB as f64, 5.0);
}

/// 6.2: the dirty rate follows each cap; 93.7 MB at the boundaries; the limit raised, or the cap, ends it.
#[test]
fn the_dirty_rate_mirrors_whatever_cap() {
    let guest = || {
        Guest::new(150 * MIB)
            .non_zero(99 * MIB)
            .with(Writer::flat(93_716_480))
    };
    for cap in [50, 100, 200] {
        let mut plant = Plant::new(&loopback(guest(), cap));
        assert_eq!(plant.run(s(12)).end, End::Never);
        let dirty = plant.sample(false).expect("the job runs").dirty_bytes_per_s;
        assert_near(dirty as f64, (cap * MIB) as f64, 8.0);
        // Pages left unsent by a round are in the working set: each sync finds the same.
        let left = remaining(plant.syncs());
        assert!(
            left[2..]
                .iter()
                .all(|bytes| bytes.abs_diff(93_716_480) < 200_000),
            "{left:?}"
        );
    }
    let raised = Target {
        downtime_ms: Some(2_000),
        ..Target::NONE
    };
    let lifted = Target {
        speed_mib_per_s: Some(1_000),
        ..Target::NONE
    };
    for target in [raised, lifted] {
        let mut plant = Plant::new(&loopback(guest(), 100));
        plant.run(s(6));
        plant.apply(&target).expect("the job runs");
        let outcome = plant.run(s(10));
        assert_eq!(outcome.end, End::Completed, "{target:?}");
        assert!(outcome.total < ms(6_800), "{outcome:?}");
        assert!(
            (50..=130).contains(&outcome.pause.as_millis()),
            "{outcome:?}"
        );
    }
}

/// Section 3: no dirty rate in the whole first round, and the limit in place of an expected downtime.
#[test]
fn the_first_round_knows_no_dirt() {
    let mut plant = Plant::new(&rig(Writer::flat(128 * MIB)));
    plant.run(s(3));
    let sample = plant.sample(false).expect("the job runs");
    assert_eq!((sample.iteration, sample.dirty_bytes_per_s), (1, 0));
    assert_eq!(plant.expected_downtime_ms(), 300);
    plant.run(s(10));
    assert!(plant.sample(false).expect("the job runs").dirty_bytes_per_s > 90 * MB);
    assert!(plant.expected_downtime_ms() > 1_000);
}

/// 6.3: a tighter limit costs time and bytes and buys little pause.
#[test]
fn a_tighter_limit_buys_little() {
    let mut config = loopback(flat_64(), UNLIMITED_MIB_PER_S);
    let loose = Plant::new(&config).run(s(60));
    config.qemu.downtime_limit_ms = 60;
    let tight = Plant::new(&config).run(s(60));
    assert_eq!((loose.end, tight.end), (End::Completed, End::Completed));
    assert!(tight.total >= loose.total && tight.bytes >= loose.bytes);
    assert!(tight.pause <= loose.pause);
}

/// 6.4: an idle, all zero guest of 512 MiB: total 104-118 ms, of which c0 20-25 ms.
#[test]
fn an_idle_guest_takes_its_floor() {
    let outcome = Plant::new(&loopback(Guest::new(512 * MIB).non_zero(0), 100)).run(s(5));
    assert_eq!(outcome.end, End::Completed);
    assert!(
        (90..=240).contains(&outcome.total.as_millis()),
        "{outcome:?}"
    );
    assert!(
        (20..=35).contains(&outcome.pause.as_millis()),
        "{outcome:?}"
    );
}

/// Trial: 128 MiB rewritten flat out never ends; forced after some 5 s it takes 6.3 s and 1163 ms.
///
/// Tolerances here are the goal for the plant against recorded runs, total 10 % and pause 15 %: the trials are one run
/// each, and the data of a guest besides its set is known as "about 400 MB".
#[test]
fn trial_saturated() {
    let config = rig(Writer::flat(128 * MIB));
    assert_eq!(Plant::new(&config).run(s(120)).end, End::Never);
    let forced = forced_stop(&config, ms(5_000));
    assert_near(forced.pause.as_secs_f64(), 1.163, 15.0);
    assert_near(forced.total.as_secs_f64(), 6.3, 10.0);
}

/// Trial: 64 MB at 50 MB/s ends by itself under the default limit: 4.2 s / 308 ms; whatever the order.
#[test]
fn trial_converging() {
    for writer in [
        Writer::random(64 * MB, 50 * MB),
        Writer::sweep(64 * MB, 50 * MB),
    ] {
        let stock = Plant::new(&rig(writer)).run(s(60));
        assert_eq!(stock.end, End::Completed);
        assert_near(stock.total.as_secs_f64(), 4.2, 10.0);
        assert_near(stock.pause.as_secs_f64(), 0.308, 15.0);
    }
}

/// Trial: 256 MB swept at 80 MB/s, below the link but long in falling: 11.9 s / 325 ms. How much data that
/// guest held is not known, so only the pause is compared, and the time with a third.
#[test]
fn trial_swept() {
    let stock = Plant::new(&rig(Writer::sweep(256 * MB, 80 * MB))).run(s(60));
    assert_eq!(stock.end, End::Completed);
    assert_near(stock.pause.as_secs_f64(), 0.325, 15.0);
    assert_near(stock.total.as_secs_f64(), 11.9, 33.0);
}

/// Trial: the same under auto-converge took 42 s, and 27 s of the guest's work. How fast it rewrote its set
/// is not known: 5 GB/s is what one processor of such hosts writes. The work was counted by the guest, its
/// pause and whatever pre-copy cost it beside the throttle with it: the throttle's part is less than that.
#[test]
fn trial_auto_converge() {
    let mut config = rig(Writer::flat(128 * MIB));
    config.qemu.auto_converge = Some(AutoConverge {
        flat_bytes_per_s: 5_000 * MB,
    });
    let outcome = Plant::new(&config).run(s(120));
    assert_eq!(outcome.end, End::Completed);
    assert_near(outcome.total.as_secs_f64(), 42.0, 15.0);
    assert!((s(14)..s(27)).contains(&outcome.throttled), "{outcome:?}");
}
