//! A command that steers, and an agent: one controller, wherever the command runs.

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::agent::api::Control;
use libvirt_hpc_plugin::trace::ControllerName;
use libvirt_hpc_tests::rig::{AgentVerb, words};

use super::control;
use super::stage::{self, GUEST, SATURATED, Stage, tell};

/// A command's own trace.
const TRACE: &str = "/tmp/command.trace";

/// Its content on `host`.
fn command_told(stage: &Stage, host: &str) -> Result<stage::Told> {
    tell(&stage.on(host, &format!("cat {TRACE}"))?)
}

/// A command on the source's host and the agent: the command steers.
fn command_here(stage: &mut Stage) -> Result<()> {
    let (host, destination) = (stage.here(), stage.destination());
    let skip = stage.logged(host)?;
    let command = format!("virsh-hpc migrate --live {GUEST} {destination} --hpc-trace {TRACE}");
    let moved = stage.by(host, &words(&command), |stage| {
        control(stage, 8, |control| {
            matches!(control, Control::Other(who) if who.starts_with("virsh-hpc (process"))
        })
        .map(drop)
    })?;
    stage.arrived("virsh-hpc here", &moved)?;
    let (commands, agents) = (command_told(stage, host)?, stage.told(host)?);
    let said = stage.said(host, skip, GUEST)?;
    println!("  command {commands:?}\n  agent {agents:?} {said:?}");
    ensure!(
        commands.targets > 0 && commands.downtime_most_ms >= 800,
        "{commands:?}"
    );
    ensure!(agents.targets == 0, "{agents:?}");
    ensure!(
        said.iter().filter(|l| l.contains("standing by")).count() == 1,
        "{said:?}"
    );
    Ok(())
}

/// A command on the other host.
fn command_there(stage: &mut Stage, agent: bool) -> Result<()> {
    let (host, there, destination) = (stage.here(), stage.there(), stage.destination());
    let program = format!("virsh-hpc -c qemu+tcp://{host}/system");
    let command = format!("{program} migrate --live {GUEST} {destination} --hpc-trace {TRACE}");
    let moved = stage.by(there, &words(&command), |stage| match agent {
        true => control(stage, 8, |control| *control == Control::Steering).map(drop),
        false => Ok(()),
    })?;
    let what = format!(
        "virsh-hpc on the other host, {} agent",
        if agent { "with" } else { "without" }
    );
    stage.arrived(&what, &moved)?;
    let (commands, agents) = (command_told(stage, there)?, stage.told(host)?);
    println!(
        "  {}\n  command {commands:?}\n  agent {agents:?}",
        moved.stderr().trim()
    );
    let yields = moved
        .stderr()
        .contains("libvirt-hpcd on the source's host controls");
    ensure!(yields == agent, "{}", moved.stderr());
    ensure!(commands.observed == [agent], "{commands:?}");
    if agent {
        ensure!(agents.by == [ControllerName::LibvirtHpcd], "{agents:?}");
        ensure!(agents.downtime_most_ms >= 800, "{agents:?}");
    } else {
        ensure!(
            agents.by.is_empty() && commands.downtime_most_ms >= 800,
            "{agents:?}"
        );
    }
    Ok(())
}

#[test]
fn of_two_controllers_one_steers() -> Result<()> {
    let mut stage = Stage::up(&[&SATURATED[..], &["--marked"]].concat())?;
    command_here(&mut stage)?;
    command_there(&mut stage, true)?;
    stage.rig.agent(stage.here(), AgentVerb::Stop, &[])?;
    command_there(&mut stage, false)
}
