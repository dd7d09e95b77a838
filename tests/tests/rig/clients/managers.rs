//! Managers whose own programs cannot run here: their calls to libvirt, from their sources.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Move};
use serde::Deserialize;

use super::{INSIST, as_quick_as_virsh_hpc, install, last_line};
use crate::control::stage::{DEFAULTS, SATURATED, Stage};
use crate::seconds;

/// The output of `tests/rig/clients/schedule` about a move.
#[derive(Debug, Deserialize)]
struct Told {
    error: Option<String>,
    /// Seconds since the beginning, the call, and its value.
    did: Vec<(f64, String, Option<u32>)>,
    seconds: f64,
}

impl Told {
    fn has_done(&self, what: &str) -> bool {
        self.did.iter().any(|(_, did, _)| did == what)
    }
}

fn schedule(stage: &Stage, manager: &str, options: &[&str]) -> Result<(Move, Told)> {
    let destination = stage.destination();
    let command = [&["schedule", manager, "g", &destination], options].concat();
    let moved = stage.by(stage.here(), &command, |_| Ok(()))?;
    let told = last_line(&moved)?;
    println!("{manager} {options:?}: {told:?}");
    Ok((moved, told))
}

/// A move under a manager's schedule; returns its calls, and whether the agent has released the migration.
fn moves(stage: &mut Stage, manager: &str, options: &[&str]) -> Result<(Told, bool)> {
    let source = stage.here();
    let skip = stage.logged(source)?;
    let (moved, told) = schedule(stage, manager, options)?;
    stage.arrived(manager, &moved)?;
    for line in stage.said(source, skip, "g")? {
        println!("  {line}");
    }
    ensure!(told.error.is_none(), "{manager}: {told:?}");
    let let_go = !stage
        .said(source, skip, "control of this migration ends")?
        .is_empty();
    Ok((told, let_go))
}

/// OpenNebula's driver, which captures virsh's output and depends on its status.
fn opennebula(stage: &mut Stage) -> Result<f64> {
    let command = ["opennebula-migrate", "g", stage.there()];
    let moved = stage.by(stage.here(), &command, |_| Ok(()))?;
    stage.arrived("OpenNebula", &moved)?;
    Ok(seconds(moved.total))
}

/// Its migration is aborted from elsewhere: it clears the destination, where the guest must not be.
fn opennebula_clears_up(stage: &Stage) -> Result<()> {
    let command = ["opennebula-migrate", "g", stage.there()];
    let tried = stage.by(stage.here(), &command, |stage| {
        stage.when_round(2)?;
        stage.on(stage.here(), "virsh domjobabort g").map(drop)
    })?;
    stage.stayed("OpenNebula, aborted", &tried, DEFAULTS)
}

#[test]
#[ignore = "minutes: make clients"]
fn managers_with_a_schedule_of_their_own_move_as_virsh_hpc_does() -> Result<()> {
    let mut stage = Stage::up(&[&SATURATED[..], &["--marked"]].concat())?;
    install(&stage, "schedule")?;
    install(&stage, "opennebula-migrate")?;
    as_quick_as_virsh_hpc(&mut stage, "OpenNebula", opennebula)?;
    opennebula_clears_up(&stage)?;
    // Without `insist` a limit set once memory flows is an order, and CloudStack's timeout the end.
    let lowest = ["--downtime", "15"];
    let (told, let_go) = moves(&mut stage, "cloudstack", &lowest)?;
    ensure!(!let_go || told.has_done("suspend"), "{told:?}");
    for host in HOSTS {
        stage.configure(host, INSIST)?;
    }
    let kept = |stage: &mut Stage, manager: &str| {
        let options = [&lowest[..], &["--pause-after", "60"]].concat();
        let (told, let_go) = moves(stage, manager, &options)?;
        let way_out = told.has_done("suspend") || told.has_done("abort");
        ensure!(!let_go && !way_out, "{told:?}");
        Ok(told.seconds)
    };
    as_quick_as_virsh_hpc(&mut stage, "CloudStack", |stage| kept(stage, "cloudstack"))?;
    // oVirt has QEMU throttle the guest: the law waits longer, for a shorter pause.
    kept(&mut stage, "vdsm-minimal")?;
    kept(&mut stage, "vdsm-suspend").map(drop)
}
