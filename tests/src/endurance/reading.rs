//! What is read after each move. Every figure is the kernel's or a count of files.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// What a program holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Resident memory, KiB.
    pub(super) rss_kib: u64,
    pub(super) threads: u64,
    pub(super) descriptors: u64,
}

/// What is on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OnHost {
    pub(super) agent: Held,
    /// libvirt's daemon: what grows there is not ours.
    pub(super) daemon: Held,
    pub(super) leases: u64,
    /// The other entries of `/run/libvirt-hpc`: sockets, metrics.
    pub(super) run: u64,
    pub(super) traces: u64,
    pub(super) traces_kib: u64,
    /// Migrations of which the agent has said that it moved them.
    pub(super) taken: u64,
}

/// What has been moved since the reading before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Moved {
    /// By which program.
    pub(super) by: String,
    /// The guests' pauses as their users saw them, ms.
    pub(super) pauses_ms: Vec<f64>,
    /// From the first command's start to the last one's end, ms.
    pub(super) took_ms: u64,
}

/// One reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Reading {
    /// Since the beginning, s.
    pub(super) at_s: f64,
    /// Guests moved since the beginning.
    pub(super) migrations: u64,
    /// None where nothing was moved before it: both hosts are at rest.
    pub(super) moved: Option<Moved>,
    pub(super) hosts: [OnHost; 2],
}

/// Prints what a reading is made of, a number in each line, on the host `host` with the daemon `daemon`.
pub(super) fn script(host: &str, daemon: &str) -> String {
    format!(
        "held() {{ p=$(pgrep -o -x $1) || return; sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$p/status; \
         ls /proc/$p/task | wc -l; ls /proc/$p/fd | wc -l; }}; \
         held libvirt-hpcd; held {daemon}; \
         ls -A /run/libvirt-hpc/leases 2>/dev/null | wc -l; ls -A /run/libvirt-hpc | grep -cvx leases; \
         ls /var/log/libvirt-hpc 2>/dev/null | wc -l; du -ks /var/log/libvirt-hpc 2>/dev/null | cut -f1 | grep . || echo 0; \
         grep -c ' moved in ' /rig/{host}.agent.log; true"
    )
}

impl OnHost {
    /// Of what [`script`] has printed.
    ///
    /// # Errors
    /// When something is missing, as where an agent has died.
    pub(super) fn of(printed: &str) -> Result<Self> {
        let numbers: Vec<u64> = printed
            .lines()
            .map(|line| line.trim().parse())
            .collect::<Result<_, _>>()
            .with_context(|| format!("no number in '{printed}'"))?;
        let [
            rss,
            threads,
            descriptors,
            d_rss,
            d_threads,
            d_descriptors,
            files @ ..,
        ] = &numbers[..]
        else {
            return Err(anyhow::anyhow!("a program has ended: {numbers:?}"));
        };
        ensure!(files.len() == 5, "a program has ended: {numbers:?}");
        let held = |rss_kib, threads, descriptors| Held {
            rss_kib,
            threads,
            descriptors,
        };
        Ok(Self {
            agent: held(*rss, *threads, *descriptors),
            daemon: held(*d_rss, *d_threads, *d_descriptors),
            leases: files[0],
            run: files[1],
            traces: files[2],
            traces_kib: files[3],
            taken: files[4],
        })
    }
}
