//! Every law over every guest.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use libvirt_hpc_tests::plant::{AutoConverge, PlantConfig, oracle};
use libvirt_hpc_tests::random_cases::{Case, Kind};

use crate::cost::{Best, Cost, DELTA};
use crate::entrant::Entrant;
use crate::run::run;

/// No law is cut off before this, for any guest: some laws' clocks take minutes.
const HORIZON_MIN: Duration = Duration::from_secs(600);

/// A writer that writes flat out is as fast as the fastest drawn one: so many times the link.
const FLAT_PER_LINK: f64 = 20.0;

/// The horizon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// First rounds after which a law has not completed.
    pub(crate) horizon_rounds: u32,
}

impl Bounds {
    pub(crate) fn horizon(&self, first_round: Duration) -> Duration {
        first_round
            .saturating_mul(self.horizon_rounds)
            .max(HORIZON_MIN)
    }
}

/// One guest under all laws.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) first_round_s: f64,
    pub(crate) best: Best,
    /// In the order of the laws.
    pub(crate) costs: Vec<Cost>,
}

/// One guest under `laws`.
pub(crate) fn judge(case: &Case, laws: &[Entrant], bounds: &Bounds, aloud: bool) -> Judged {
    let best = oracle(&case.config, DELTA);
    let horizon = bounds.horizon(case.first_round);
    let first_round_s = case.first_round.as_secs_f64();
    let cost = |entrant: &Entrant| {
        if aloud {
            println!("{entrant}");
        }
        let law = entrant.build(case.first_round);
        let got = run(&started_by(case, entrant), law, case.prior, horizon, aloud);
        if aloud {
            println!("best {best:?}\ngot  {got:?}");
        }
        Cost::of(&got, &best, first_round_s)
    };
    Judged {
        kind: case.kind,
        number: case.number,
        first_round_s,
        best: Best::of(&best),
        costs: laws.iter().map(cost).collect(),
    }
}

/// The migration as the law's owner starts it.
fn started_by(case: &Case, entrant: &Entrant) -> PlantConfig {
    let mut config = case.config.clone();
    config.qemu.postcopy = entrant.postcopy();
    if entrant.auto_converge() {
        config.qemu.auto_converge = Some(AutoConverge {
            flat_bytes_per_s: flat_bytes_per_s(case),
        });
    }
    config
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and `as` saturates"
)]
fn flat_bytes_per_s(case: &Case) -> u64 {
    let data_bytes = case.config.guest.data_bytes() as f64;
    let link = data_bytes / case.first_round.as_secs_f64();
    (link * FLAT_PER_LINK) as u64
}

/// Judges `guests` of those that `draw` gives, `jobs` at a time.
pub(crate) fn judge_all(
    draw: impl Fn(u64) -> Case + Sync,
    guests: u64,
    jobs: usize,
    laws: &[Entrant],
    bounds: &Bounds,
) -> Vec<Judged> {
    let next = AtomicU64::new(0);
    let work = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        numbers
            .take_while(|number| *number < guests)
            .map(|number| judge(&draw(number), laws, bounds, false))
            .collect::<Vec<_>>()
    };
    let processors = || thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if jobs == 0 { processors() } else { jobs };
    let mut judged: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let judged = workers.into_iter().map(|worker| worker.join());
        // A worker's panic is the program's.
        judged
            .flat_map(|judged| judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    judged.sort_by_key(|judged| judged.number);
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_grows_with_the_guest_from_ten_minutes() {
        let bounds = Bounds { horizon_rounds: 50 };
        let horizon = |s| bounds.horizon(Duration::from_secs(s)).as_secs();
        assert_eq!((horizon(1), horizon(12), horizon(100)), (600, 600, 5000));
    }

    #[test]
    fn a_seed_gives_the_same_costs_whoever_works() {
        let laws = ["adaptive", "stock"].map(|law| law.parse().expect("a law"));
        let bounds = Bounds { horizon_rounds: 3 };
        let costs = |jobs| {
            let judged = judge_all(|number| Case::draw(5, number), 3, jobs, &laws, &bounds);
            judged.into_iter().map(|of| of.costs).collect::<Vec<_>>()
        };
        assert_eq!(costs(1), costs(2));
    }
}
