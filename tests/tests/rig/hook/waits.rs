//! How long libvirtd waits for the hook, by its own log of the programs it runs, including the fork; to the
//! millisecond.

use std::collections::HashMap;

use anyhow::{Context, Result};
use libvirt_hpc_tests::rig::Rig;

use super::{ALPHA, HOOK, run};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Begins the log.
pub(super) fn log(rig: &Rig) -> Result<()> {
    let outputs = "1:file:/rig/commands.log";
    run(
        rig,
        ALPHA,
        &["virt-admin", "-q", "daemon-log-filters", "1:util.command"],
    )?;
    run(
        rig,
        ALPHA,
        &["virt-admin", "-q", "daemon-log-outputs", outputs],
    )
    .map(drop)
}

/// Milliseconds that one start and the stop after it waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) start_ms: u64,
    pub(super) stop_ms: u64,
}

/// Of each start with the hook since [`log`].
pub(super) fn read(rig: &Rig) -> Result<Vec<Wait>> {
    let log = run(rig, ALPHA, &["cat", "/rig/commands.log"])?;
    let mut begun: HashMap<&str, (u64, &str)> = HashMap::new();
    let mut waits: Vec<Wait> = Vec::new();
    for line in log.lines() {
        let Some((time, rest)) = line.split_once("+0000: ") else {
            continue;
        };
        let (thread, said) = rest.split_once(": ").context("a line of libvirtd's")?;
        if said.contains(" : About to run ")
            && let Some((_, call)) = said.split_once(HOOK)
        {
            let operation = call.split(' ').nth(2).context("an operation")?;
            begun.insert(thread, (ms_of_day(time)?, operation));
        } else if said.contains(" : Result ")
            && let Some((begin, operation)) = begun.remove(thread)
        {
            let ms = (ms_of_day(time)? + DAY_MS - begin) % DAY_MS;
            if operation == "prepare" {
                waits.push(Wait::default());
            }
            let wait = waits.last_mut().context("prepare comes first")?;
            match operation {
                "prepare" | "start" | "started" => wait.start_ms += ms,
                _ => wait.stop_ms += ms,
            }
        }
    }
    Ok(waits)
}

/// Of `2026-01-31 23:59:59.999`.
fn ms_of_day(time: &str) -> Result<u64> {
    let clock = time.get(11..).context("a time of libvirtd's")?;
    let parts: Result<Vec<u64>, _> = clock.split([':', '.']).map(str::parse).collect();
    match parts?[..] {
        [hours, minutes, seconds, ms] => Ok(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms),
        _ => anyhow::bail!("no time of libvirtd's: {time}"),
    }
}
