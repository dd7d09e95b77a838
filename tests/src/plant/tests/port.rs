//! The plant behind the controller's port.

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};

use super::super::{Change, End, Fault, PlantError};
use super::*;

fn flat() -> PlantConfig {
    rig(Writer::flat(128 * MB))
}

fn order(action: Action) -> Target {
    Target {
        action: Some(action),
        ..Target::NONE
    }
}

fn limit(downtime_ms: u32) -> Target {
    Target {
        downtime_ms: Some(downtime_ms),
        ..Target::NONE
    }
}

/// Waits up to `until`, sampling after each wait, until `found`.
fn sample_until(plant: &mut Plant, until: Duration, found: impl Fn(&Sample) -> bool) -> Sample {
    loop {
        plant.wait(ms(400));
        let sample = plant.sample(false).expect("libvirt answers");
        let over = plant.outcome().total > until || sample.state == JobState::Ended;
        if found(&sample) || over {
            return sample;
        }
    }
}

#[test]
fn a_sync_is_announced_and_is_when_remaining_is_true() {
    let mut plant = Plant::new(&flat());
    let sample = sample_until(&mut plant, s(20), |sample| sample.iteration == 3);
    let truth = plant.syncs()[2];
    let announced = sample.sync_at.expect("the event came");
    assert_eq!(Duration::from_nanos(announced.as_nanos()), truth.at);
    assert_eq!(sample.at.since(announced), ms(2));
    // 2 ms of the link, the duration of the call.
    assert!(truth.remaining_bytes - sample.remaining_bytes <= 240_000);
    plant.wait(ms(400));
    let later = plant.sample(false).expect("libvirt answers");
    assert!(
        later.remaining_bytes + 40 * MB < truth.remaining_bytes,
        "counts down without new dirt"
    );
}

#[test]
fn without_events_polling_sees_syncs_late_or_skips_them() {
    let mut config = flat();
    config.guest = Guest::new(512 * MIB)
        .non_zero(100 * MIB)
        .with(Writer::flat(20 * MIB));
    config.qemu.downtime_limit_ms = 1;
    let mut plant = Plant::new(&config).between(ms(0), s(60), Fault::EventsLost);
    let mut seen = Vec::new();
    for _ in 0..20 {
        plant.wait(ms(400));
        let sample = plant.sample(false).expect("libvirt answers");
        assert_eq!(sample.sync_at, None);
        seen.push(sample.iteration);
    }
    assert!(
        seen.windows(2).any(|pair| pair[1] > pair[0] + 1),
        "{seen:?}"
    );
    // The first wait ended with the setup, which is a change of state; the others lasted to their end.
    assert_eq!(plant.outcome().total, ms(20 + 19 * 400 + 20 * 2));
}

#[test]
fn limits_act_at_the_next_window() {
    let mut plant = Plant::new(&flat());
    plant.run(ms(5_000));
    plant.apply(&limit(2_000_000)).expect("the job runs");
    assert_eq!(plant.applied()[0].target, limit(2_000_000));
    assert_eq!(plant.settings().downtime_ms, 2_000_000);
    let outcome = plant.run(s(20));
    assert_eq!(outcome.end, End::Completed);
    assert!(outcome.precopy - ms(5_000) <= ms(152), "{outcome:?}");
}

#[test]
fn a_cap_refuses_what_the_link_affords() {
    let mut config = rig(Writer::flat(20 * MB));
    config.qemu.speed_mib_per_s = 20;
    let mut plant = Plant::new(&config);
    assert_eq!(plant.run(s(60)).end, End::Never);
    let sample = plant.sample(true).expect("libvirt answers");
    assert_near(sample.window_bytes_per_s as f64, 20.0 * MIB as f64, 2.0);
    assert_eq!(
        sample.settings.map(|settings| settings.speed_mib_per_s),
        Some(20)
    );
    let lift = Target {
        speed_mib_per_s: Some(UNLIMITED_MIB_PER_S),
        ..Target::NONE
    };
    plant.apply(&lift).expect("the job runs");
    let outcome = plant.run(s(70));
    assert_eq!(outcome.end, End::Completed);
    assert!(outcome.precopy < ms(60_500), "{outcome:?}");
    // The same guest, with the capped bandwidth configured as the link's: no lifting is needed.
    config.qemu.avail_switchover_bytes_per_s = Some(117 * MB);
    let outcome = Plant::new(&config).run(s(60));
    assert_eq!(outcome.end, End::Completed);
    assert_near(outcome.pause.as_secs_f64(), 20.0 / 117.0 + 0.026, 15.0);
}

