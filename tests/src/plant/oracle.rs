//! The oracle: the best moment to stop, found by trying them all (docs/control-law.md, section 1):
//! the pause of a stop at T is `R(T)/B + c0`.

use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::target::Target;

use super::capacity::Capacity;
use super::outcome::{End, Outcome};
use super::qemu::{MAX_WAIT_NS, UNLIMITED_MIB_PER_S};
use super::ram::Ram;
use super::{Plant, PlantConfig, nanos};

/// Target that makes QEMU switch over at the next window: its largest limit, and no speed ceiling.
const FORCE: Target = Target {
    downtime_ms: Some(2_000_000),
    speed_mib_per_s: Some(UNLIMITED_MIB_PER_S),
    ..Target::NONE
};

/// Limits under which the guest is copied until the stop, beside the configuration's own,
/// milliseconds: a limit decides when a round ends, and so when the next begins.
const BACKGROUND_LIMITS_MS: [u64; 3] = [1, 100, 1000];

/// How fine the grid of stop times is, as parts of the first round.
const GRID_PARTS: u64 = 400;

/// How far it goes at least, and in first rounds.
const HORIZON_MIN_NS: u64 = 60_000_000_000;
const HORIZON_ROUNDS: u64 = 20;

/// How long a switchover may take before it counts as none.
const SWITCHOVER: Duration = Duration::from_secs(86_400);

/// The migration under the limit of `config`, forced over at `at` as a controller would force it: the
/// largest downtime limit, no speed ceiling, acting at the next window.
#[must_use]
pub fn forced_stop(config: &PlantConfig, at: Duration) -> Outcome {
    let mut plant = Plant::new(config);
    plant.run(at);
    // Refused only when the migration is over, which then is the answer.
    if plant.apply(&FORCE).is_err() {
        return plant.outcome();
    }
    plant.run(at.saturating_add(SWITCHOVER))
}

/// The stop of least `J` at this `delta`: over a grid of times and the moment after each sync, under the limit of
/// `config` and a few others, stopping without the delay of a window. It searches no further than 20 first rounds, or a
/// minute, or the time at which pre-copy alone costs more than the best found.
///
/// It is the best of all *stops*, not of all schedules of limits: a limit changed on the way moves the rounds, and may
/// in rare cases meet a phase better.
#[must_use]
pub fn oracle(config: &PlantConfig, delta: f64) -> Outcome {
    let mut search = Search {
        capacity: Capacity::new(config),
        delta,
        best: Plant::new(config).outcome(),
    };
    search.try_after_first_round(config);
    search.try_all(config);
    for limit_ms in BACKGROUND_LIMITS_MS {
        let mut other = config.clone();
        other.qemu.downtime_limit_ms = limit_ms;
        search.try_all(&other);
    }
    search.best
}

/// The best stop so far, and the state for seeing that another is worse without running it to its end.
struct Search<'a> {
    capacity: Capacity<'a>,
    delta: f64,
    best: Outcome,
}

impl Search<'_> {
    /// The stop that is hard to beat: most others are soon seen to be worse.
    fn try_after_first_round(&mut self, config: &PlantConfig) {
        let horizon_ns = horizon_ns(first_round_ns(config));
        let mut plant = Plant::new(config);
        while plant.syncs().len() < 2 && nanos(plant.outcome().total) < horizon_ns {
            plant.wait(Duration::from_nanos(horizon_ns));
            if plant.outcome().end != End::Never {
                return;
            }
        }
        self.try_stop(&plant);
    }

    /// Every stop of the grid, as far as the search pays.
    fn try_all(&mut self, config: &PlantConfig) {
        let round_ns = first_round_ns(config);
        let grid = Duration::from_nanos((round_ns / GRID_PARTS).max(MAX_WAIT_NS));
        let horizon_ns = horizon_ns(round_ns);
        let mut plant = Plant::new(config);
        loop {
            plant.wait(grid);
            let so_far = plant.outcome();
            if so_far.end == End::Never {
                self.try_stop(&plant);
            } else {
                self.take(so_far);
            }
            let spent = self.delta * so_far.precopy.as_secs_f64();
            let far = nanos(so_far.total) > horizon_ns || spent > self.best.j(self.delta);
            if so_far.end != End::Never || far {
                return;
            }
        }
    }

    /// The cost of stopping here.
    fn try_stop(&mut self, plant: &Plant) {
        if self.least_j(plant) > self.best.j(self.delta) {
            return;
        }
        let mut plant = plant.clone();
        let until = plant.outcome().total.saturating_add(SWITCHOVER);
        plant.force();
        plant.stop(nanos(until));
        // It now contains the writes since the last sync.
        if self.least_j(&plant) <= self.best.j(self.delta) {
            self.take(plant.run(until));
        }
    }

    fn take(&mut self, candidate: Outcome) {
        if candidate.j(self.delta) < self.best.j(self.delta) {
            self.best = candidate;
        }
    }

    /// The least cost of a stop here: the cost so far, and the link's time for pending data.
    fn least_j(&mut self, plant: &Plant) -> f64 {
        let flush_s = self
            .capacity
            .least_s(plant.now().as_nanos(), plant.pending_data_bytes());
        plant.outcome().spent(self.delta) + flush_s.max(0.0)
    }
}

fn first_round_ns(config: &PlantConfig) -> u64 {
    Ram::first_round_ns(&config.guest, &config.qemu, config.link.rate(0, 0).0)
}

fn horizon_ns(first_round_ns: u64) -> u64 {
    let rounds_ns = first_round_ns.saturating_mul(HORIZON_ROUNDS);
    rounds_ns.max(HORIZON_MIN_NS)
}

#[cfg(test)]
mod tests {
    use super::super::{Access, Guest, Link, Writer};
    use super::*;

    /// Every stop of the grid run to its end, at any cost.
    fn exhaustive(config: &PlantConfig, delta: f64) -> f64 {
        let round_ns = first_round_ns(config);
        let grid = Duration::from_nanos((round_ns / GRID_PARTS).max(MAX_WAIT_NS));
        let mut plant = Plant::new(config);
        let mut best = f64::INFINITY;
        while nanos(plant.outcome().total) < horizon_ns(round_ns) {
            plant.wait(grid);
            let mut stopped = plant.clone();
            stopped.force();
            let until = plant.outcome().total.saturating_add(SWITCHOVER);
            best = best.min(stopped.run(until).j(delta));
            if plant.outcome().end != End::Never {
                break;
            }
        }
        best
    }

    /// None of the stops cut short is the best.
    #[test]
    fn nothing_is_lost_by_giving_up_early() {
        const MB: u64 = 1_000_000;
        for into_ms in [0, 1700, 3400, 5100] {
            let phases = [
                (Duration::from_secs(3), Access::Flat { bytes: 200 * MB }),
                (Duration::from_secs(3), Access::Flat { bytes: 20 * MB }),
            ];
            let writer = Writer::phases(phases).starting_into(Duration::from_millis(into_ms));
            let guest = Guest::new(1 << 30).non_zero(400 * MB).with(writer);
            let link = Link::gigabit()
                .jitter(15)
                .then(Duration::from_secs(5), 90 * MB);
            let mut config = PlantConfig::new(guest, link).with_seed(into_ms);
            let least = [300, 1, 100, 1000].map(|limit_ms| {
                config.qemu.downtime_limit_ms = limit_ms;
                exhaustive(&config, 0.1)
            });
            let least = least.into_iter().fold(f64::INFINITY, f64::min);
            config.qemu.downtime_limit_ms = 300;
            assert_eq!(oracle(&config, 0.1).j(0.1), least, "{into_ms} ms");
        }
    }
}
