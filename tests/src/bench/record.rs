//! The record of each run.

use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use super::machine::Machine;

/// The version of the results file, raised when older programs would misread it.
pub(super) const FORMAT: u32 = 1;

/// One line of the file of results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Line {
    /// The first runs of a guest on a link; the others are planned by them.
    Probe(Box<Probe>),
    /// One measured run.
    Run(Box<Run>),
}

/// A guest on a link before it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Probe {
    pub(super) format: u32,
    /// The guest's name.
    pub(super) guest: String,
    /// The link's rate.
    pub(super) link: String,
    /// How long the first round took, milliseconds.
    pub(super) round_one_ms: u64,
    /// When rounds ended under stock, milliseconds since the job began.
    pub(super) syncs_ms: Vec<u64>,
    /// When stock stopped the guest, milliseconds since the job began; none if it did not in the probe's time.
    pub(super) stock_stop_ms: Option<u64>,
    /// When the adaptive law did, likewise.
    pub(super) ours_stop_ms: Option<u64>,
    /// Where and when.
    pub(super) machine: Machine,
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The guest runs on the other host.
    Moved,
    /// It had not by the horizon: aborted by the benchmark.
    CutOff,
    /// The law, libvirt or QEMU aborted.
    Failed,
}

/// The key of a run, by which a benchmark resumes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    /// The guest's name.
    pub(super) guest: String,
    /// The link's rate, as `tc` has it.
    pub(super) link: String,
    /// The law's name in the benchmark.
    pub(super) law: String,
    /// `--hpc-law` as it was given.
    pub(super) hpc_law: String,
    /// From 1.
    pub(super) repeat: u32,
}

impl Key {
    /// The guest and the link, as `guests::Cell` names them.
    #[must_use]
    pub(super) fn cell_name(&self) -> String {
        format!("{}-{}", self.guest, self.link)
    }

    /// As a name of a file.
    #[must_use]
    pub(super) fn file_name(&self) -> String {
        let Self {
            law,
            hpc_law,
            repeat,
            ..
        } = self;
        let cell = self.cell_name();
        let setting = hpc_law.find(['=', '@']).map_or("", |at| &hpc_law[at..]);
        format!("{cell}-{law}{setting}-{repeat}")
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) format: u32,
    /// Its key.
    #[serde(flatten)]
    pub(super) key: Key,
    /// The guest's program.
    pub(super) workload: String,
    /// Its memory, MiB.
    pub(super) memory_mib: u32,
    /// Further options of virsh, as the law's owner sets them.
    pub(super) options: Vec<String>,
    /// The host it came from.
    pub(super) from: String,
    /// Whether the guest was started for this run: the first of a block, or after harm.
    pub(super) booted: bool,
    /// Where and when.
    pub(super) machine: Machine,
    /// The machine's load average over the minute before: other load shows in it.
    pub(super) load: f64,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The last words of the command, if the guest was not moved.
    pub(super) error: Option<String>,
    /// The horizon at which it is cut off, milliseconds.
    pub(super) horizon_ms: u64,
    /// The measurements.
    #[serde(flatten)]
    pub(super) measured: Measured,
    /// What `hpc-estimate` said before it, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) estimate: Option<Estimate>,
    /// The same with the trace of the run before, as the agent keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) estimate_again: Option<Estimate>,
    /// The time it took the benchmark, milliseconds.
    pub(super) took_ms: u64,
    /// The trace's name, if it was kept.
    pub(super) trace: Option<String>,
}

/// Measurements of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// The pause as the guest's users saw it, milliseconds; none if it did not move.
    pub(super) pause_ms: Option<f64>,
    /// From the migrate call to its return, milliseconds.
    pub(super) total_ms: f64,
    /// Of that before the guest was stopped or switched to post-copy, milliseconds.
    pub(super) precopy_ms: f64,
    /// How long the first round took, milliseconds; none if it did not end.
    pub(super) round_one_ms: Option<u64>,
    /// Rounds of pre-copy.
    pub(super) rounds: u64,
    /// Bytes of memory on the wire.
    pub(super) sent_bytes: u64,
    /// The guest's work that auto-converge took, as time at full speed, milliseconds; none if unknown.
    #[serde(default)]
    pub(super) throttled_ms: Option<f64>,
    /// The application's delay until it was undisturbed again, as its own report has it, milliseconds.
    pub(super) delay_ms: Option<f64>,
    /// How long the application was watched from the beginning on, milliseconds.
    pub(super) watched_ms: f64,
    /// The steps it did meanwhile.
    pub(super) watched_steps: u64,
    /// The application's work lost until the arrival, milliseconds.
    pub(super) work_lost_ms: Option<f64>,
    /// Steps a second in the 3 s before.
    pub(super) steps_per_s_before: Option<f64>,
    /// Until the pause.
    pub(super) steps_per_s_during: Option<f64>,
    /// After it.
    pub(super) steps_per_s_after: Option<f64>,
    /// Pages the guest has found corrupt since it booted.
    pub(super) corrupt_pages: u64,
    /// Hosts on which it ran afterwards.
    pub(super) running_copies: u64,
}

