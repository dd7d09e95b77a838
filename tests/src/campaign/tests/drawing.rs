//! What is drawn.

use std::collections::BTreeSet;

use crate::campaign::plan::{Begin, Fault, Phase, Plan};

const SEED: u64 = 7;

fn plans(seed: u64, runs: u64) -> Vec<Plan> {
    (0..runs).map(|run| Plan::draw(seed, run)).collect()
}

fn cells(plans: &[Plan]) -> BTreeSet<(Fault, Phase)> {
    let firsts = plans.iter().map(|plan| plan.strikes[0]);
    firsts.map(|strike| (strike.fault, strike.phase)).collect()
}

#[test]
fn the_same_seed_gives_the_same_plans() {
    assert_eq!(plans(SEED, 200), plans(SEED, 200));
    assert_ne!(plans(SEED, 200), plans(SEED + 1, 200));
}

#[test]
fn every_fault_comes_in_as_many_runs_as_there_are_faults() {
    let runs = Fault::ALL.len();
    let faults: BTreeSet<Fault> = cells(&plans(SEED, runs as u64))
        .into_iter()
        .map(|(fault, _)| fault)
        .collect();
    assert_eq!(faults.len(), runs);
}

#[test]
fn every_fault_comes_in_every_phase() {
    let all = Fault::ALL.len() * Phase::ALL.len();
    assert_eq!(cells(&plans(SEED, all as u64)).len(), all);
}

#[test]
fn everything_else_is_drawn_too() {
    let plans = plans(SEED, 300);
    let some = |what: fn(&Plan) -> bool| {
        let with = plans.iter().filter(|plan| what(plan)).count();
        assert!((20..=280).contains(&with), "{with} of 300");
    };
    some(|plan| plan.is_p2p);
    some(|plan| plan.is_crossing);
    some(|plan| plan.has_limits);
    some(|plan| plan.source == 1);
    some(|plan| plan.strikes.len() == 2);
    some(|plan| plan.strikes[0].variant);
    for begin in Begin::ALL {
        assert!(plans.iter().any(|plan| plan.begin == begin), "{begin:?}");
    }
    let rates: BTreeSet<&str> = plans.iter().map(|plan| &*plan.rate).collect();
    let workloads: BTreeSet<&str> = plans.iter().map(|plan| &*plan.workload).collect();
    assert_eq!((rates.len(), workloads.len()), (3, 3));
}

#[test]
fn a_fault_of_an_agent_finds_an_agent() {
    for plan in plans(SEED, 500) {
        let needs_agent = plan.strikes.iter().any(|strike| strike.fault.needs_agent());
        assert!(!needs_agent || plan.begin.has_agent(), "{plan:?}");
    }
}

#[test]
fn a_strike_is_within_its_phase() {
    for strike in plans(SEED, 500).iter().flat_map(|plan| &plan.strikes) {
        assert!(strike.delay_ms <= strike.phase.spread_ms(), "{strike:?}");
    }
}
