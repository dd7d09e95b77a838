//! One guest under one law, under the loop that ships.

use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::law::Law;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, Orders, drive};
use libvirt_hpc_tests::plant::{Outcome, Plant, PlantConfig};

/// Ends the run at the horizon, unless the guest has stopped by then.
struct Horizon {
    at: Duration,
    reached: Cell<bool>,
}

impl Orders for Horizon {
    fn over(&self) -> bool {
        self.reached.get()
    }

    fn abort(&self) -> bool {
        false
    }
}

/// Prints events, or nothing, and watches the clock.
struct Listener<'a> {
    aloud: bool,
    horizon: &'a Horizon,
}

impl Publisher for Listener<'_> {
    fn publish(&mut self, at: Timestamp, event: Event) {
        if self.aloud {
            println!("{:>10} ms  {event:?}", at.as_nanos() / 1_000_000);
        }
    }
}

impl Observer for Listener<'_> {
    fn sampled(&mut self, sample: &Sample) {
        let running = matches!(sample.state, JobState::Setup | JobState::Precopy);
        let late = Duration::from_millis(sample.elapsed_ms) >= self.horizon.at;
        self.horizon.reached.set(running && late);
    }

    fn sample_failed(&mut self, _: Timestamp, _: &dyn Error) {}
    fn outcome(&mut self, _: Timestamp, _: &Target, _: Result<(), &dyn Error>) {}
    fn aborting(&mut self, _: Timestamp, _: Result<(), &dyn Error>) {}
}

/// The migration of `config` under `law`, which knows `prior`, watched until `horizon` at most.
pub(crate) fn run<L: Law>(
    config: &PlantConfig,
    law: L,
    prior: Prior,
    horizon: Duration,
    aloud: bool,
) -> Outcome {
    let mut plant = Plant::new(config);
    let mut control = Controller::new(law, Policy::default()).knowing(prior);
    let horizon = Horizon {
        at: horizon,
        reached: Cell::new(false),
    };
    let mut listener = Listener {
        aloud,
        horizon: &horizon,
    };
    drive(
        &mut plant,
        &mut control,
        &mut listener,
        Mode::Steer,
        &horizon,
    );
    plant.outcome()
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_control::law::Stock;
    use libvirt_hpc_tests::plant::{End, Guest, Link, Writer};

    use super::*;

    fn config(set_bytes: u64) -> PlantConfig {
        let guest = Guest::new(1 << 30).with(Writer::flat(set_bytes));
        PlantConfig::new(guest, Link::gigabit())
    }

    #[test]
    fn an_endless_migration_is_cut_off_at_the_horizon() {
        let horizon = Duration::from_secs(60);
        let outcome = run(&config(500 << 20), Stock, Prior::default(), horizon, false);
        assert_eq!((outcome.end, outcome.pause), (End::Never, Duration::ZERO));
        let late = outcome.total.saturating_sub(horizon);
        assert!(outcome.total >= horizon && late < Duration::from_millis(200));
    }

    #[test]
    fn a_law_that_has_stopped_the_guest_by_then_is_not() {
        let config = config(30 << 20);
        let outcome = run(
            &config,
            Stock,
            Prior::default(),
            Duration::from_secs(60),
            false,
        );
        assert_eq!(outcome.end, End::Completed);
        let horizon = outcome.precopy + outcome.pause / 2;
        assert_eq!(
            run(&config, Stock, Prior::default(), horizon, false),
            outcome
        );
    }
}
