//! The runs as a table.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::record::{Outcome, Run};

/// One row; the columns are the fields of [`Run`], flat, with J.
#[derive(Serialize)]
struct Row<'a> {
    guest: &'a str,
    workload: &'a str,
    memory_mib: u32,
    link: &'a str,
    law: &'a str,
    hpc_law: &'a str,
    options: String,
    repeat: u32,
    outcome: Outcome,
    pause_ms: Option<f64>,
    total_ms: f64,
    precopy_ms: f64,
    j_2_percent_ms: Option<f64>,
    j_10_percent_ms: Option<f64>,
    j_30_percent_ms: Option<f64>,
    round_one_ms: Option<u64>,
    rounds: u64,
    sent_bytes: u64,
    throttled_ms: Option<f64>,
    delay_ms: Option<f64>,
    watched_ms: f64,
    watched_steps: u64,
    work_lost_ms: Option<f64>,
    steps_per_s_before: Option<f64>,
    steps_per_s_during: Option<f64>,
    steps_per_s_after: Option<f64>,
    corrupt_pages: u64,
    running_copies: u64,
    booted: bool,
    load: f64,
    from: &'a str,
    horizon_ms: u64,
    took_ms: u64,
    trace: Option<&'a str>,
    error: Option<&'a str>,
    commit: &'a str,
    date: &'a str,
    cpu: &'a str,
    cores: usize,
    accelerator: &'a str,
    kernel: &'a str,
    libvirt: &'a str,
    qemu: &'a str,
}

fn row(run: &Run) -> Row<'_> {
    let (key, measured, machine) = (&run.key, &run.measured, &run.machine);
    Row {
        guest: &key.guest,
        workload: &run.workload,
        memory_mib: run.memory_mib,
        link: &key.link,
        law: &key.law,
        hpc_law: &key.hpc_law,
        options: run.options.join(" "),
        repeat: key.repeat,
        outcome: run.outcome,
        pause_ms: measured.pause_ms,
        total_ms: measured.total_ms,
        precopy_ms: measured.precopy_ms,
        j_2_percent_ms: run.j_ms(0.02),
        j_10_percent_ms: run.j_ms(0.1),
        j_30_percent_ms: run.j_ms(0.3),
        round_one_ms: measured.round_one_ms,
        rounds: measured.rounds,
        sent_bytes: measured.sent_bytes,
        throttled_ms: measured.throttled_ms,
        delay_ms: measured.delay_ms,
        watched_ms: measured.watched_ms,
        watched_steps: measured.watched_steps,
        work_lost_ms: measured.work_lost_ms,
        steps_per_s_before: measured.steps_per_s_before,
        steps_per_s_during: measured.steps_per_s_during,
        steps_per_s_after: measured.steps_per_s_after,
        corrupt_pages: measured.corrupt_pages,
        running_copies: measured.running_copies,
        booted: run.booted,
        load: run.load,
        from: &run.from,
        horizon_ms: run.horizon_ms,
        took_ms: run.took_ms,
        trace: run.trace.as_deref(),
        error: run.error.as_deref(),
        commit: &machine.commit,
        date: &machine.date,
        cpu: &machine.cpu,
        cores: machine.cores,
        accelerator: &machine.accelerator,
        kernel: &machine.kernel,
        libvirt: &machine.libvirt,
        qemu: &machine.qemu,
    }
}

/// Writes the table of `runs`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write<'a>(path: &Path, runs: impl Iterator<Item = &'a Run>) -> Result<()> {
    let what = || format!("writing {}", path.display());
    let mut table = csv::Writer::from_path(path).with_context(what)?;
    for run in runs {
        table.serialize(row(run)).with_context(what)?;
    }
    table.flush().with_context(what)
}
