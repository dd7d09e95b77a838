//! Pacemaker's resource agent VirtualDomain, run as its executor runs it.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::HOSTS;

use super::{INSIST, as_quick_as_virsh_hpc};
use crate::control::stage::{DEFAULTS, SATURATED, Stage};
use crate::seconds;

/// Parameters of `migrate_to` and `migrate_from`; the file was written when the guest was made.
const RESOURCE: &str = "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=g OCF_RESKEY_config=/rig/g.xml \
    OCF_RESKEY_hypervisor=qemu:///system OCF_RESKEY_migration_transport=tcp";

/// `OCF_NOT_RUNNING`.
const NOT_RUNNING: &str = "7";

/// A command line that runs an action with `parameters`.
fn action(name: &str, parameters: &str) -> String {
    format!("env {RESOURCE} {parameters} /usr/lib/ocf/resource.d/heartbeat/VirtualDomain {name}")
}

fn migrate_to(stage: &Stage, parameters: &str) -> String {
    let target = format!("OCF_RESKEY_CRM_meta_migrate_target={}", stage.there());
    action("migrate_to", &format!("{target} {parameters}"))
}

/// The cluster's view: the statuses of `monitor` on the guest's host and on the other.
fn believes(stage: &Stage) -> Result<[String; 2]> {
    let monitor = |host| {
        let status = stage.on(host, &format!("{} >&2; echo $?", action("monitor", "")))?;
        anyhow::Ok(status.trim().to_owned())
    };
    Ok([monitor(stage.here())?, monitor(stage.there())?])
}

/// A move as the cluster makes it; returns the duration of `migrate_to`.
fn moves(stage: &mut Stage, parameters: &str) -> Result<f64> {
    let source = stage.here();
    let script = migrate_to(stage, parameters);
    let moved = stage.by(source, &["sh", "-c", &script], |_| Ok(()))?;
    stage.arrived(&format!("VirtualDomain {parameters}"), &moved)?;
    let from = format!("OCF_RESKEY_CRM_meta_migrate_source={source}");
    stage.on(stage.here(), &action("migrate_from", &from))?;
    let believed = believes(stage)?;
    ensure!(believed == ["0", NOT_RUNNING], "monitor: {believed:?}");
    Ok(seconds(moved.total))
}

/// The operation's time is over: the process group of the resource agent gets SIGKILL (`child_kill_helper` in
/// Pacemaker).
fn times_out(stage: &Stage) -> Result<()> {
    let script = migrate_to(stage, "");
    let script = format!("setsid {script} & echo $! >/run/operation; wait $!; echo $? >&2; exit 1");
    let tried = stage.by(stage.here(), &["sh", "-c", &script], |stage| {
        stage.when_round(2)?;
        stage
            .on(stage.here(), "kill -KILL -$(cat /run/operation)")
            .map(drop)
    })?;
    stage.stayed("killed by its timeout", &tried, DEFAULTS)?;
    ensure!(
        tried.stderr().contains("137"),
        "not killed: {}",
        tried.stderr()
    );
    let believed = believes(stage)?;
    ensure!(believed == ["0", NOT_RUNNING], "monitor: {believed:?}");
    Ok(())
}

#[test]
#[ignore = "a minute: make clients"]
fn pacemakers_virtualdomain_moves_as_virsh_hpc_does() -> Result<()> {
    let hosts = ["--with", "resource-agents"];
    let mut stage = Stage::up_on(&hosts, &[&SATURATED[..], &["--marked"]].concat())?;
    for host in HOSTS {
        stage.configure(host, INSIST)?;
    }
    times_out(&stage)?;
    // Under this limit, set two seconds after the start, the guest never moves.
    let parameters = "OCF_RESKEY_migration_downtime=15";
    as_quick_as_virsh_hpc(&mut stage, "VirtualDomain", |stage| {
        moves(stage, parameters)
    })
}