#[test]
fn suspended_it_pays_at_the_capped_rate() {
    let mut config = flat();
    config.qemu.speed_mib_per_s = 50;
    let mut plant = Plant::new(&config);
    plant.run(s(15));
    plant.apply(&order(Action::Suspend)).expect("the job runs");
    let outcome = plant.run(s(60));
    assert_eq!(outcome.end, End::Completed);
    assert_eq!(outcome.precopy, s(15));
    // 15 MB may be sent in the switchover; the rest is sent at 50 MiB/s with the guest stopped.
    assert!(outcome.pause > ms(2_000), "{outcome:?}");
    assert_eq!(outcome.pause, outcome.total - outcome.precopy);
}

#[test]
fn postcopy_starts_at_once_if_allowed() {
    let mut config = flat();
    let refused = Plant::new(&config).apply(&order(Action::StartPostcopy));
    assert_eq!(refused, Err(PlantError::PostcopyDisabled));
    config.qemu.postcopy = true;
    let mut plant = Plant::new(&config);
    plant.run(s(6));
    plant
        .apply(&order(Action::StartPostcopy))
        .expect("it is allowed");
    plant.run(ms(6_100));
    assert_eq!(
        plant.sample(false).map(|sample| sample.state),
        Ok(JobState::Postcopy)
    );
    let abort = plant.apply(&order(Action::Abort));
    assert_eq!(abort, Err(PlantError::TooLate(Action::Abort)));
    let outcome = plant.run(s(20));
    assert_eq!(outcome.end, End::Postcopy);
    assert!(
        outcome.pause >= ms(280) && outcome.pause < ms(290),
        "{outcome:?}"
    );
    assert!(outcome.total > s(7) && outcome.total < s(8), "{outcome:?}");
}

#[test]
fn an_abort_ends_it_there_and_then() {
    let mut plant = Plant::new(&flat());
    plant.run(ms(2_345));
    plant.apply(&order(Action::Abort)).expect("the job runs");
    assert_eq!(plant.apply(&limit(300)), Err(PlantError::NoJob));
    plant.wait(s(1));
    let sample = plant.sample(false).expect("an ended job is an answer");
    assert_eq!((sample.state, sample.elapsed_ms), (JobState::Ended, 2_345));
    let outcome = plant.outcome();
    assert_eq!((outcome.end, outcome.total), (End::Aborted, ms(2_345)));
    assert!(outcome.j(0.1).is_infinite());
}

#[test]
fn troubles_come_and_go_as_scripted() {
    let external = Target {
        downtime_ms: Some(700),
        speed_mib_per_s: Some(80),
        ..Target::NONE
    };
    let mut plant = Plant::new(&flat())
        .between(s(1), s(2), Fault::Deaf)
        .between(s(3), s(4), Fault::Refusing)
        .at(s(5), Change::External(external))
        .at(s(8), Change::Fail);
    plant.run(ms(1_500));
    assert_eq!(plant.sample(false), Err(PlantError::Silent));
    plant.run(ms(2_500));
    assert!(plant.sample(false).is_ok());
    plant.run(ms(3_500));
    assert_eq!(plant.apply(&limit(500)), Err(PlantError::Refused));
    plant.run(ms(4_500));
    assert_eq!(plant.apply(&limit(0)), Err(PlantError::Downtime(0)));
    assert_eq!(plant.apply(&limit(500)), Ok(()));
    plant.run(ms(5_500));
    assert_eq!(
        (
            plant.settings().downtime_ms,
            plant.settings().speed_mib_per_s
        ),
        (700, 80)
    );
    assert_eq!(
        plant.applied().len(),
        1,
        "an external change is not the controller's"
    );
    let outcome = plant.run(s(20));
    assert_eq!((outcome.end, outcome.total), (End::Failed, s(8)));
}

#[test]
fn a_cut_link_blocks_and_a_slow_one_slows() {
    let mut config = flat();
    config.qemu.downtime_limit_ms = 2_000;
    let plain = Plant::new(&config).run(s(60));
    config.link = Link::gigabit().cut(s(2), s(5));
    let cut = Plant::new(&config).run(s(60));
    assert_eq!((plain.end, cut.end), (End::Completed, End::Completed));
    let later = cut.total - plain.total;
    assert!(later > ms(4_800) && later < ms(5_200), "{later:?}");
    config.link = Link::gigabit().then(s(2), 0);
    let mut plant = Plant::new(&config);
    assert_eq!(plant.run(s(900)).end, End::Never);
    plant
        .apply(&order(Action::Abort))
        .expect("an abort does not wait for the link");
    config.link = Link::gigabit().then(s(2), 20 * MB);
    let slow = Plant::new(&config).run(s(120));
    assert_eq!(slow.end, End::Never, "2 s of 20 MB/s do not hold the set");
}
