//! A site's decisions: which guests are marked, and that the agent only observes.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::agent::api::{Control, MarkedBy};
use libvirt_hpc_tests::rig::{AgentVerb, HOSTS};

use super::control;
use super::stage::{DEFAULTS, Stage};

/// Calls that change something about the guest, with their values, from libvirtd's log.
fn changes(stage: &Stage, host: &str, skip: usize) -> Result<Vec<String>> {
    let log = stage.rig.call_log(host)?;
    let changes = log.lines().skip(skip).filter(|line| {
        let function = line.split(" : ").nth(1).unwrap_or_default();
        [
            "virDomainMigrateSet",
            "virDomainMigrateStart",
            "virDomainAbort",
            "virDomainSuspend",
        ]
        .iter()
        .any(|name| function.starts_with(name))
    });
    Ok(changes.map(str::to_owned).collect())
}

/// A speed given at the start: the agent keeps it for good.
fn ceiling(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    stage.rig.calls(host, true)?;
    let moved = stage.virsh(&["--bandwidth", "20"], |stage| {
        stage.when_round(2)?;
        control(stage, 8, |control| *control == Control::Steering)?;
        let speed = stage.limits()?[1].clone();
        ensure!(speed == "20", "speed {speed}");
        Ok(())
    })?;
    stage.arrived("--bandwidth 20", &moved)?;
    let changes = changes(stage, host, 0)?;
    let speeds: Vec<_> = changes
        .iter()
        .filter(|line| line.contains("SetMaxSpeed"))
        .collect();
    println!("  {} changes, of the speed {speeds:?}", changes.len());
    ensure!(!changes.is_empty(), "no call in the log");
    let kept = speeds.iter().all(|line| line.contains("bandwidth=20,"));
    ensure!(kept, "the ceiling was not kept: {speeds:?}");
    let traces = stage.traces(host)?;
    let (copied, _) = traces
        .rsplit_once(r#"{"type":"outcome""#)
        .context("no target in the trace")?;
    // QEMU limits nothing of the remainder that the guest stops with.
    let fastest = crate::cost::fastest_seconds(copied.as_bytes())?;
    let mib = f64::from(1 << 20);
    println!("  fastest seconds {:.1} MiB/s", fastest / mib);
    ensure!(fastest <= 1.25 * 20.0 * mib, "{fastest} B/s");
    Ok(())
}

/// An agent that only observes: its decisions are in its trace, and nowhere else.
fn observed(stage: &Stage) -> Result<()> {
    let host = stage.here();
    stage.rig.calls(host, true)?;
    let skip = stage.rig.call_log(host)?.lines().count();
    stage.rig.agent(host, AgentVerb::Stop, &[])?;
    stage.rig.agent(host, AgentVerb::Start, &["--observe"])?;
    let moved = stage.virsh(&["--bandwidth", "40"], |stage| {
        stage.when_traced(r#""cause":"reservation""#, "true")?;
        control(stage, 3, |control| *control == Control::Observing)?;
        stage.limits_are("--observe", [DEFAULTS[0], "40"])?;
        stage.on(host, "virsh domjobabort g").map(drop)
    })?;
    stage.stayed("--observe", &moved, DEFAULTS)?;
    let (told, changes) = (stage.told(host)?, changes(stage, host, skip)?);
    println!("  {told:?}; changes {changes:?}");
    ensure!(told.observed == [true] && told.targets > 0, "{told:?}");
    // The only change is the test's own.
    ensure!(
        changes.len() == 1 && changes[0].contains("virDomainAbortJob"),
        "{changes:?}"
    );
    Ok(())
}

/// A site that insists: an external downtime limit, under which this guest never moves, is replaced; an external speed
/// limit, raised after a slow beginning as managers do, is an order.
fn insisted(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    configure(stage, host, "insist = true\n")?;
    let skip = stage.logged(host)?;
    let moved = stage.virsh(&["--bandwidth", "2"], |stage| {
        control(stage, 8, |control| *control == Control::Steering)?;
        stage.on(host, "virsh -q migrate-setspeed g 40")?;
        stage.when_round(2)?;
        stage
            .on(host, "virsh -q migrate-setmaxdowntime g 15")
            .map(drop)
    })?;
    stage.arrived("insist = true", &moved)?;
    let said = stage.said(host, skip, "an external change set the speed limit")?;
    println!("  {said:?}");
    let speed = said.iter().filter(|line| line.contains(" to 40 MiB/s:"));
    ensure!(speed.count() == 1, "{said:?}");
    Ok(())
}

/// Puts `first` and a rule for the guest's name into a host's configuration.
fn configure(stage: &Stage, host: &str, first: &str) -> Result<()> {
    let text = format!("{first}[mark]\nnames = [\"web*\", \"?\"]\n");
    stage.configure(host, &text)
}

#[test]
fn a_sites_rule_marks_and_a_ceiling_binds_and_an_observer_touches_nothing() -> Result<()> {
    let mut stage = Stage::up(&["--memory", "256", "--fill", "64", "--workload", "flat:32"])?;
    for host in HOSTS {
        configure(&stage, host, "")?;
    }
    let overview = stage.on(stage.here(), "virsh-hpc hpc-status")?;
    println!("{}", overview.trim());
    let marked_by = stage.status(stage.here())?.domains[0].marked_by;
    ensure!(marked_by == Some(MarkedBy::Site), "{marked_by:?}");
    ceiling(&mut stage)?;
    insisted(&mut stage)?;
    observed(&stage)
}
