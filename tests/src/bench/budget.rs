//! How long runs take, by earlier runs.

use std::time::Duration;

use super::plan::{Task, is_forced, is_scaled};
use super::record::Run;
use super::stats::median;

/// The time of a run of which nothing is known: a migration of a few rounds, and the watch after it.
const UNKNOWN: Duration = Duration::from_secs(14);

/// The same for a law on a clock for bigger guests, and for those that may never end.
const UNKNOWN_LONG: Duration = Duration::from_secs(50);

/// Two hosts and a guest that boots.
const BLOCK: Duration = Duration::from_secs(30);

/// The known durations.
#[derive(Debug, Default)]
pub(super) struct Durations {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    cell: (String, String),
    variant: (String, bool),
    took: Duration,
}

fn variant(law: &str, hpc_law: &str) -> (String, bool) {
    (law.to_owned(), is_scaled(hpc_law))
}

impl Durations {
    /// The durations of `runs`.
    pub(super) fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Self {
        let known = |run: &Run| Known {
            cell: (run.key.guest.clone(), run.key.link.clone()),
            variant: variant(&run.key.law, &run.key.hpc_law),
            took: Duration::from_millis(run.took_ms),
        };
        Self {
            known: runs.map(known).collect(),
        }
    }

    /// How long a run will take: as long as the same law took with the same guest, or else with others.
    #[must_use]
    pub(super) fn expect(&self, task: &Task) -> Duration {
        let (cell, variant) = (
            (&task.key.guest, &task.key.link),
            variant(&task.key.law, &task.key.hpc_law),
        );
        let same_law = |known: &&Known| known.variant == variant;
        let same_cell = |known: &&Known| (&known.cell.0, &known.cell.1) == cell;
        let took = |known: &Known| known.took.as_secs_f64();
        median(
            self.known
                .iter()
                .filter(same_law)
                .filter(same_cell)
                .map(took),
        )
        .or_else(|| median(self.known.iter().filter(same_law).map(took)))
        .map_or_else(|| unknown(task), Duration::from_secs_f64)
    }

    /// How long all of these will take; those of one guest and link are made together.
    #[must_use]
    pub(super) fn sum(&self, tasks: &[Task]) -> Duration {
        let mut cells: Vec<_> = tasks.iter().map(|t| (&t.key.guest, &t.key.link)).collect();
        cells.dedup();
        let runs: Duration = tasks.iter().map(|task| self.expect(task)).sum();
        runs + BLOCK * u32::try_from(cells.len()).unwrap_or(u32::MAX)
    }
}

fn unknown(task: &Task) -> Duration {
    let patient = matches!(task.law.name, "stock" | "auto-converge") || task.law.timed;
    if patient && !is_scaled(&task.key.hpc_law) && !is_forced(&task.key.law) {
        UNKNOWN_LONG
    } else {
        UNKNOWN
    }
}
