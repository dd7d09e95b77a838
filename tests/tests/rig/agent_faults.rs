//! Whatever happens to the agent, or to libvirtd under it, the migration ends well, is steered again by whoever is
//! there, and the limits are as before.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::agent::api::Control;
use libvirt_hpc_plugin::trace::ControllerName;
use libvirt_hpc_tests::rig::{AgentVerb, words};

use crate::control::stage::{BEFORE, DEFAULTS, GUEST, SATURATED, Stage};

const KILL: &str = "pkill -KILL -x libvirt-hpcd";

/// The agent waits in a later round.
const WAITS: &str = r#""kind":"round","iteration":3"#;

/// The agent has allowed a pause of a second or more: it has decided to switch over.
const GOES: &str = r#""type":"outcome".*"downtime_ms":[0-9]{4}.*"error":null"#;

/// A guest that is worth waiting for some rounds: there is time to find it in each phase.
fn marked() -> Vec<&'static str> {
    let patient = "<hpc:slowdown percent='3'/>";
    [&SATURATED[..], &["--marked", patient]].concat()
}

/// Starts the agent a second after its end.
fn restart(stage: &Stage) -> Result<()> {
    sleep(Duration::from_secs(1));
    stage.rig.agent(stage.here(), AgentVerb::Start, &[])
}

/// Waits until the agent says that it steers.
fn steered(stage: &Stage) -> Result<()> {
    stage.wait("the agent steers", 8, || {
        let migration = stage.migration()?;
        Ok(migration.is_some_and(|m| m.control == Control::Steering))
    })
}

/// A migration whose agent is killed once its trace has `pattern`, or at once.
fn killed(stage: &mut Stage, phase: &str, pattern: Option<&str>, log: &str) -> Result<()> {
    let source = stage.here();
    let skip = stage.logged(source)?;
    let moved = stage.virsh(&[], |stage| {
        match pattern {
            Some(pattern) => stage.when_traced(pattern, KILL)?,
            None => stage.on(source, KILL).map(drop)?,
        }
        restart(stage)
    })?;
    stage.arrived(&format!("agent killed {phase}"), &moved)?;
    let (said, told) = (stage.said(source, skip, log)?, stage.told(source)?);
    println!("  then: {said:?}; {told:?}");
    // In the switchover nothing may remain to be taken over a second later.
    let takes_over = pattern != Some(GOES);
    ensure!(
        !takes_over || said.len() == usize::from(pattern.is_some()) + 1,
        "{phase}: said {said:?}"
    );
    ensure!(
        !takes_over || told.by.len() == said.len() && told.downtime_most_ms >= 800,
        "{phase}: {told:?}"
    );
    Ok(())
}

/// A migration that is aborted after its agent was killed; `back` says whether a new one is there.
fn aborted(stage: &Stage, back: bool) -> Result<()> {
    let what = format!(
        "aborted with the agent {}",
        if back { "back" } else { "dead" }
    );
    stage.set_limits(BEFORE)?;
    let moved = stage.virsh(&[], |stage| {
        stage.when_traced(WAITS, KILL)?;
        if back {
            restart(stage)?;
            steered(stage)?;
        }
        let limits = stage.limits()?;
        println!("  limits at the abort: {limits:?}");
        ensure!(limits != BEFORE, "{what}: nothing was set before");
        let script = format!("virsh domjobabort {GUEST}");
        stage.on(stage.here(), &script).map(drop)
    })?;
    stage.stayed(&what, &moved, BEFORE)?;
    if !back {
        restart(stage)?;
        sleep(Duration::from_secs(1));
        stage.limits_are("a new agent", BEFORE)?;
    }
    stage.wait("the agent is done", 5, || Ok(stage.migration()?.is_none()))?;
    let leases = stage.on(stage.here(), "ls /run/libvirt-hpc/leases")?;
    ensure!(leases.is_empty(), "{what}: leases left: {leases}");
    stage.set_limits(DEFAULTS)
}

