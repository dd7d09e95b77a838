//! A guest on a link: it is booted once and moves to and fro.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::clock;

use super::guests::Cell;
use super::laws::ADAPTIVE;
use super::machine::{self, Machine};
use super::plan::Task;
use super::progress::curve;
use super::record::{FORMAT, Outcome, Probe, Run};
use super::run::{Place, Told};
use super::sets::Set;
use super::store::Store;
use crate::rig::{HOSTS, Rig};

/// How long a probe waits for stock: it only needs the ends of the first rounds.
const PROBE: Duration = Duration::from_secs(25);

/// Where `hpc-estimate` finds no trace, and where it finds that of the last run, as paths in the hosts.
const NOWHERE: &str = "/nonexistent";
const TRACES: &str = "/rig";

/// A running guest.
#[derive(Debug)]
pub(super) struct Block<'a> {
    rig: &'a Rig,
    cell: Cell,
    machine: Machine,
    at: usize,
    /// Not moved since its boot.
    fresh: bool,
}

impl<'a> Block<'a> {
    /// The guest, booted on hosts that are up, and watched undisturbed.
    pub(super) fn boot(rig: &'a Rig, cell: Cell) -> Result<Self> {
        let mut block = Self {
            rig,
            cell,
            machine: Machine::default(),
            at: 0,
            fresh: true,
        };
        // libvirtd probes QEMU at its first use, for 0.6 s: no run is to pay for that.
        for host in HOSTS {
            rig.run(host, &["virsh", "-q", "domcapabilities"])?;
        }
        block.start()?;
        let xml = rig.run(HOSTS[0], &["virsh", "dumpxml", cell.guest.name])?;
        let kvm = String::from_utf8_lossy(&xml.stdout).contains("<domain type='kvm'");
        block.machine = Machine::here(if kvm { "kvm" } else { "tcg" })?;
        Ok(block)
    }

    fn start(&mut self) -> Result<()> {
        let guest = self.cell.guest;
        let memory = guest.memory_mib.to_string();
        let vcpus = guest.vcpus.to_string();
        let options = [
            "--workload",
            guest.workload,
            "--memory",
            &memory,
            "--vcpus",
            &vcpus,
        ];
        let native: &[&str] = if guest.kvm { &["--accel", "kvm"] } else { &[] };
        self.rig.guest(guest.name, &[&options, native].concat())?;
        (self.at, self.fresh) = (0, true);
        self.place().undisturbed();
        Ok(())
    }

    /// Another one in its place.
    pub(super) fn again(&mut self) -> Result<()> {
        self.rig.destroy(self.cell.guest.name);
        self.start()
    }

    fn place(&self) -> Place<'_> {
        Place {
            rig: self.rig,
            guest: self.cell.guest.name,
            watch: self.cell.guest.watch,
            at: self.at,
        }
    }

    fn migrate(&mut self, options: &[&str], repeat: u32, horizon: Duration) -> Result<Told> {
        let place = self.place();
        place.await_phase(beginning(repeat, place.watch))?;
        let told = place.migrate(options, horizon)?;
        let host = HOSTS.iter().position(|host| *host == told.host);
        self.at = host.with_context(|| format!("no host '{}'", told.host))?;
        self.fresh = false;
        Ok(told)
    }

    /// The guest under stock and under the adaptive law: when rounds end, and where the best stop may be.
    pub(super) fn probe(&mut self, set: Set) -> Result<Probe> {
        let stock = self.migrate(&["--hpc-law", "stock"], 1, PROBE)?;
        let adaptive = self.migrate(&["--hpc-law", ADAPTIVE], 1, set.horizon(PROBE))?;
        let round_one_ms = adaptive.digest.round_one_ms.or(stock.digest.round_one_ms);
        let stop = |told: &Told| {
            let moved = told.outcome == Outcome::Moved;
            told.digest.precopy_until_ms.filter(|_| moved)
        };
        Ok(Probe {
            format: FORMAT,
            guest: self.cell.guest.name.to_owned(),
            link: self.cell.link.to_owned(),
            round_one_ms: round_one_ms.context("no first round ended in the probe")?,
            syncs_ms: if stock.digest.syncs_ms.len() > adaptive.digest.syncs_ms.len() {
                stock.digest.syncs_ms.clone()
            } else {
                adaptive.digest.syncs_ms.clone()
            },
            stock_stop_ms: stop(&stock),
            ours_stop_ms: stop(&adaptive),
            machine: self.machine.now(&adaptive.digest.versions),
        })
    }

    /// One run of `task`; keeps its trace in `traces`, and its curve in `store`.
    pub(super) fn run(
        &mut self,
        set: Set,
        store: &Store,
        traces: &Path,
        task: &Task,
    ) -> Result<Run> {
        let began = clock::now();
        let probe = store.probe(&self.cell).context("no probe")?;
        let horizon = set.horizon(Duration::from_millis(probe.round_one_ms));
        let options = [&["--hpc-law", task.key.hpc_law.as_str()], task.law.options].concat();
        let load = machine::load()?;
        let (estimate, estimate_again) = if task.law.is_estimated() {
            let place = self.place();
            (
                place.estimate(NOWHERE, self.cell.rate())?,
                place.estimate(TRACES, None)?,
            )
        } else {
            (None, None)
        };
        let (from, booted) = (HOSTS[self.at].to_owned(), self.fresh);
        let told = self.migrate(&options, task.key.repeat, horizon)?;
        ensure!(!told.trace.is_empty(), "no trace: {:?}", told.error);
        let trace = format!("{}.trace", task.key.file_name());
        fs::create_dir_all(traces)?;
        fs::write(traces.join(&trace), &told.trace).context("keeping the trace")?;
        if task.key.repeat == 1 {
            let curve = curve(&task.key, &told.beats, told.began_ns);
            store.add_curve(&curve)?;
        }
        Ok(Run {
            format: FORMAT,
            key: task.key.clone(),
            workload: self.cell.guest.workload.to_owned(),
            memory_mib: self.cell.guest.memory_mib,
            options: task.law.options.iter().map(|&o| o.to_owned()).collect(),
            from,
            booted,
            machine: self.machine.now(&told.digest.versions),
            load,
            outcome: told.outcome,
            error: told.error,
            horizon_ms: u64::try_from(horizon.as_millis())?,
            measured: told.measured,
            estimate,
            estimate_again,
            took_ms: u64::try_from(began.elapsed().as_millis())?,
            trace: Some(trace),
        })
    }
}

/// When in a cycle of the guest's phases a repeat's runs begin: the same for all laws, and the repeats, however many,
/// spread over the cycle. By the golden ratio, of which the multiples are.
fn beginning(repeat: u32, cycle: Duration) -> Duration {
    const GOLDEN_THOUSANDTHS: u32 = 618;
    cycle * (repeat.wrapping_mul(GOLDEN_THOUSANDTHS) % 1000) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_begin_all_over_a_cycle() {
        let cycle = Duration::from_secs(7);
        for repeats in [3, 5, 10] {
            let mut begin: Vec<_> = (1..=repeats).map(|n| beginning(n, cycle)).collect();
            begin.sort_unstable();
            begin.push(begin[0] + cycle);
            let widest = begin.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(
                widest.is_some_and(|gap| gap < 2 * cycle / repeats),
                "{begin:?}"
            );
        }
    }
}
