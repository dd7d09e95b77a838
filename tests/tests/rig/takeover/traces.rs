//! A controller's traces of its migrations.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libvirt_hpc_plugin::trace::{Begin, ControllerName, End, Record, read};
use libvirt_hpc_tests::rig::Rig;

/// One migration.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) begin: Begin,
    /// Downtime limits that libvirt has taken, milliseconds.
    pub(super) downtimes_ms: Vec<u64>,
    /// The first sample and the last, on the machine's monotonic clock, nanoseconds.
    pub(super) looks_ns: (u64, u64),
    pub(super) end: Option<End>,
}

/// The agent's traces of a domain on a host.
pub(super) fn paths(rig: &Rig, host: &str, domain: &str) -> Result<Vec<String>> {
    let list = format!("ls -d /var/log/libvirt-hpc/{domain}-* 2>/dev/null || true");
    let output = rig.run(host, &["sh", "-c", &list])?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The one trace that the agent of a host has written of a domain's migration to its end, after the `before`
/// that were there.
pub(super) fn of_agent(rig: &Rig, host: &str, domain: &str, before: usize) -> Result<Trace> {
    let mut unread = None;
    for _ in 0..50 {
        let paths = paths(rig, host, domain)?;
        ensure!(
            paths.len() <= before + 1,
            "one migration of {domain}, and several traces on {host}: {paths:?}"
        );
        // One that has just begun has nothing to read yet.
        match paths.get(before).map(|path| at(rig, host, path)) {
            Some(Ok(trace)) if trace.end.is_some() => {
                ensure!(
                    trace.begin.controller == ControllerName::LibvirtHpcd,
                    "{:?}",
                    trace.begin
                );
                return Ok(trace);
            }
            Some(Err(error)) => unread = Some(error),
            Some(Ok(_)) | None => {}
        }
        sleep(Duration::from_millis(200));
    }
    bail!(
        "the agent of {host} has not traced the migration of {domain} to its end; unread: {unread:?}"
    );
}

/// The trace in a file of a host.
pub(super) fn at(rig: &Rig, host: &str, path: &str) -> Result<Trace> {
    let output = rig.run(host, &["cat", path])?;
    ensure!(output.status.success(), "cat {path} on {host}: {output:?}");
    let text = output.stdout;
    let (mut begin, mut end, mut polls, mut downtimes_ms) = (None, None, Vec::new(), Vec::new());
    for record in read(text.as_slice()) {
        match record.with_context(|| format!("reading {path}"))?.1 {
            Record::Begin(record) => begin = Some(*record),
            Record::Sample(sample) => polls.push(sample.at_ns),
            Record::Outcome {
                target,
                error: None,
                ..
            } => downtimes_ms.extend(target.downtime_ms.map(u64::from)),
            Record::End(record) => end = Some(record),
            _ => {}
        }
    }
    Ok(Trace {
        begin: begin.with_context(|| format!("{path} is empty"))?,
        downtimes_ms,
        looks_ns: (
            polls.first().copied().unwrap_or_default(),
            polls.last().copied().unwrap_or_default(),
        ),
        end,
    })
}
