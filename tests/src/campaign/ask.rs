//! What is left after a run, asked of the hosts.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::trace::{Record, read};

use crate::rig::HOSTS;

use super::field::{Field, GUEST, TRACES};
use super::found::{Held, Left, TraceRead, Whereabouts};
use super::plan::Plan;

/// How long a guest's work is watched.
const WORK: Duration = Duration::from_millis(800);

/// How often, and how many times, something is asked that takes a while to come: an agent polls every 10 s.
const AGAIN: Duration = Duration::from_millis(500);
const TIMES: usize = 30;

/// What a host has before a run.
#[derive(Clone, Debug)]
pub(super) struct Before {
    /// Its agent.
    held: Option<Held>,
    /// The entries of `/run/libvirt-hpc`.
    run: Vec<String>,
}

/// What a host has now.
///
/// # Errors
/// When it does not answer.
pub(super) fn before(field: &Field<'_>, host: &str) -> Result<Before> {
    let held = held(field, host)?;
    let run = lines(field, host, RUN)?;
    Ok(Before { held, run })
}

/// Waits until the agents are connected, so that what they hold is what they always do: the last run may have ended
/// their libvirtd.
///
/// # Errors
/// When one is not in time.
pub(super) fn agents_are_connected(field: &Field<'_>, plan: &Plan) -> Result<()> {
    let is_connected = |host| {
        let status = field.rig.try_script(host, "virsh-hpc hpc-status")?;
        let printed = String::from_utf8_lossy(&status.stdout);
        Ok::<_, anyhow::Error>(printed.contains(" connected, checked"))
    };
    for host in HOSTS.iter().filter(|_| plan.begin.has_agent()) {
        for _ in 0..TIMES {
            if is_connected(host)? {
                break;
            }
            sleep(AGAIN);
        }
        ensure!(is_connected(host)?, "the agent on {host} is not connected");
    }
    Ok(())
}

/// Lists what is in the directory of sockets and leases.
const RUN: &str = "ls -A /run/libvirt-hpc 2>/dev/null; true";

