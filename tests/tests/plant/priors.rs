//! Guests of which the law knew something before: what that gains, and what a wrong prior costs.

use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_tests::estimates::surveyed_prior;
use libvirt_hpc_tests::plant::Counter;
use libvirt_hpc_tests::random_cases::{Case, Kind};

use super::*;

const SEED: u64 = 16;

/// So many guests of each kind.
const EACH: u64 = 24;

/// J in s at delta = 10 %.
fn cost(case: &Case, prior: Prior) -> f64 {
    let mut plant = Plant::new(&case.config);
    let law = Adaptive::new(Slowdown::DEFAULT);
    let mut control = Controller::new(law, Policy::default()).knowing(prior);
    drive(
        &mut plant,
        &mut control,
        &mut Seen::default(),
        Mode::Steer,
        &Patience::of(POLLS),
    );
    let outcome = plant.outcome();
    assert_eq!(outcome.end, End::Completed, "{}", case.number);
    outcome.j(0.1)
}

/// Guests of `kind`, each the one of `number` among the drawn.
fn cases(kind: Kind, counter: Counter) -> impl Iterator<Item = Case> {
    let index = Kind::ALL.iter().position(|of| *of == kind);
    let first = u64::try_from(index.expect("a kind")).expect("small");
    (0..EACH).map(move |turn| {
        let mut case = Case::draw_for_estimates(SEED, first + turn * Kind::ALL.len() as u64);
        case.config = case.config.with_counter(counter);
        case
    })
}

/// The geometric mean of J with a prior over J without one.
fn gain(kind: Kind, counter: Counter, prior: impl Fn(&Case) -> Prior) -> f64 {
    let log = |case: Case| (cost(&case, prior(&case)) / cost(&case, Prior::default())).ln();
    let logs: Vec<f64> = cases(kind, counter).map(log).collect();
    (logs.iter().sum::<f64>() / logs.len() as f64).exp()
}

/// Of a guest that shows no phases the first sync is no riddle then. Nothing is lost by the others.
#[test]
fn a_prior_saves_steady_guests_a_round_and_costs_the_others_nothing() {
    for counter in [Counter::None, Counter::Exact] {
        let gains = Kind::ALL.map(|kind| (kind, gain(kind, counter, surveyed_prior)));
        println!("{counter:?}: {gains:?}");
        for (kind, gain) in gains {
            let most = if kind == Kind::Flat { 0.995 } else { 1.005 };
            assert!(gain <= most, "{counter:?}: {gains:?}");
        }
    }
}

/// The first sync finds that it is of another guest; now and then one that writes as much by chance is taken for it.
#[test]
fn a_prior_of_another_guest_costs_a_hundredth_at_most() {
    let another = |case: &Case| surveyed_prior(&Case::draw_for_estimates(SEED, case.number + 1));
    for counter in [Counter::None, Counter::Exact] {
        let costs = Kind::ALL.map(|kind| gain(kind, counter, another));
        println!("{counter:?}: {costs:?}");
        let mean = costs.iter().product::<f64>().powf(1.0 / costs.len() as f64);
        assert!(
            mean <= 1.01 && costs.iter().all(|cost| *cost <= 1.05),
            "{costs:?}"
        );
    }
}
