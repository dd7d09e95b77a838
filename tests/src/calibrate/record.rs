//! Recording a run on the test bed.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::trace::Record;

use super::guest::GuestSpec;
use super::run::{RunRecord, read_trace};
use super::set::Plan;
use crate::rig::{HOSTS, Move, Rig};

/// The time for a fresh guest to settle: the report needs as much of its undisturbed speed.
const SETTLE: Duration = Duration::from_secs(3);

/// The trace's path in the source host.
const TRACE: &str = "/rig/calibrate.trace";

/// Records `plan` into `folder`: `NAME.trace` and `NAME.json`.
///
/// # Errors
/// When the guest does not start, does not move or does not arrive whole, or a file cannot be written.
pub fn record(rig: &Rig, plan: &Plan, folder: &Path) -> Result<RunRecord> {
    let memory = plan.memory_mib.to_string();
    rig.link(plan.link)?;
    let native: &[&str] = if plan.kvm { &["--accel", "kvm"] } else { &[] };
    let guest = ["--workload", plan.workload, "--memory", &memory, "--marked"];
    rig.guest(plan.name, &[&guest, native].concat())?;
    let run = move_it(rig, plan, folder);
    rig.destroy(plan.name);
    let run = run?;
    let path = folder.join(plan.name).with_extension("json");
    let mut json = serde_json::to_string_pretty(&run)?;
    json.push('\n');
    fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(run)
}

fn move_it(rig: &Rig, plan: &Plan, folder: &Path) -> Result<RunRecord> {
    sleep(SETTLE);
    let options = [plan.options, &["--hpc-trace", TRACE]].concat();
    let moved = rig.migrate_live("virsh-hpc", plan.name, &options)?;
    ensure!(
        moved.output.status.success(),
        "{} did not move: {}",
        plan.name,
        moved.stderr()
    );
    rig.whole(plan.name)?;
    let path = folder.join(plan.name).with_extension("trace");
    fs::write(&path, rig.run(HOSTS[0], &["cat", TRACE])?.stdout)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let (_, records) = read_trace(&path)?;
    let into_ms = into_ms(rig, plan, &records)?;
    describe(plan, &moved, &records, into_ms)
}

fn describe(
    plan: &Plan,
    moved: &Move,
    records: &[Record],
    into_ms: Option<u64>,
) -> Result<RunRecord> {
    let total_ms = records.iter().find_map(|record| match record {
        Record::End(end) => Some(end.totals.total_ms),
        _ => None,
    });
    Ok(RunRecord {
        guest: GuestSpec::of(plan),
        link: plan.link.to_owned(),
        options: plan.options.iter().map(|&word| word.to_owned()).collect(),
        into_ms,
        pause_ms: moved.pause()?.as_secs_f64() * 1e3,
        total_ms: total_ms.context("the trace has no end")?,
    })
}

/// How far into its cycle the guest was when the job began, from its heartbeats: they name the phase.
fn into_ms(rig: &Rig, plan: &Plan, records: &[Record]) -> Result<Option<u64>> {
    let phases = GuestSpec::of(plan).phase_spans()?;
    if phases.len() < 2 {
        return Ok(None);
    }
    let begin_ns = records.iter().find_map(|record| match record {
        Record::Sample(sample) => Some(sample.at_ns.saturating_sub(sample.elapsed_ms * 1_000_000)),
        _ => None,
    });
    let begin_ns = begin_ns.context("the trace has no sample")?;
    let (since_ns, phase) = phase_changes(rig, plan.name)?
        .into_iter()
        .rfind(|(at_ns, _)| *at_ns <= begin_ns)
        .context("no heartbeat of the guest before its migration")?;
    let before: Duration = phases.iter().take(phase).sum();
    let into = before + Duration::from_nanos(begin_ns - since_ns);
    Ok(Some(u64::try_from(into.as_millis()).unwrap_or(u64::MAX)))
}

/// When the guest entered which phase of its workload, ns; the first when its workload began.
fn phase_changes(rig: &Rig, name: &str) -> Result<Vec<(u64, usize)>> {
    let program = format!(
        "$2 == \"{name}\" && $9 == 1 && $7 \"\" != phase {{ phase = $7 \"\"; print $1, phase }}"
    );
    let log = format!("/rig/{}.beats", HOSTS[0]);
    let output = rig.run(HOSTS[0], &["awk", &program, &log])?;
    let text = String::from_utf8(output.stdout)?;
    let change = |line: &str| {
        let (at_ns, phase) = line.split_once(' ')?;
        Some((at_ns.parse().ok()?, phase.parse().ok()?))
    };
    text.lines()
        .map(|line| change(line).with_context(|| format!("heartbeats: '{line}'")))
        .collect()
}
