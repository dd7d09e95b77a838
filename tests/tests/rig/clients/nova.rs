//! OpenStack nova's own driver and its monitor, from Debian's archive, on a real connection.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Move};
use serde::Deserialize;

use super::{INSIST, as_quick_as_virsh_hpc, install, last_line};
use crate::control::stage::{SATURATED, Stage};

/// A limit that the guest never gets below: the migration goes on until nova acts.
const FOREVER: &str = "<hpc:downtime max='200' unit='ms'/><hpc:postcopy allowed='no'/>";

/// The output of `tests/rig/clients/nova-move` about a move.
#[derive(Debug, Deserialize)]
struct Told {
    /// What nova was told, or told its other services.
    believes: Vec<String>,
    /// Its migration's status.
    status: String,
    /// From nova's call to its return.
    seconds: f64,
}

fn nova(stage: &Stage, options: &[&str]) -> Result<(Move, Told)> {
    let (host, skip) = (stage.here(), stage.logged(stage.here())?);
    let command = [&["nova-move", "g", stage.there()], options].concat();
    let moved = stage.by(host, &command, |_| Ok(()))?;
    let told: Told = last_line(&moved)?;
    println!("nova {options:?}: {told:?}");
    for line in stage.said(host, skip, "g")? {
        println!("  {line}");
    }
    Ok((moved, told))
}

/// A move that nova believes completed.
fn moves(stage: &mut Stage, options: &[&str], status: &str) -> Result<f64> {
    let (moved, told) = nova(stage, options)?;
    stage.arrived("nova", &moved)?;
    ensure!(
        told.believes == ["completed"] && told.status == status,
        "{told:?}"
    );
    Ok(told.seconds)
}

/// One that nova believes failed, and that has failed. It believes `cancelled` if it polls while libvirt still knows of the
/// job that was aborted, `failed` if only the guest is left (`find_job_type`, nova `virt/libvirt/migration.py`).
fn fails(stage: &Stage, options: &[&str]) -> Result<()> {
    let (moved, told) = nova(stage, options)?;
    let ended = [["failed"], ["cancelled"]];
    ensure!(ended.iter().any(|end| told.believes == end), "{told:?}");
    ensure!(stage.rig.state(stage.here(), "g") == "running", "not here");
    ensure!(moved.report.host == stage.here(), "{:?}", moved.report);
    stage.rig.whole("g")
}

#[test]
#[ignore = "half a gigabyte of nova: make clients"]
fn novas_own_monitor_moves_as_virsh_hpc_does() -> Result<()> {
    let hosts = ["--with", "python3-nova"];
    let mut stage = Stage::up_on(&hosts, &[&SATURATED[..], &["--marked"]].concat())?;
    prepare(&stage)?;
    for host in HOSTS {
        stage.configure(host, INSIST)?;
    }
    as_quick_as_virsh_hpc(&mut stage, "nova", |stage| moves(stage, &[], "running"))?;
    // As quick where post-copy may be used and is not needed.
    let postcopy = ["--set", "live_migration_permit_post_copy=True"];
    moves(&mut stage, &postcopy, "running").map(drop)
}

#[test]
#[ignore = "half a gigabyte of nova: make clients"]
fn novas_timeouts_end_its_migrations() -> Result<()> {
    let hosts = ["--with", "python3-nova"];
    let marked = ["--marked", FOREVER];
    let mut stage = Stage::up_on(&hosts, &[&SATURATED[..], &marked].concat())?;
    prepare(&stage)?;
    for insist in ["", INSIST] {
        for host in HOSTS {
            stage.configure(host, insist)?;
        }
        ways_out(&mut stage)?;
    }
    Ok(())
}

fn ways_out(stage: &mut Stage) -> Result<()> {
    let complete = ["--force-complete", "8"];
    // By suspending the guest.
    moves(stage, &complete, "running")?;
    let postcopy = ["--set", "live_migration_permit_post_copy=True"];
    moves(
        stage,
        &[&complete[..], &postcopy].concat(),
        "running (post-copy)",
    )?;
    // Two GiB are the least that nova reckons with: 8 s and 20 s.
    let timeout = ["--set", "live_migration_completion_timeout=4"];
    let force = ["--set", "live_migration_timeout_action=force_complete"];
    moves(stage, &[&timeout[..], &force].concat(), "running")?;
    fails(stage, &timeout)?;
    fails(stage, &["--abort", "8"])?;
    // Steps of its downtime, up to a limit that is enough.
    let steps = [
        "--set",
        "live_migration_downtime=8000",
        "--set",
        "live_migration_downtime_steps=3",
        "--set",
        "live_migration_downtime_delay=3",
        "--set",
        "live_migration_completion_timeout=20",
    ];
    let (moved, told) = nova(stage, &steps)?;
    if told.believes == ["completed"] {
        stage.arrived("nova", &moved)?;
    }
    println!(
        "  its steps: {:?}, {:?}",
        told.believes,
        stage.limits().ok()
    );
    Ok(())
}

/// The program, and the set-up of the packages' scripts.
fn prepare(stage: &Stage) -> Result<()> {
    install(stage, "nova-move")?;
    for host in HOSTS {
        let script = "mkdir -p /etc/ssl/certs && \
            cat /usr/share/ca-certificates/mozilla/*.crt >/etc/ssl/certs/ca-certificates.crt";
        stage.on(host, script)?;
    }
    Ok(())
}
