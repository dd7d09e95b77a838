//! What happens from outside, at any moment: the job's end, deaths, external changes, the clock, `hpc-release`.

use libvirt_hpc_control::target::Target;

use super::agent::Agent;
use super::control::{Control, Doing, Then};
use super::explorer::Step;
use super::session::Session;
use super::world::{BEFORE, Budget, EXTERNAL, File, Job, Who, World};

/// How far the wall clock steps, milliseconds: longer than a lease may be taken before its job.
const STEPS_MS: [(i64, &str); 2] = [
    (3_600_000, "the clock steps forward"),
    (-3_600_000, "the clock steps back"),
];

pub(crate) fn initial(budget: Budget) -> World {
    World {
        job: Job::NotBegun,
        held: BEFORE,
        lease: File::default(),
        step_ms: 0,
        budget,
        external: Target::NONE,
        is_read: false,
        is_released: false,
        session: Session::Starts,
        agent: Agent::Waits,
    }
}

pub(crate) fn steps(world: &World) -> Vec<Step<World>> {
    let mut steps = Vec::new();
    let mut step = |name, change: &dyn Fn(&mut World)| {
        let mut to = world.clone();
        change(&mut to);
        steps.push(Step {
            name,
            own: false,
            to,
        });
    };
    let step_ms = world.step_ms;
    if world.job == Job::NotBegun && matches!(world.session, Session::Calls | Session::Gone) {
        step("the job begins", &|to| to.job = Job::Flows { step_ms });
    }
    if world.flows() {
        step("the job fails", &World::fails);
        step("the domain moves", &World::moves);
    }
    if world.budget.clock {
        for (by_ms, name) in STEPS_MS {
            step(name, &|to| {
                to.step_ms += by_ms;
                to.budget.clock = false;
            });
        }
    }
    if !world.budget.death && world.lease.lock.is_none() && world.lease.word.is_some() {
        step("the dead process's number is another's", &|to| {
            to.lease.pid_is_reused = true;
        });
    }
    external_changes(world, &mut step);
    deaths(world, &mut step);
    steps
}

type Take<'a> = dyn FnMut(&'static str, &dyn Fn(&mut World)) + 'a;

/// Somebody sets a limit of a migration that is controlled, or was.
fn external_changes(world: &World, step: &mut Take<'_>) {
    let excludes =
        |control: Option<&Control>| control.is_some_and(Control::excludes_external_change);
    let in_between = excludes(world.session.control())
        || excludes(world.agent.control())
        || matches!(world.session, Session::Calls | Session::Searches(_));
    if !world.budget.external || !world.is_read || !world.flows() || in_between {
        return;
    }
    let downtime = Target {
        downtime_ms: u32::try_from(EXTERNAL.downtime_ms).ok(),
        ..Target::NONE
    };
    let speed = Target {
        speed_mib_per_s: Some(EXTERNAL.speed_mib_per_s),
        ..Target::NONE
    };
    for (target, name) in [
        (downtime, "an external change of the downtime limit"),
        (speed, "an external change of the speed limit"),
    ] {
        if target.speed_mib_per_s.is_some() && !world.speed_is_known() {
            continue;
        }
        step(name, &|to| {
            to.set(&target);
            to.external = target;
            to.budget.external = false;
        });
    }
}

fn deaths(world: &World, step: &mut Take<'_>) {
    let polled = |control: Option<&Control>| {
        let control = control.filter(|control| control.doing == Doing::Polls && world.flows());
        control.copied()
    };
    let session = polled(world.session.control());
    let agent = polled(world.agent.control());
    if let (Some(control), true) = (agent, world.budget.release) {
        step("hpc-release is asked for", &|to| {
            let mut control = control;
            control.end(Then::Released, to);
            to.agent = Agent::Controls(control);
            to.budget.release = false;
        });
    }
    if !world.budget.death {
        return;
    }
    if !matches!(world.session, Session::Starts | Session::Gone) {
        step("the session is killed", &|to| {
            to.dies(Who::Session);
            to.session = Session::Gone;
            to.budget.death = false;
        });
    }
    if world.agent != Agent::Off {
        step("the agent is killed", &|to| {
            to.dies(Who::Agent);
            to.agent = Agent::Off;
            to.budget.death = false;
        });
    }
    if let Some(control) = session {
        step("the session is told to end", &|to| {
            let mut control = control;
            control.end(Then::Leaves, to);
            to.session = Session::Controls(control);
            to.budget.death = false;
        });
    }
    if let Some(control) = agent {
        step("the agent is told to end", &|to| {
            let mut control = control;
            control.end(Then::Leaves, to);
            to.agent = Agent::Controls(control);
            to.budget.death = false;
        });
    }
}