#[test]
fn a_killed_agent_is_replaced_in_every_phase() -> Result<()> {
    let mut stage = Stage::up(&marked())?;
    let steering =
        "controlling its migration (marked in its XML; limits before: downtime 300 ms, speed none)";
    killed(&mut stage, "before memory flows", None, steering)?;
    killed(&mut stage, "in iteration 1", Some(r#""outcome""#), steering)?;
    killed(&mut stage, "while it waits", Some(WAITS), steering)?;
    killed(&mut stage, "when it goes", Some(GOES), steering)?;
    aborted(&stage, false)?;
    aborted(&stage, true)
}

/// libvirtd of the guest's host killed under an agent that has nothing to do.
fn libvirtd_killed_idle(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    let (pid, skip) = (stage.agent_pid(host)?, stage.logged(host)?);
    stage.rig.daemon(host, "kill")?;
    stage.wait("the agent misses libvirtd", 5, || {
        Ok(stage.status(host)?.libvirt_error.is_some())
    })?;
    stage.rig.daemon(host, "start")?;
    reconnected(stage, host, pid, skip)?;
    ensure!(
        stage.rig.state(host, GUEST) == "running",
        "the guest is gone"
    );
    let moved = stage.virsh(&[], steered)?;
    stage.arrived("after libvirtd was killed under an idle agent", &moved)
}

/// Requires that the agent reconnects to libvirtd by itself, and says so.
fn reconnected(stage: &Stage, host: &str, pid: u32, skip: usize) -> Result<()> {
    let started = stage.rig.now()?;
    stage.wait("the agent is back at libvirtd", 10, || {
        let status = stage.status(host)?;
        Ok(status.libvirt_error.is_none() && !stage.said(host, skip, "connected to")?.is_empty())
    })?;
    let after = stage.rig.now()?.saturating_sub(started);
    let lost = stage.said(host, skip, "libvirt cannot be reached")?;
    println!("libvirtd killed: the agent is back {after:.1?} after its start; {lost:?}");
    ensure!(stage.agent_pid(host)? == pid, "another agent");
    ensure!(lost.len() == 1, "said {lost:?}");
    Ok(())
}

/// libvirtd of the source killed under an agent that steers.
fn libvirtd_killed_steering(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    let (pid, skip) = (stage.agent_pid(host)?, stage.logged(host)?);
    let moved = stage.virsh(&[], |stage| {
        stage.when_traced(WAITS, "true")?;
        stage.rig.daemon(host, "kill")?;
        sleep(Duration::from_secs(1));
        stage.rig.daemon(host, "start")
    })?;
    stage.stayed("libvirtd killed under a steering agent", &moved, DEFAULTS)?;
    reconnected(stage, host, pid, skip)?;
    stage.wait("the agent is done", 10, || Ok(stage.migration()?.is_none()))?;
    for line in stage.said(host, skip, "")? {
        println!("  {line}");
    }
    let moved = stage.virsh(&[], steered)?;
    stage.arrived("after libvirtd was killed under a steering agent", &moved)
}

/// SIGTERM: the limits are as before, the migration goes on, a new agent takes it.
fn terminated(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    let skip = stage.logged(host)?;
    let moved = stage.virsh(&[], |stage| {
        stage.when_traced(WAITS, "true")?;
        ensure!(stage.limits()? != DEFAULTS, "nothing was set");
        let begin = stage.rig.now()?;
        stage.on(host, "pkill -TERM -x libvirt-hpcd")?;
        stage.wait("limits as before", 2, || Ok(stage.limits()? == DEFAULTS))?;
        let after = stage.rig.now()?.saturating_sub(begin);
        println!("SIGTERM: limits as before after {after:.2?}");
        stage.on(host, "while pidof libvirt-hpcd; do sleep 0.05; done")?;
        let goes_on = stage.on(host, &format!("virsh -q domjobinfo {GUEST}"))?;
        ensure!(goes_on.contains("Outgoing migration"), "{goes_on}");
        restart(stage)?;
        steered(stage)
    })?;
    stage.arrived("agent terminated while it waits", &moved)?;
    let said = stage.said(host, skip, "goes on without the agent")?;
    println!("  {said:?}; {:?}", stage.told(host)?);
    ensure!(
        said.len() == 1 && stage.told(host)?.by.len() == 2,
        "{said:?}"
    );
    Ok(())
}

/// SIGHUP with a good configuration, then with a broken one.
fn reloaded(stage: &Stage) -> Result<()> {
    let (host, file) = (stage.here(), "/etc/libvirt-hpc/agent.toml");
    for (text, expected) in [
        ("observe = true", "configuration read again"),
        ("observ = false", "the configuration stays as it was"),
    ] {
        let skip = stage.logged(host)?;
        stage.on(
            host,
            &format!("cp -n {file} /tmp/kept; echo '{text}' >{file}"),
        )?;
        stage.rig.agent(host, AgentVerb::Reload, &[])?;
        stage.wait("the configuration is read", 5, || {
            Ok(!stage.said(host, skip, expected)?.is_empty())
        })?;
        println!("SIGHUP: {:?}", stage.said(host, skip, expected)?);
        ensure!(stage.status(host)?.observe, "{text}: not in force any more");
    }
    stage.on(host, &format!("mv /tmp/kept {file}"))?;
    stage.rig.agent(host, AgentVerb::Reload, &[])?;
    stage.wait("the configuration is read", 5, || {
        Ok(!stage.status(host)?.observe)
    })
}

/// A command that steers from the same host, killed: libvirt goes on, and so does control.
fn command_killed(stage: &mut Stage) -> Result<()> {
    let (host, destination) = (stage.here(), stage.destination());
    let skip = stage.logged(host)?;
    let command = format!("virsh-hpc migrate --live --p2p {GUEST} {destination}");
    let moved = stage.by(host, &words(&command), |stage| {
        stage.when_round(2)?;
        let found = stage.migration()?.map(|m| m.control);
        ensure!(
            matches!(&found, Some(Control::Other(who)) if who.starts_with("virsh-hpc")),
            "{found:?}"
        );
        stage.on(host, "pkill -KILL '^virsh-hpc'")?;
        steered(stage)
    })?;
    ensure!(!moved.output.status.success(), "the command was not killed");
    stage.wait("the end of the migration", 20, || {
        Ok(stage.rig.state(stage.there(), GUEST) == "running"
            && stage.rig.state(host, GUEST).is_empty())
    })?;
    stage.landed("virsh-hpc --p2p killed")?;
    let (stood, took) = ("standing by", "controlling its migration");
    println!(
        "virsh-hpc --p2p killed: {:?} {:?}",
        stage.said(host, skip, stood)?,
        stage.said(host, skip, took)?
    );
    let told = stage.told(host)?;
    ensure!(
        stage.said(host, skip, stood)?.len() == 1
            && stage.said(host, skip, took)?.len() == 1
            && told.by == [ControllerName::LibvirtHpcd],
        "{told:?}"
    );
    Ok(())
}

#[test]
fn the_agent_outlives_libvirtd_and_its_own_restart() -> Result<()> {
    let mut stage = Stage::up(&marked())?;
    libvirtd_killed_idle(&mut stage)?;
    libvirtd_killed_steering(&mut stage)?;
    terminated(&mut stage)?;
    reloaded(&stage)?;
    command_killed(&mut stage)
}
