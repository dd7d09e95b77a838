//! The law in virtual time: the control loop that ships, over the plant. Bounds are in simulated time, and so exact: a
//! scenario either holds or does not.

mod ceilings;
mod counters;
mod device_state;
mod never_worse;
mod priors;
mod scenarios;
mod stalls;
mod zeroed;

use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher, Release};
use libvirt_hpc_control::law::{Adaptive, Law, Slowdown, Stock};
use libvirt_hpc_control::policy::{Deadline, Policy, Then};
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, drive};
use libvirt_hpc_tests::patience::Patience;
use libvirt_hpc_tests::plant::{
    Access, Change, End, Fault, Guest, Link, Order, Outcome, Plant, PlantConfig, Qemu, Writer,
    forced_stop, oracle,
};

const MB: u64 = 1_000_000;
const MIB: u64 = 1 << 20;
const DELTA: f64 = 0.1;

/// The rate of 1 Gbit/s.
const GIGABIT: u64 = 117 * MB;

/// Collects everything.
#[derive(Default)]
struct Seen {
    events: Vec<(Timestamp, Event)>,
    samples: Vec<Sample>,
}

impl Publisher for Seen {
    fn publish(&mut self, at: Timestamp, event: Event) {
        self.events.push((at, event));
    }
}

impl Observer for Seen {
    fn sampled(&mut self, sample: &Sample) {
        self.samples.push(*sample);
    }
}

impl Seen {
    /// The highest threshold of a switchover.
    fn highest_threshold(&self) -> u64 {
        let accepted = self.events.iter().filter_map(|(_, event)| match event {
            Event::Decided {
                threshold_bytes,
                cause,
            } if cause.stops() => Some(*threshold_bytes),
            _ => None,
        });
        accepted.max().unwrap_or(0)
    }

    /// The rate of the second before, bytes per second.
    fn bytes_per_s(&self, at: Timestamp) -> f64 {
        let from = at.before(Duration::from_secs(1));
        let mut last_second = self
            .samples
            .iter()
            .filter(|sample| sample.at >= from && sample.at <= at);
        let (Some(first), Some(last)) = (last_second.next(), last_second.next_back()) else {
            return 0.0;
        };
        let sent = last.processed_bytes - first.processed_bytes;
        sent as f64 / last.at.since(first.at).as_secs_f64()
    }

    fn all(&self, what: impl Fn(&Event) -> bool) -> impl Iterator<Item = &(Timestamp, Event)> {
        self.events.iter().filter(move |(_, event)| what(event))
    }

    fn has(&self, what: impl Fn(&Event) -> bool) -> bool {
        self.all(what).next().is_some()
    }

    /// When the law first wanted the guest to stop.
    fn stopped_at(&self) -> Timestamp {
        let stops = |event: &Event| matches!(event, Event::Decided { cause, .. } if cause.stops());
        self.all(stops).next().expect("it stops").0
    }
}

/// Polls of a little more than five minutes.
const POLLS: u32 = 3000;

fn steer(plant: &mut Plant, law: impl Law, policy: Policy) -> (Outcome, Seen) {
    steer_for(POLLS, plant, law, policy)
}

fn steer_for(polls: u32, plant: &mut Plant, law: impl Law, policy: Policy) -> (Outcome, Seen) {
    let mut control = Controller::new(law, policy);
    let mut seen = Seen::default();
    drive(
        plant,
        &mut control,
        &mut seen,
        Mode::Steer,
        &Patience::of(polls),
    );
    (plant.outcome(), seen)
}

fn run(plant: &mut Plant, policy: Policy) -> (Outcome, Seen) {
    steer(plant, Adaptive::new(Slowdown::DEFAULT), policy)
}

fn adaptive(config: &PlantConfig) -> Outcome {
    run(&mut Plant::new(config), Policy::default()).0
}

/// 512 MiB, most of it data, over 1 Gbit/s: the guest of the test bed.
fn config(writer: Writer) -> PlantConfig {
    let guest = Guest::new(512 * MIB).non_zero(440 * MIB).with(writer);
    PlantConfig::new(guest, Link::gigabit().jitter(5))
}

fn saturated() -> PlantConfig {
    config(Writer::flat(128 * MIB))
}

fn phased(into: Duration) -> PlantConfig {
    let busy = (Duration::from_secs(3), Access::Flat { bytes: 200 * MIB });
    let rate = Access::Rate {
        bytes: 16 * MIB,
        bytes_per_s: 50 * MB,
        order: Order::Random,
    };
    config(Writer::phases([busy, (Duration::from_secs(3), rate)]).starting_into(into))
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn with_ceiling(mut config: PlantConfig, mib_per_s: u64) -> PlantConfig {
    config.qemu = Qemu {
        speed_mib_per_s: mib_per_s,
        ..Qemu::default()
    };
    config
}
