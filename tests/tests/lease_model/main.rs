//! The lease and all that hangs on it, in all interleavings: docs/lease-model.md.

mod agent;
mod control;
mod explorer;
mod outside;
mod properties;
mod session;
mod wiring;
mod world;

use explorer::{Counterexample, Machine, Step, explore};
use wiring::{Bug, Wiring};
use world::{Budget, World};

impl Machine for Wiring {
    type State = World;

    fn initial(&self) -> World {
        outside::initial(self.budget)
    }

    fn steps(&self, world: &World) -> Vec<Step<World>> {
        let mut steps = session::steps(world, *self);
        steps.extend(agent::steps(world, *self));
        steps.extend(outside::steps(world));
        steps
    }

    fn fault(&self, world: &World, rests: bool) -> Option<&'static str> {
        properties::fault(world, rests, *self)
    }
}

/// Explores, and prints the size of it; what was found.
fn explored(name: &str, wiring: Wiring, wanted: Option<&str>) -> Vec<Counterexample> {
    let explored = explore(&wiring, wanted);
    let (states, steps) = (explored.states, explored.steps);
    println!("{name}: {states} states, {steps} steps");
    explored.counterexamples
}

/// Fails with each counterexample.
fn assert_none(found: &[Counterexample]) {
    let text = |found: &Counterexample| {
        let (fault, path, state) = (found.fault, found.path.join("\n  "), &found.state);
        format!("{fault}:\n  {path}\n  {state}")
    };
    let texts: Vec<_> = found.iter().map(text).collect();
    assert!(texts.is_empty(), "{}", texts.join("\n\n"));
}

const LOCAL: Wiring = Wiring {
    session_can_lease: true,
    budget: Budget {
        death: true,
        external: true,
        clock: true,
        release: true,
    },
    bug: None,
};

/// The command is on another host, and one of the two dies. A limit that the agent finds set is an order there, within which
/// it acts: there is no telling whose it is.
const REMOTE: Wiring = Wiring {
    session_can_lease: false,
    budget: Budget {
        death: true,
        external: false,
        clock: false,
        release: false,
    },
    bug: None,
};

#[test]
fn a_command_with_the_lease_and_the_agent_hand_over_without_a_fault() {
    assert_none(&explored("with a lease", LOCAL, None));
}

#[test]
fn a_command_without_the_lease_and_the_agent_hand_over_without_a_fault() {
    assert_none(&explored("without a lease", REMOTE, None));
}

#[test]
fn each_bug_put_in_on_purpose_is_found() {
    for (bug, fault) in [
        (Bug::LockIgnored, properties::TWO_ACT),
        (Bug::HolderJudgedByPid, properties::NOBODY_ACTS),
        (Bug::RestoreSkipped, properties::LIMIT_REMAINS),
    ] {
        let wiring = Wiring {
            bug: Some(bug),
            ..LOCAL
        };
        let found = explored(&format!("{bug:?}"), wiring, Some(fault));
        let faults: Vec<_> = found.iter().map(|found| found.fault).collect();
        assert!(faults.contains(&fault), "{bug:?}: {faults:?}");
    }
}
