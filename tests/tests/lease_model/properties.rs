//! What must hold, in every state or where nothing happens any more unless from outside.

use libvirt_hpc_control::sample::Settings;

use super::control::Control;
use super::wiring::Wiring;
use super::world::{BEFORE, EXTERNAL, Job, World};

pub(crate) const TWO_ACT: &str = "two controllers act at once";
pub(crate) const NOBODY_ACTS: &str = "nobody acts, and nobody has said so";
pub(crate) const LIMIT_REMAINS: &str = "a controller's limit remains where none acts";
const OVERWRITTEN: &str = "an external change is overwritten";
const STEERED: &str = "the agent acts after hpc-release";
const LEASE_REMAINS: &str = "a lease outlives its migration";

/// What is wrong with `world`.
pub(crate) fn fault(world: &World, rests: bool, wiring: Wiring) -> Option<&'static str> {
    let acts = |control: Option<&Control>| control.is_some_and(Control::acts);
    let (session, agent) = (acts(world.session.control()), acts(world.agent.control()));
    // Where no lease can be seen, two find each other by what they set, and neither knows what the other found.
    let has_lease = wiring.session_can_lease;
    let nobody = rests && has_lease && !(session || agent);
    let faults = [
        (session && agent && (rests || has_lease), TWO_ACT),
        (is_overwritten(world), OVERWRITTEN),
        (agent && world.is_released && rests, STEERED),
        (nobody && holds_ours(world.held), LIMIT_REMAINS),
        (nobody && world.flows() && is_wanted(world), NOBODY_ACTS),
        (
            rests && world.is_over() && world.lease.exists,
            LEASE_REMAINS,
        ),
    ];
    faults
        .into_iter()
        .find_map(|(is_wrong, fault)| is_wrong.then_some(fault))
}

/// An external change holds until libvirt puts it back.
fn is_overwritten(world: &World) -> bool {
    let downtime_ms = world.external.downtime_ms.map(u64::from);
    let speed_mib_per_s = world.external.speed_mib_per_s;
    world.job != Job::Moved
        && (downtime_ms.is_some_and(|ms| ms != world.held.downtime_ms)
            || speed_mib_per_s.is_some_and(|mib| mib != world.held.speed_mib_per_s))
}

fn holds_ours(held: Settings) -> bool {
    let downtime = [BEFORE.downtime_ms, EXTERNAL.downtime_ms].contains(&held.downtime_ms);
    let speed = [BEFORE.speed_mib_per_s, EXTERNAL.speed_mib_per_s].contains(&held.speed_mib_per_s);
    !(downtime && speed)
}

/// Nobody has said that no controller is to act.
fn is_wanted(world: &World) -> bool {
    world.budget.external && !world.is_released
}
