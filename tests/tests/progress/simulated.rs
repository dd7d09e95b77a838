//! Drawn guests in the plant, under the control loop that ships.

use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Cause, Event, Publisher, Release};
use libvirt_hpc_control::law::{Adaptive, Slowdown};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::progress::Progress;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, drive};
use libvirt_hpc_tests::patience::Patience;
use libvirt_hpc_tests::plant::{Counter, Plant};
use libvirt_hpc_tests::random_cases::Case;

use crate::watched::{Judged, Watched};

/// Guests of each kind of counter.
const GUESTS: u64 = 60;

/// As in a real migration, in which a counter is read before memory flows.
const SETUP: Duration = Duration::from_millis(520);

struct Watcher {
    watched: Watched,
    progress: Progress,
    cause: Option<Cause>,
}

impl Publisher for Watcher {
    fn publish(&mut self, _: Timestamp, event: Event) {
        match event {
            Event::Decided { cause, .. } | Event::Targeted { cause, .. } => {
                self.cause = Some(cause);
            }
            Event::Released(Release::ExternalChange { .. }) => self.cause = None,
            _ => {}
        }
    }
}

impl Observer for Watcher {
    fn sampled(&mut self, sample: &Sample) {
        let shown = self.progress.poll(sample, self.cause);
        self.watched.see(sample, shown);
    }
}

fn watched(number: u64, counter: Counter) -> Watched {
    let mut config = Case::draw(3, number).config.with_counter(counter);
    config.qemu.setup = SETUP;
    let mut plant = Plant::new(&config);
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), Policy::default());
    let mut watcher = Watcher {
        watched: Watched::default(),
        progress: Progress::new(0, Some(Slowdown::DEFAULT), None),
        cause: None,
    };
    let patience = Patience::of(20_000);
    drive(
        &mut plant,
        &mut control,
        &mut watcher,
        Mode::Steer,
        &patience,
    );
    watcher.watched
}

#[test]
fn no_simulated_run_shows_progress_that_runs_backwards_and_eight_of_ten_intervals_hold() {
    println!("{:24}  {}", "simulated guests", Judged::HEAD);
    for (name, counter) in [("not counted", Counter::None), ("counted", Counter::Exact)] {
        let mut all = Judged::default();
        for number in 0..GUESTS {
            let watched = watched(number, counter);
            watched.never_runs_backwards(&format!("{name}, guest {number}"));
            if let Some(judged) = watched.judged() {
                println!("{:24}  {}", format!("{name}, {number}"), judged.line());
                all.add(&judged);
            }
        }
        println!("{name:24}  {}", all.line());
        assert!(all.polls > 1000, "{}", all.polls);
        assert!(all.holds(), "{name}");
    }
}
