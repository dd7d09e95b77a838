//! The oracle: the best moment to stop, found by trying them all (control-theory: the oracle of a given
//! sender, `tau_s(T) = R(T)/B_s + c0`).

use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::target::Target;

use super::outcome::{End, Outcome};
use super::qemu::{MAX_WAIT_NS, UNLIMITED_MIB_PER_S};
use super::ram::Ram;
use super::{Plant, PlantConfig, nanos};

/// Target that makes QEMU switch over at the next window: its largest limit, and no speed ceiling.
const FORCE: Target = Target {
    downtime_ms: Some(2_000_000),
    speed_mib_per_s: Some(UNLIMITED_MIB_PER_S),
    action: None,
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
    // Refused only when the migration is over, which is then the answer.
    if plant.apply(&FORCE).is_err() {
        return plant.outcome();
    }
    plant.run(at.saturating_add(SWITCHOVER))
}

/// The stop of least `J` at this `delta`: over a grid of times and the moment after each sync, under
/// the limit of `config` and a few others, stopping without the delay of a window. Looks no
/// further than 20 first rounds, or a minute, or where pre-copy alone costs more than the best found.
///
/// It is the best of all *stops*, not of all schedules of limits: who changes the limit on the way
/// moves the rounds, and may in rare cases meet a phase better.
#[must_use]
pub fn oracle(config: &PlantConfig, delta: f64) -> Outcome {
    let best = best_stop(config, delta, Plant::new(config).outcome());
    BACKGROUND_LIMITS_MS.iter().fold(best, |best, limit_ms| {
        let mut other = config.clone();
        other.qemu.downtime_limit_ms = *limit_ms;
        best_stop(&other, delta, best)
    })
}

fn best_stop(config: &PlantConfig, delta: f64, mut best: Outcome) -> Outcome {
    let round_ns = Ram::first_round_ns(&config.guest, &config.qemu, config.link.rate(0, 0).0);
    let grid = Duration::from_nanos((round_ns / GRID_PARTS).max(MAX_WAIT_NS));
    let horizon_ns = round_ns.saturating_mul(HORIZON_ROUNDS).max(HORIZON_MIN_NS);
    let mut plant = Plant::new(config);
    loop {
        plant.wait(grid);
        let so_far = plant.outcome();
        let candidate = if so_far.end == End::Never {
            stop_now(&plant)
        } else {
            so_far
        };
        if candidate.j(delta) < best.j(delta) {
            best = candidate;
        }
        let spent = delta * so_far.precopy.as_secs_f64();
        if so_far.end != End::Never || spent > best.j(delta) || nanos(so_far.total) > horizon_ns {
            return best;
        }
    }
}

/// What it costs to stop here.
fn stop_now(plant: &Plant) -> Outcome {
    let mut plant = plant.clone();
    plant.force();
    let until = plant.outcome().total.saturating_add(SWITCHOVER);
    plant.run(until)
}
