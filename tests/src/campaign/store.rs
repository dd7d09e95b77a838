//! The results of a campaign: `campaign.jsonl`, and the table of them, `campaign.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::found::Found;
use super::plan::{Fault, Phase, Plan};
use crate::json_lines::{append, cut_short, read};

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// The campaign's.
    pub(super) seed: u64,
    /// Its number in the campaign.
    pub(super) number: u64,
    /// How long it took, with the time to make the hosts ready, ms.
    pub(super) took_ms: u64,
    pub(super) plan: Plan,
    pub(super) found: Found,
    /// What did not hold.
    pub(super) violations: Vec<String>,
}

impl Run {
    /// Its result in a word or two.
    fn result(&self) -> &'static str {
        let guest = &self.found.guest;
        match guest.running() {
            1 if guest.has_moved() => "moved",
            1 => "stayed",
            0 => "does not run",
            _ => "runs twice",
        }
    }

    /// It in a line.
    pub(super) fn in_words(&self) -> String {
        let phases = self.found.hits.iter().map(|hit| match hit.phase {
            Some(phase) => phase.name(),
            None => "missed",
        });
        let (phases, result) = (phases.collect::<Vec<_>>().join(", "), self.result());
        let (number, seconds) = (self.number, self.took_ms as f64 / 1000.0);
        let mut text = format!(
            "{number:>4} {seconds:>5.1} s {result}, struck: {phases}; {}",
            self.plan.in_words()
        );
        for violation in &self.violations {
            let _ = write!(text, "\n     VIOLATION: {violation}");
        }
        text
    }
}

/// The file of results.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    runs: Vec<Run>,
}

impl Store {
    /// Reads what is in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When a file cannot be read, or is of another format.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let (folder, lines) = (folder.to_owned(), folder.join("campaign.jsonl"));
        cut_short(&lines)?;
        let runs = read(&lines)?;
        Ok(Self { folder, runs })
    }

    /// Whether a run has been made.
    pub(super) fn has(&self, seed: u64, number: u64) -> bool {
        let is_it = |run: &Run| (run.seed, run.number) == (seed, number);
        self.runs.iter().any(is_it)
    }

    /// Writes one more run, and the table; and the traces of a run with violations.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn add(&mut self, run: Run) -> Result<()> {
        append(&self.folder.join("campaign.jsonl"), &run)?;
        if !run.violations.is_empty() {
            self.keep_traces(&run)?;
        }
        self.runs
            .retain(|old| (old.seed, old.number) != (run.seed, run.number));
        self.runs.push(run);
        let table = self.folder.join("campaign.md");
        fs::write(&table, page(&self.runs)).with_context(|| format!("writing {}", table.display()))
    }

    fn keep_traces(&self, run: &Run) -> Result<()> {
        for trace in &run.found.traces {
            let name = trace.path.rsplit('/').next().unwrap_or_default();
            let name = format!("campaign-{}-{}-{name}", run.seed, run.number);
            let path = self.folder.join(name);
            fs::write(&path, &trace.text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// The table by fault and phase, and the runs with violations.
pub(super) fn page(runs: &[Run]) -> String {
    let bad = runs.iter().filter(|run| !run.violations.is_empty());
    let mut page = format!(
        "# Fault campaign\n\n{} runs, {} with violations. In each cell: how often the fault struck in that phase, and in \
         how many of these runs something did not hold.\n\n| fault |",
        runs.len(),
        bad.clone().count()
    );
    for phase in Phase::ALL {
        let _ = write!(page, " {} |", phase.name());
    }
    page.push_str(" missed |\n|---|---|---|---|---|---|---|\n");
    for fault in Fault::ALL {
        let _ = write!(page, "| {} |", fault.name());
        for phase in Phase::ALL.map(Some).into_iter().chain([None]) {
            let (struck, violated) = cell(runs, fault, phase);
            let _ = match violated {
                0 => write!(page, " {struck} |"),
                _ => write!(page, " {struck} ({violated}) |"),
            };
        }
        page.push('\n');
    }
    page.push_str("\n| result | runs |\n|---|---|\n");
    for result in ["moved", "stayed", "does not run", "runs twice"] {
        let count = runs.iter().filter(|run| run.result() == result).count();
        let _ = writeln!(page, "| {result} | {count} |");
    }
    for run in bad {
        let _ = write!(page, "\nSeed {}: {}\n", run.seed, run.in_words());
    }
    page
}

/// How often a fault struck in a phase, and how many of these runs have violations.
fn cell(runs: &[Run], fault: Fault, phase: Option<Phase>) -> (usize, usize) {
    let is_here = |run: &&Run| {
        let mut strikes = run.plan.strikes.iter().zip(&run.found.hits);
        strikes.any(|(strike, hit)| strike.fault == fault && hit.phase == phase)
    };
    let here = runs.iter().filter(is_here);
    let violated = here
        .clone()
        .filter(|run| !run.violations.is_empty())
        .count();
    (here.count(), violated)
}