/// The lines that a script prints on a host.
fn lines(field: &Field<'_>, host: &str, script: &str) -> Result<Vec<String>> {
    let text = field.rig.script(host, script)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// libvirt's state of a guest on the source and on the destination, and whether a migration goes on.
///
/// # Errors
/// When a host does not answer.
pub(super) fn states(field: &Field<'_>, name: &str) -> Result<([String; 2], bool)> {
    let ask = |host| {
        let script = format!(
            "virsh -q domstate {name} 2>/dev/null | head -n 1; virsh -q domjobinfo {name} 2>/dev/null | grep -i migration; true"
        );
        let text = field.rig.script(host, &script)?;
        let state = text.lines().next().unwrap_or_default().trim().to_owned();
        Ok::<_, anyhow::Error>((state, text.contains("igration")))
    };
    let (here, there) = (ask(field.source())?, ask(field.destination())?);
    Ok(([here.0, there.0], here.1 || there.1))
}

/// A guest after its migration is over.
///
/// # Errors
/// When the test bed fails.
pub(super) fn whereabouts(field: &Field<'_>, name: &str) -> Result<Whereabouts> {
    let (states, has_job) = states(field, name)?;
    let mut found = Whereabouts {
        states,
        has_job,
        ..Whereabouts::default()
    };
    let runs_at = found.states.iter().position(|state| state == "running");
    let Some(at) = runs_at else {
        return Ok(found);
    };
    let host = [field.source(), field.destination()][at];
    found.corrupt_pages = field.rig.corrupt_pages(name).ok();
    let since = field.rig.now()?;
    sleep(WORK);
    found.works = field
        .rig
        .report(name, since)
        .is_ok_and(|report| report.host == host && report.steps_per_s_during > Some(0.0));
    let limits =
        format!("virsh -q migrate-getmaxdowntime {name}; virsh -q migrate-getspeed {name}");
    let text = field.rig.script(host, &limits)?;
    let mut lines = text.lines().map(|line| line.trim().to_owned());
    found.limits = lines.next().zip(lines.next()).map(|(a, b)| [a, b]);
    Ok(found)
}

/// What the agent of a host holds; none if there is none.
fn held(field: &Field<'_>, host: &str) -> Result<Option<Held>> {
    let script =
        "for p in $(pidof libvirt-hpcd); do ls /proc/$p/task | wc -l; ls /proc/$p/fd | wc -l; done";
    let text = field.rig.script(host, script)?;
    let mut numbers = text.lines().map_while(|line| line.trim().parse().ok());
    Ok(numbers
        .next()
        .zip(numbers.next())
        .map(|(threads, descriptors)| Held {
            threads,
            descriptors,
        }))
}

/// What libvirt-hpc has left on a host, once it is nothing or has had time to go.
///
/// # Errors
/// When the host does not answer.
pub(super) fn left(field: &Field<'_>, host: &str, before: &Before) -> Result<Left> {
    let mut left = left_now(field, host, before)?;
    for _ in 0..TIMES {
        if left.is_nothing() {
            break;
        }
        sleep(AGAIN);
        left = left_now(field, host, before)?;
    }
    Ok(left)
}

fn left_now(field: &Field<'_>, host: &str, before: &Before) -> Result<Left> {
    let mut run = lines(field, host, RUN)?;
    run.retain(|name| name != "leases" && !before.run.contains(name));
    let now = held(field, host)?.unwrap_or_default();
    let open = format!("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -o '{TRACES}.*'; true");
    Ok(Left {
        leases: lines(
            field,
            host,
            "ls -A /run/libvirt-hpc/leases 2>/dev/null; true",
        )?,
        run,
        commands: lines(field, host, "pgrep -a '^virsh-hpc'; true")?,
        open: lines(field, host, &open)?,
        agent: before.held.map(|held| (held, now)),
    })
}

/// The traces on the source, as our own programs read them.
///
/// # Errors
/// When the host does not answer.
pub(super) fn traces(field: &Field<'_>) -> Result<Vec<TraceRead>> {
    let host = field.source();
    let paths = field
        .rig
        .script(host, &format!("ls {TRACES}/*.trace 2>/dev/null; true"))?;
    let read = |path: &str| {
        let report = field.rig.try_script(
            host,
            &format!("virsh-hpc hpc-report {path} -o /tmp/report.md"),
        )?;
        let replay = field
            .rig
            .try_script(host, &format!("virsh-hpc hpc-replay {path} >/dev/null"))?;
        let said = [report.stderr, replay.stderr].concat();
        let text = field.rig.try_script(host, &format!("cat {path}"))?.stdout;
        let (total_ms, sampled_ms) = times_ms(&text);
        Ok(TraceRead {
            path: path.to_owned(),
            report: report.status.code(),
            replay: replay.status.code(),
            said: String::from_utf8_lossy(&said).into_owned(),
            total_ms,
            sampled_ms,
            text,
        })
    };
    paths.lines().map(read).collect()
}

/// How long a migration that has moved its guest took, as the end of its trace tells, and from its first sample to its
/// last.
fn times_ms(text: &[u8]) -> (Option<u64>, u64) {
    let (mut total_ms, mut samples_ns) = (None, Vec::new());
    for record in read(text) {
        match record {
            Ok((_, Record::End(end))) if end.moved => total_ms = Some(end.totals.total_ms),
            Ok((_, Record::Sample(sample))) => samples_ns.push(sample.at_ns),
            _ => {}
        }
    }
    let span_ns = samples_ns.last().zip(samples_ns.first());
    (
        total_ms,
        span_ns.map_or(0, |(last, first)| last.saturating_sub(*first) / 1_000_000),
    )
}

/// What the source's agent has logged since it had so many lines.
pub(super) fn agent_said(field: &Field<'_>, skip: usize) -> String {
    let log = field.rig.agent_log(field.source()).unwrap_or_default();
    log.lines().skip(skip).collect::<Vec<_>>().join("\n")
}

/// Waits until no migration of the plan's guests goes on; what does not end is aborted once. Whether that was needed.
///
/// # Errors
/// When the test bed fails.
pub(super) fn settle(field: &Field<'_>, plan: &Plan) -> Result<bool> {
    /// When it is aborted, and when nobody waits for it any more.
    const ABORT_AT: usize = 24;
    const LAST: usize = 90;
    let names: &[&str] = if plan.is_crossing {
        &[GUEST, super::field::OTHER]
    } else {
        &[GUEST]
    };
    let mut was_aborted = false;
    for time in 0..LAST {
        let mut busy = Vec::new();
        for name in names {
            if states(field, name)?.1 {
                busy.push(*name);
            }
        }
        if busy.is_empty() {
            break;
        }
        if time == ABORT_AT {
            was_aborted = true;
            for name in busy {
                for host in [field.source(), field.destination()] {
                    field
                        .rig
                        .try_script(host, &format!("virsh -q domjobabort {name}"))?;
                }
            }
        }
        sleep(AGAIN);
    }
    Ok(was_aborted)
}
