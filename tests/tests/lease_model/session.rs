//! `virsh-hpc migrate`: it takes the lease, begins the job, controls it, puts the limits back and ends.

use libvirt_hpc_control::in_force::InForce;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::migration::handover::search::Search;
use libvirt_hpc_plugin::migration::handover::succession::Claimant;
use libvirt_hpc_plugin::migration::lease::{Attempt, LeaseRecord};
use libvirt_hpc_plugin::migration::settings::Set;
use libvirt_hpc_plugin::trace::ControllerName;

use super::agent::Agent;
use super::control::{Control, Doing};
use super::explorer::Step;
use super::wiring::Wiring;
use super::world::{BEFORE, Job, Who, World, bounds};

/// By which its limits are told from others'.
const MARK: u8 = 1;

/// Longer than it searches for another controller.
const LATER: Timestamp = Timestamp::from_nanos(1_000_000_000);

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Session {
    Starts,
    Calls,
    Searches(Search),
    /// Another controls.
    Yields,
    Controls(Control),
    /// The job has failed.
    PutsBack(Option<Control>),
    Ends,
    Gone,
}

impl Session {
    pub(crate) fn control(&self) -> Option<&Control> {
        match self {
            Self::Controls(control) => Some(control),
            _ => None,
        }
    }
}

/// Its own step, if it has one.
pub(crate) fn steps(world: &World, wiring: Wiring) -> Vec<Step<World>> {
    let mut to = world.clone();
    let name = match world.session {
        Session::Starts => {
            starts(&mut to, wiring);
            "the session starts"
        }
        Session::Calls if world.job == Job::NotBegun => return Vec::new(),
        Session::Calls => {
            to.session = if wiring.session_can_lease {
                let record = record(&to);
                Session::Controls(Control::begin(&mut to, MARK, &record, InForce::default()))
            } else {
                Session::Searches(Search::new(BEFORE))
            };
            "the session finds its migration"
        }
        Session::Searches(search) => return searches(world, search),
        Session::Yields => {
            if world.is_over() {
                to.session = over(&to, None);
            }
            "the session watches"
        }
        Session::Controls(mut control) => {
            let idle = matches!(control.doing, Doing::Polls | Doing::Released);
            if world.is_over() && idle {
                to.session = over(&to, Some(control));
                "the session sees the end"
            } else {
                let leaves = control.doing == Doing::Leaves;
                let name = control.step(&mut to);
                to.session = if leaves {
                    Session::Gone
                } else {
                    Session::Controls(control)
                };
                name
            }
        }
        Session::PutsBack(control) => {
            let set = control.map_or_else(Set::default, |control| control.word.set);
            to.hold(set.undone(world.held, BEFORE));
            to.session = Session::Ends;
            "the session puts the limits back"
        }
        Session::Ends => {
            to.end_lease(Who::Session);
            to.session = Session::Gone;
            "the session ends"
        }
        Session::Gone => return Vec::new(),
    };
    vec![Step::own(name, to)]
}

fn starts(world: &mut World, wiring: Wiring) {
    if wiring.session_can_lease && world.try_lease(Who::Session, wiring) == Attempt::Holds {
        let record = record(world);
        world.write(Who::Session, &record);
    }
    world.session = Session::Calls;
}

fn record(world: &World) -> LeaseRecord {
    if let Some(word) = world
        .lease
        .word
        .filter(|_| world.lease.lock == Some(Who::Session))
    {
        return word.record();
    }
    let command = Claimant {
        controller: ControllerName::VirshHpc,
        pid: 1,
        at: Timestamp::default(),
    };
    command.first(None, &world.found(), BEFORE, bounds())
}

/// Another controller shows at once, or nobody does within a second. An agent that has found the migration sets its first
/// limit in that time.
fn searches(world: &World, search: Search) -> Vec<Step<World>> {
    let agent_is_about_to_set = match world.agent {
        Agent::StandsBy { .. } => true,
        Agent::Controls(control) => control.acts() && !control.has_set(),
        _ => false,
    };
    let mut steps = Vec::new();
    for (at, name) in [
        (Timestamp::default(), "the session searches"),
        (LATER, "a second has passed"),
    ] {
        if at == LATER && agent_is_about_to_set {
            continue;
        }
        let sample = Sample {
            at,
            state: if world.is_over() {
                JobState::Ended
            } else {
                JobState::Precopy
            },
            settings: Some(world.held),
            ..Sample::default()
        };
        let (mut to, mut search) = (world.clone(), search);
        to.session = match search.check(&sample) {
            None => Session::Searches(search),
            Some(true) => Session::Yields,
            Some(false) => {
                let record = record(&to);
                Session::Controls(Control::begin(&mut to, MARK, &record, InForce::default()))
            }
        };
        steps.push(Step::own(name, to));
    }
    steps
}

fn over(world: &World, control: Option<Control>) -> Session {
    match world.job {
        Job::Failed => Session::PutsBack(control),
        _ => Session::Ends,
    }
}
