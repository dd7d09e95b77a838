//! Post-copy under the control loop that ships, in virtual time: its rate, and the law's decisions.
#![expect(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::cell::Cell;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::Silent;
use libvirt_hpc_control::law::{Adaptive, FETCH_PPM, Slowdown};
use libvirt_hpc_control::policy::{Deadline, Policy, Then};
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_tests::plant::{End, Guest, Link, Outcome, Plant, PlantConfig, Qemu, Writer};

const MIB: u64 = 1 << 20;
const DELTA: f64 = 0.1;

/// A guest whose pre-copy does not end, started with post-copy.
fn saturated(set_mib: u64, link: Link) -> PlantConfig {
    let guest = Guest::new(512 * MIB)
        .non_zero(440 * MIB)
        .with(Writer::flat(set_mib * MIB));
    PlantConfig::new(guest, link).with_qemu(Qemu {
        postcopy: true,
        ..Qemu::default()
    })
}

/// Steers until the job is over; returns the most bytes on the wire in any second of post-copy.
fn steer(plant: &mut Plant, policy: Policy) -> f64 {
    let law = Adaptive::new(Slowdown::DEFAULT).or_postcopy();
    let mut control = Controller::new(law, policy);
    let (last, most) = (Cell::new(None), Cell::new(0.0_f64));
    for _ in 0..10_000 {
        plant.wait(control.next_poll());
        let sample = plant.sample(true).expect("nothing is scripted");
        match (sample.state, last.get()) {
            (JobState::Ended, _) => break,
            (JobState::Postcopy, None) => last.set(Some((sample.at, sample.processed_bytes))),
            (JobState::Postcopy, Some((at, bytes))) => {
                let span = sample.at.since(at);
                if span >= Duration::from_secs(1) {
                    let sent = (sample.processed_bytes - bytes) as f64;
                    most.set(most.get().max(sent / span.as_secs_f64()));
                    last.set(Some((sample.at, sample.processed_bytes)));
                }
            }
            _ => {}
        }
        let target = control.poll(&sample, &mut Silent);
        let done = plant.apply(&target).is_ok();
        control.outcome(plant.now(), &target, done, &mut Silent);
    }
    most.get()
}

/// The guest's loss, including the time in which memory is missing.
fn loss(outcome: &Outcome) -> f64 {
    outcome.j(DELTA) + FETCH_PPM as f64 / 1e6 * outcome.fetch().as_secs_f64()
}

/// Somebody else started the migration, with no limit for post-copy.
#[test]
fn an_owners_speed_ceiling_holds_after_the_switch_to_post_copy() {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        postcopy_speed_max_mib_per_s: Some(20),
        deadline: Some(Deadline {
            after: Duration::from_secs(5),
            then: Then::Postcopy,
        }),
        ..Policy::default()
    };
    let mut plant = Plant::new(&saturated(128, Link::gigabit()));
    let most = steer(&mut plant, policy);
    let outcome = plant.outcome();
    assert_eq!(outcome.end, End::Postcopy, "{outcome:?}");
    let most_mib = most / MIB as f64;
    assert!((15.0..=21.0).contains(&most_mib), "{most_mib} MiB/s");
}

/// Missing pages for 13 s, or a pause of 0.6 s.
#[test]
fn the_law_uses_the_rate_limit_of_post_copy() {
    let moved = |postcopy_speed_mib_per_s| {
        let mut config = saturated(64, Link::new(20_000_000));
        config.qemu.postcopy_speed_mib_per_s = postcopy_speed_mib_per_s;
        let policy = Policy {
            postcopy_speed_max_mib_per_s: Some(postcopy_speed_mib_per_s),
            postcopy_speed_found_mib_per_s: Some(postcopy_speed_mib_per_s),
            ..Policy::default()
        };
        let mut plant = Plant::new(&config);
        steer(&mut plant, policy);
        plant.outcome()
    };
    let (free, slow) = (moved(0), moved(5));
    assert_eq!((free.end, slow.end), (End::Postcopy, End::Completed));
    let mut over = saturated(64, Link::new(20_000_000));
    over.qemu.postcopy_speed_mib_per_s = 5;
    let mut over = Plant::new(&over);
    let after_round_one = Policy {
        postcopy_after_first_round: true,
        ..Policy::default()
    };
    steer(&mut over, after_round_one);
    assert!(loss(&slow) < loss(&over.outcome()) / 2.0, "{slow:?}");
}

/// A guest of which 60 GB are rewritten all the time, over 5 Gbit/s.
#[test]
fn with_pages_of_2_mib_the_law_stops_guests_that_post_copy_would_move() {
    let end = |page_bytes, left_gib: u64| {
        let guest = Guest::new(128 << 30)
            .non_zero(100 << 30)
            .with(Writer::flat(left_gib << 30));
        let config = PlantConfig::new(guest, Link::new(600_000_000)).with_qemu(Qemu {
            postcopy: true,
            ..Qemu::default()
        });
        let policy = Policy {
            page_bytes,
            ..Policy::default()
        };
        let mut plant = Plant::new(&config);
        steer(&mut plant, policy);
        plant.outcome().end
    };
    assert_eq!(end(None, 4), End::Postcopy);
    assert_eq!(end(Some(2 << 20), 4), End::Completed);
    assert_eq!(end(Some(1 << 30), 60), End::Completed);
}