impl Run {
    /// J = pause + delta x time under pre-copy, milliseconds; none if the guest did not move.
    #[must_use]
    pub(super) fn j_ms(&self, delta: f64) -> Option<f64> {
        let moved = self.outcome == Outcome::Moved;
        let pause_ms = self.measured.pause_ms.filter(|_| moved)?;
        Some(pause_ms + delta * self.measured.precopy_ms)
    }

    /// The same, and the work that auto-converge took meanwhile.
    #[must_use]
    pub(super) fn cost_ms(&self, delta: f64) -> Option<f64> {
        let nothing = (!self.throttles()).then_some(0.0);
        Some(self.j_ms(delta)? + self.measured.throttled_ms.or(nothing)?)
    }

    /// A line about it.
    #[must_use]
    pub(super) fn in_words(&self) -> String {
        let m = &self.measured;
        let name = format!("{} #{}", self.key.hpc_law, self.key.repeat);
        let name = match self.key.law.as_str() {
            law if self.key.hpc_law.starts_with(law) => name,
            law => format!("{law} ({name})"),
        };
        let who = format!("{}-{}", self.key.guest, self.key.link);
        let total = m.total_ms / 1e3;
        match (self.outcome, m.pause_ms) {
            (Outcome::Moved, Some(pause)) => {
                format!("{who:<18} {name:<36} {total:>6.1} s  pause {pause:>6.0} ms")
            }
            (Outcome::CutOff, _) => format!("{who:<18} {name:<36} {total:>6.1} s  cut off"),
            (_, _) => format!(
                "{who:<18} {name:<36} {total:>6.1} s  {}",
                self.error.as_deref().unwrap_or("moved, unheard")
            ),
        }
    }

    /// Whether its guest may have been throttled.
    #[must_use]
    pub(super) fn throttles(&self) -> bool {
        let mut options = self.options.iter();
        options.any(|option| option == "--auto-converge")
    }

    /// Whether the guest's speed depends on its phase.
    #[must_use]
    pub(super) fn phased(&self) -> bool {
        ["phase", "hpcc"]
            .iter()
            .any(|kind| self.workload.starts_with(kind))
    }

    /// Whether its guest goes through the same phases again and again.
    #[must_use]
    pub(super) fn cycles(&self) -> bool {
        self.workload.starts_with("phase")
    }

    /// Whether exactly one copy ran afterwards, without a corrupt page.
    #[must_use]
    pub(super) fn whole(&self) -> bool {
        self.measured.running_copies == 1 && self.measured.corrupt_pages == 0
    }
}

impl Probe {
    /// The assumptions about a guest on a link before its probe.
    #[must_use]
    pub(super) fn unknown(cell: &super::guests::Cell) -> Self {
        Self {
            format: FORMAT,
            guest: cell.guest.name.to_owned(),
            link: cell.link.to_owned(),
            round_one_ms: 4000,
            syncs_ms: vec![4000, 6000, 8000, 10_000],
            stock_stop_ms: None,
            ours_stop_ms: Some(5000),
            machine: Machine::default(),
        }
    }

    /// A line about it.
    #[must_use]
    pub(super) fn in_words(&self) -> String {
        let at = |ms: Option<u64>| {
            ms.map_or("did not stop".to_owned(), |ms| {
                format!("stopped it after {ms} ms")
            })
        };
        format!(
            "iteration 1 {} ms; stock {}, adaptive {}",
            self.round_one_ms,
            at(self.stock_stop_ms),
            at(self.ours_stop_ms)
        )
    }
}
