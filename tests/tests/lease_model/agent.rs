//! `libvirt-hpcd`: it finds the migration, stands by while another holds the lease, and takes over.

use libvirt_hpc_control::in_force::InForce;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::migration::handover::steady::SteadyLimits;
use libvirt_hpc_plugin::migration::handover::succession::Claimant;
use libvirt_hpc_plugin::migration::lease::{self, Attempt};
use libvirt_hpc_plugin::trace::ControllerName;

use super::control::{Control, Doing};
use super::explorer::Step;
use super::wiring::{Bug, Wiring};
use super::world::{File, Who, Word, World, bounds};

/// Longer than the limits of a migration found in its midst are watched.
const LATER: Timestamp = Timestamp::from_nanos(60_000_000_000);

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Agent {
    /// Its process has ended; the service manager starts a successor.
    Off,
    /// It has no thread for the domain.
    Waits,
    StandsBy {
        job: lease::Job,
        limits: Settings,
        early: bool,
        stood_by: bool,
    },
    WatchesLimits {
        job: lease::Job,
        limits: Settings,
        steady: SteadyLimits,
    },
    Controls(Control),
    /// The job is over.
    Settles(Control),
    /// The limits are as before.
    EndsLease,
}

impl Agent {
    pub(crate) fn control(&self) -> Option<&Control> {
        match self {
            Self::Controls(control) => Some(control),
            _ => None,
        }
    }
}

/// Its own steps.
pub(crate) fn steps(world: &World, wiring: Wiring) -> Vec<Step<World>> {
    let mut to = world.clone();
    let name = match world.agent {
        Agent::Off => {
            to.agent = Agent::Waits;
            "the agent is started"
        }
        Agent::Waits => return waits(world, wiring),
        Agent::StandsBy { .. } if world.is_over() => {
            to.agent = Agent::Waits;
            "the agent sees the end"
        }
        Agent::StandsBy { .. } => {
            takes(&mut to, wiring);
            "the agent tries for the lease"
        }
        Agent::WatchesLimits { .. } if world.is_over() => {
            to.dies(Who::Agent);
            to.agent = Agent::Waits;
            "the agent sees the end"
        }
        Agent::WatchesLimits { .. } => return watches(world),
        Agent::Controls(mut control) => {
            let idle = matches!(control.doing, Doing::Polls | Doing::Released);
            if world.is_over() && idle {
                to.agent = Agent::Settles(control);
                "the agent sees the end"
            } else {
                let leaves = control.doing == Doing::Leaves;
                let name = control.step(&mut to);
                to.agent = if leaves {
                    Agent::Off
                } else {
                    Agent::Controls(control)
                };
                name
            }
        }
        Agent::Settles(control) => {
            settles(&mut to, &control, wiring);
            "the agent puts the limits back"
        }
        Agent::EndsLease => {
            to.end_lease(Who::Agent);
            to.agent = Agent::Waits;
            "the agent ends its lease"
        }
    };
    vec![Step::own(name, to)]
}

/// It finds a migration, or a lease that nobody needs.
fn waits(world: &World, wiring: Wiring) -> Vec<Step<World>> {
    if !world.flows() {
        let mut to = world.clone();
        if to.lease.exists && to.lease.lock.is_none() {
            if let Some(word) = to.lease.word {
                undo(&mut to, &word, wiring);
            }
            to.lease = File::default();
        }
        return vec![Step::own("the agent clears what is left", to)];
    }
    let found = |early| {
        let mut to = world.clone();
        to.agent = Agent::StandsBy {
            job: world.found(),
            limits: world.held,
            early,
            stood_by: false,
        };
        to
    };
    let mut steps = vec![Step::own("the agent finds the migration", found(false))];
    // Early is before a command on another host has searched for a second.
    if !world.is_read && world.session.control().is_none_or(Control::has_lease) {
        steps.push(Step::own(
            "the agent finds the migration early",
            found(true),
        ));
    }
    steps
}

fn agent() -> Claimant {
    Claimant {
        controller: ControllerName::LibvirtHpcd,
        pid: 2,
        at: Timestamp::default(),
    }
}

/// As `agent::takeover::ownership::wait` does.
fn takes(world: &mut World, wiring: Wiring) {
    let Agent::StandsBy {
        job, limits, early, ..
    } = world.agent
    else {
        return;
    };
    if world.try_lease(Who::Agent, wiring) != Attempt::Holds {
        if let Agent::StandsBy { stood_by, .. } = &mut world.agent {
            *stood_by = true;
        }
        return;
    }
    let stood_by = matches!(world.agent, Agent::StandsBy { stood_by: true, .. });
    let has_predecessor = stood_by || world.lease.word.is_some();
    let limits = if has_predecessor { world.held } else { limits };
    world.is_read = true;
    let left = world.lease.word.map(|word| word.record());
    let left = left.filter(|left| left.is_of(&job, Some(limits)));
    if let Some(left) = left {
        let record = agent().succeed(left, &job, Timestamp::default());
        let before = record.settings_before.into();
        let in_force = InForce::after(before, record.set.in_force(Some(limits), before));
        world.agent = Agent::Controls(Control::begin(world, mark(world), &record, in_force));
    } else if early && !stood_by {
        begin(world, &job, limits);
    } else {
        let steady = SteadyLimits::new(limits, 0, Timestamp::default());
        world.agent = Agent::WatchesLimits {
            job,
            limits,
            steady,
        };
    }
}

fn begin(world: &mut World, job: &lease::Job, limits: Settings) {
    let record = agent().first(Some(Timestamp::default()), job, limits, bounds());
    let in_force = as_found(limits);
    world.agent = Agent::Controls(Control::begin(world, mark(world), &record, in_force));
}

fn as_found(limits: Settings) -> InForce {
    let expected = Target {
        downtime_ms: u32::try_from(limits.downtime_ms).ok(),
        speed_mib_per_s: Some(limits.speed_mib_per_s),
        ..Target::NONE
    };
    InForce::after(limits, expected)
}

/// By which its limits are told from others', and from its successor's.
fn mark(world: &World) -> u8 {
    if world.budget.death { 2 } else { 3 }
}

fn watches(world: &World) -> Vec<Step<World>> {
    let Agent::WatchesLimits {
        job,
        limits,
        mut steady,
    } = world.agent
    else {
        return Vec::new();
    };
    let sample = Sample {
        state: JobState::Precopy,
        settings: Some(world.held),
        ..Sample::default()
    };
    let mut polled = world.clone();
    if !steady.stay(&sample) {
        let mut record = agent().first(Some(Timestamp::default()), &job, limits, bounds());
        record.release("somebody else sets its limits");
        polled.agent = Agent::Controls(Control::begin(
            &mut polled,
            mark(world),
            &record,
            as_found(limits),
        ));
    }
    let mut later = world.clone();
    if steady.have_stayed(LATER) {
        begin(&mut later, &job, limits);
    }
    vec![
        Step::own("the agent watches the limits", polled),
        Step::own("the limits have stayed for a minute", later),
    ]
}

fn settles(world: &mut World, control: &Control, wiring: Wiring) {
    undo(world, &control.word, wiring);
    world.agent = Agent::EndsLease;
}

/// What is still as the controllers of a lease have set it becomes as it was.
fn undo(world: &mut World, word: &Word, wiring: Wiring) {
    if wiring.bug != Some(Bug::RestoreSkipped) {
        world.hold(word.set.undone(world.held, word.before));
    }
}
