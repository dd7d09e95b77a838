//! Which program controls a migration: a user, a command here, a command elsewhere, the agent, or nobody. Never two.

mod commands;
mod site;
pub(crate) mod stage;

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::agent::api::{Control, MarkedBy};
use libvirt_hpc_tests::rig::AgentVerb;

use stage::{DEFAULTS, GUEST, SATURATED, Stage};

const NAMESPACE: &str = "urn:libvirt-hpc:domain:1.0";

/// Ends a migration that nobody steers any more.
const LET_IT_END: &str = "virsh -q migrate-setmaxdowntime g 20000";

/// The agent holds the pause at the owner's limit, which the guest never gets below.
const STEERS: &str = r#""kind":"round","iteration":4"#;

/// The owner's limit: a migration under it goes on until somebody sets another.
const FOREVER: &str = "<hpc:downtime max='200' unit='ms'/>";

fn is_released(control: &Control) -> bool {
    matches!(control, Control::Released(_))
}

/// Waits until the agent reports such control; returns how long it took.
fn control(stage: &Stage, at_most_s: u64, is: impl Fn(&Control) -> bool) -> Result<()> {
    let begin = stage.rig.now()?;
    let waited = stage.wait("the expected control", at_most_s, || {
        Ok(stage.migration()?.is_some_and(|m| is(&m.control)))
    });
    let after = stage.rig.now()?.saturating_sub(begin);
    let text = stage.status_text()?;
    let told = text.lines().find(|line| line.starts_with("Control:"));
    println!(
        "  {} (after {after:.2?})",
        told.unwrap_or("no control reported")
    );
    waited?;
    ensure!(told.is_some(), "hpc-status {GUEST}:\n{text}");
    Ok(())
}

/// A new agent after an old one has ended by `verb`.
fn restart(stage: &Stage, verb: AgentVerb) -> Result<()> {
    stage.rig.agent(stage.here(), verb, &[])?;
    stage.rig.agent(stage.here(), AgentVerb::Start, &[])
}

/// Sets a limit manually while the agent steers: it is the user's from then on, whatever the agent does.
fn external_change(
    stage: &mut Stage,
    what: &str,
    limits: [&str; 2],
    verb: AgentVerb,
) -> Result<()> {
    let host = stage.here();
    let skip = stage.logged(host)?;
    let moved = stage.virsh(&[], |stage| {
        stage.when_traced(STEERS, &format!("virsh -q {what}"))?;
        control(stage, 5, is_released)?;
        let said = stage.said(host, skip, "control of this migration ends")?;
        println!("{what}: {said:?}");
        ensure!(said.len() == 1, "{what}: said {said:?}");
        stage.limits_are(what, limits)?;
        restart(stage, verb)?;
        control(stage, 8, is_released)?;
        for _ in 0..4 {
            stage.limits_are(what, limits)?;
            sleep(Duration::from_millis(500));
        }
        stage.on(host, LET_IT_END).map(drop)
    })?;
    stage.arrived(what, &moved)?;
    let steered = stage.said(host, skip, "controlling its migration")?;
    ensure!(steered.len() == 1, "{what}: {steered:?}");
    Ok(())
}

/// `hpc-release` while the agent steers: the limits from before, and no agent afterwards.
fn released(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    let skip = stage.logged(host)?;
    let moved = stage.virsh(&[], |stage| {
        stage.when_traced(STEERS, "true")?;
        let answer = stage.on(host, "virsh-hpc hpc-release g")?;
        println!("hpc-release: {}", answer.trim());
        println!("{}", stage.on(host, "virsh-hpc hpc-status")?.trim());
        stage.wait("limits as before", 2, || Ok(stage.limits()? == DEFAULTS))?;
        control(stage, 3, is_released)?;
        for verb in [AgentVerb::Kill, AgentVerb::Stop] {
            restart(stage, verb)?;
            control(stage, 8, is_released)?;
            sleep(Duration::from_secs(1));
            stage.limits_are("after hpc-release and a restart", DEFAULTS)?;
        }
        stage.on(host, LET_IT_END).map(drop)
    })?;
    stage.arrived("hpc-release", &moved)?;
    for line in stage.said(host, skip, GUEST)? {
        println!("  {line}");
    }
    let steered = stage.said(host, skip, "controlling its migration")?;
    ensure!(steered.len() == 1, "{steered:?}");
    Ok(())
}

/// An unmarked guest adopted in the middle of its migration, and before the next.
fn adopted(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    stage.on(
        host,
        &format!("virsh -q metadata {GUEST} {NAMESPACE} --remove"),
    )?;
    let moved = stage.virsh(&[], |stage| {
        stage.when_round(3)?;
        stage.limits_are("unmarked", DEFAULTS)?;
        ensure!(stage.migration()?.is_none(), "taken though unmarked");
        println!("{}", stage.on(host, "virsh-hpc hpc-adopt g")?.trim());
        control(stage, 8, |control| *control == Control::Steering).map(drop)
    })?;
    stage.arrived("hpc-adopt in the midst", &moved)?;
    ensure!(stage.told(host)?.by.len() == 1, "{:?}", stage.told(host)?);
    let host = stage.here();
    println!("{}", stage.on(host, "virsh-hpc hpc-adopt g")?.trim());
    let overview = stage.on(host, "virsh-hpc hpc-status")?;
    ensure!(overview.contains("hpc-adopt"), "{overview}");
    // An adoption outlives the agent.
    restart(stage, AgentVerb::Kill)?;
    let moved = stage.virsh(&[], |stage| {
        control(stage, 8, |control| *control == Control::Steering)?;
        let marked_by = stage.status(host)?.domains[0].marked_by;
        ensure!(marked_by == Some(MarkedBy::Adoption), "{marked_by:?}");
        Ok(())
    })?;
    stage.arrived("hpc-adopt before", &moved)
}

#[test]
fn an_external_change_outranks_the_agent() -> Result<()> {
    let mut stage = Stage::up(&[&SATURATED[..], &["--marked", FOREVER]].concat())?;
    let unlimited = DEFAULTS[1];
    let downtime = "migrate-setmaxdowntime g 15";
    external_change(&mut stage, downtime, ["15", unlimited], AgentVerb::Kill)?;
    external_change(&mut stage, downtime, ["15", unlimited], AgentVerb::Stop)?;
    let speed = "migrate-setspeed g 60";
    external_change(&mut stage, speed, [DEFAULTS[0], "60"], AgentVerb::Kill)?;
    released(&mut stage)?;
    adopted(&mut stage)
}
