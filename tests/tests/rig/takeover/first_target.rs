//! From the start of the transfer of memory to the first target, by QEMU's and libvirtd's times.
//!
//! QEMU's event `MIGRATION_PASS` with pass 1 is sent when the first bitmap has been made and memory begins to
//! flow; it carries QEMU's own time. The first `virDomainMigrateSetMaxDowntime` after it stands in libvirtd's
//! log with its time. Both are the machine's wall clock.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Rig};

use super::calls;

const ALPHA: &str = HOSTS[0];

/// The longest time from memory flowing to the first target, milliseconds.
pub(super) const LIMIT_MS: u64 = 250;

/// Settings that neither libvirt-hpc nor libvirt would choose. A stored downtime limit is an order: this one keeps no
/// guest here.
const BEFORE_MS: u64 = 7777;
const BEFORE_MIB_PER_S: u64 = 500;

/// How often a target is looked for, five times a second at most.
const POLLS: usize = 100;

/// Where QEMU's events go.
const PASSES: &str = "/tmp/passes";

/// Begins and aborts `runs` migrations of a guest on alpha, one straight after the other, directly and peer to
/// peer by turns. Milliseconds from memory flowing to the first target, of each.
pub(super) fn spans_ms(rig: &Rig, name: &str, runs: usize) -> Result<Vec<u64>> {
    let listen =
        format!("virsh qemu-monitor-event {name} --event MIGRATION_PASS --loop > {PASSES}");
    let mut listener = rig.spawn(ALPHA, &["timeout", "3600", "sh", "-c", &listen])?;
    let set = format!(
        "virsh migrate-setmaxdowntime {name} {BEFORE_MS}; virsh migrate-setspeed {name} {BEFORE_MIB_PER_S}"
    );
    rig.run(ALPHA, &["sh", "-c", &set])?;
    let mut spans = Vec::new();
    for run in 0..runs {
        let options: &[&str] = if run % 2 == 0 { &[] } else { &["--p2p"] };
        spans.push(one(rig, name, options, run).with_context(|| format!("run {run}"))?);
        // Limits that are lost once stay lost: the next migration takes them for what was before.
        if run % 10 == 9 || run + 1 == runs {
            set_as_before(rig, name)?;
        }
    }
    listener.kill()?;
    listener.wait()?;
    Ok(spans)
}

fn one(rig: &Rig, name: &str, options: &[&str], run: usize) -> Result<u64> {
    let earlier = calls::changing(rig, ALPHA, name)?.len();
    let command = [&["virsh", "migrate", "--live", name, DESTINATION], options].concat();
    let migration = rig.spawn(ALPHA, &command)?;
    let first = target(rig, name, earlier);
    rig.run(ALPHA, &["virsh", "domjobabort", name])?;
    let aborted = migration.wait_with_output()?;
    let first = first?;
    ensure!(
        !aborted.status.success(),
        "moved before it could be aborted"
    );
    ensure!(
        rig.state(ALPHA, name) == "running",
        "{name} is not on alpha"
    );
    let flows_ms = first_pass_ms(rig, run)?;
    let span_ms = calls::span_ms(flows_ms, first.at_ms);
    if span_ms > LIMIT_MS {
        let calls = calls::on(rig, ALPHA)?.into_iter();
        let until = calls.filter(|call| calls::span_ms(flows_ms, call.at_ms) <= span_ms);
        let when = |call: calls::Call| (calls::span_ms(flows_ms, call.at_ms), call.function);
        println!("run {run}: {:?}", until.map(when).collect::<Vec<_>>());
    }
    Ok(span_ms)
}

/// The first downtime limit after so many calls, other than that of before: that one ends a migration.
fn target(rig: &Rig, name: &str, earlier: usize) -> Result<calls::Call> {
    let is_target = |call: &calls::Call| call.downtime_ms().is_some_and(|ms| ms != BEFORE_MS);
    for _ in 0..POLLS {
        let mut calls = calls::changing(rig, ALPHA, name)?.into_iter().skip(earlier);
        if let Some(call) = calls.find(is_target) {
            return Ok(call);
        }
        sleep(Duration::from_millis(200));
    }
    bail!(
        "no target within {POLLS} polls; the agent:\n{}",
        rig.agent_log(ALPHA)?
    )
}

/// When memory began to flow in a run, milliseconds of the day.
fn first_pass_ms(rig: &Rig, run: usize) -> Result<u64> {
    let text = String::from_utf8(rig.run(ALPHA, &["cat", PASSES])?.stdout)?;
    let mut first = text.lines().filter(|line| line.contains("{\"pass\":1}"));
    let line = first
        .nth(run)
        .with_context(|| format!("no first pass of run {run}: {text}"))?;
    let time = line
        .split_once(" at ")
        .and_then(|(_, rest)| rest.split_once(" for "));
    let (seconds, microseconds) = time
        .and_then(|(time, _)| time.split_once('.'))
        .with_context(|| format!("no time in {line}"))?;
    let seconds: u64 = seconds.trim().parse()?;
    Ok(seconds % 86_400 * 1000 + microseconds.parse::<u64>()? / 1000)
}

/// Requires that the limits are soon as before.
fn set_as_before(rig: &Rig, name: &str) -> Result<()> {
    let ask = format!("virsh -q migrate-getmaxdowntime {name}; virsh -q migrate-getspeed {name}");
    let before = format!("{BEFORE_MS}\n{BEFORE_MIB_PER_S}\n");
    let mut found = String::new();
    for _ in 0..20 {
        found = String::from_utf8(rig.run(ALPHA, &["sh", "-c", &ask])?.stdout)?;
        if found == before {
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
    let calls = calls::changing(rig, ALPHA, name)?;
    bail!(
        "{name}: limits {found:?}, before {before:?}; {:#?}\n{}",
        &calls[calls.len().saturating_sub(12)..],
        rig.agent_log(ALPHA)?
    );
}
