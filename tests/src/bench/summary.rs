//! The runs by guest, link and law, with their medians.

use super::laws::{self, Law};
use super::plan::{is_forced, is_scaled};
use super::record::{Key, Outcome, Probe, Run};
use super::stats::{greatest, median};

/// A guest on a link.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    /// The guest's name.
    pub(super) guest: &'a str,
    /// The link's rate.
    pub(super) link: &'a str,
    /// The probe; none in a file without one.
    pub(super) probe: Option<&'a Probe>,
    /// Its laws, forced stops among them.
    pub(super) entries: Vec<Entry<'a>>,
}

/// A variant of a law with a guest on a link.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) law: Law,
    pub(super) hpc_law: &'a str,
    pub(super) runs: Vec<&'a Run>,
}

/// The runs by guest and link, in order of first appearance; runs of laws that no longer exist are left out.
#[must_use]
pub(super) fn cells<'a>(
    runs: impl Iterator<Item = &'a Run>,
    probes: &[&'a Probe],
) -> Vec<Cell<'a>> {
    let mut cells: Vec<Cell<'a>> = Vec::new();
    for run in runs {
        let Some(law) = laws::find(&run.key.law) else {
            continue;
        };
        let same = |cell: &Cell<'_>| cell.guest == run.key.guest && cell.link == run.key.link;
        let place = cells.iter().position(same).unwrap_or_else(|| {
            let probe = probes
                .iter()
                .find(|p| p.guest == run.key.guest && p.link == run.key.link);
            cells.push(Cell {
                guest: &run.key.guest,
                link: &run.key.link,
                probe: probe.copied(),
                entries: Vec::new(),
            });
            cells.len() - 1
        });
        cells[place].add(law, run);
    }
    for cell in &mut cells {
        cell.finish();
    }
    cells
}

impl<'a> Cell<'a> {
    /// Its name in tables and files.
    #[must_use]
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.guest, self.link)
    }

    fn add(&mut self, law: Law, run: &'a Run) {
        let same = |e: &&mut Entry<'_>| e.law.name == law.name && e.hpc_law == run.key.hpc_law;
        match self.entries.iter_mut().find(same) {
            Some(entry) => entry.runs.push(run),
            None => self.entries.push(Entry {
                law,
                hpc_law: &run.key.hpc_law,
                runs: vec![run],
            }),
        }
    }

    /// The tables' order.
    fn finish(&mut self) {
        let place = |entry: &Entry<'_>| {
            let law = laws::LAWS.iter().position(|l| l.name == entry.law.name);
            (law.unwrap_or(usize::MAX), is_scaled(entry.hpc_law))
        };
        self.entries
            .sort_by(|a, b| place(a).cmp(&place(b)).then(a.hpc_law.cmp(b.hpc_law)));
    }

    /// All of its runs.
    pub(super) fn runs(&self) -> impl Iterator<Item = &'a Run> {
        self.entries.iter().flat_map(|entry| &entry.runs).copied()
    }

    /// The run of a key.
    #[must_use]
    pub(super) fn run(&self, key: &Key) -> Option<&'a Run> {
        self.runs().find(|run| run.key == *key)
    }

    /// The application's undisturbed speed when a run began, steps a second: the median of the speeds before the runs
    /// of that hour, because one of another hour may be of another machine; none if it depends on the phase.
    #[must_use]
    pub(super) fn undisturbed(&self, run: &Run) -> Option<f64> {
        let of_hour = self
            .runs()
            .filter(|other| other.machine.hour() == run.machine.hour());
        let speeds = of_hour.filter_map(|other| other.measured.steps_per_s_before);
        median(speeds).filter(|speed| *speed > 0.0 && !run.phased())
    }

    /// The speed until the pause as a part of the undisturbed one, median of all runs of a law.
    #[must_use]
    pub(super) fn speed_during(&self, entry: &Entry<'_>) -> Option<f64> {
        let part = |run: &&Run| Some(run.measured.steps_per_s_during? / self.undisturbed(run)?);
        median(entry.runs.iter().filter_map(part))
    }

    /// The least median J of the forced stops, milliseconds; none for a guest with a cycle, of which each repeat begins at
    /// another moment: no time is the best for all of them.
    #[must_use]
    pub(super) fn oracle_j_ms(&self, delta: f64) -> Option<f64> {
        if self.runs().any(Run::cycles) {
            return None;
        }
        self.forced().filter_map(|e| e.j_ms(delta)).reduce(f64::min)
    }

    /// The least median pause of the forced stops, milliseconds.
    #[must_use]
    pub(super) fn shortest_forced_pause_ms(&self) -> Option<f64> {
        self.forced().filter_map(Entry::pause_ms).reduce(f64::min)
    }

    fn forced(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().filter(|e| is_forced(e.law.name))
    }

    /// The least J of any single forced run, milliseconds: the luckiest one.
    #[must_use]
    pub(super) fn luckiest_j_ms(&self, delta: f64) -> Option<f64> {
        let runs = self.forced().flat_map(|entry| &entry.runs);
        runs.filter_map(|run| run.j_ms(delta)).reduce(f64::min)
    }

    /// The better variant of a law here: the one that completes more often, then the one with the lower J at 10 %.
    #[must_use]
    pub(super) fn better(&self, law: &str) -> Option<&Entry<'a>> {
        let rank = |entry: &&Entry<'_>| entry.j_ms(0.1).unwrap_or(f64::INFINITY);
        self.entries
            .iter()
            .filter(|entry| entry.law.name == law)
            .min_by(|a, b| {
                b.completed_share()
                    .total_cmp(&a.completed_share())
                    .then(rank(a).total_cmp(&rank(b)))
            })
    }
}

impl Entry<'_> {
    /// How many of its runs moved the guest.
    #[must_use]
    pub(super) fn completed(&self) -> usize {
        let moved = |run: &&&Run| run.outcome == Outcome::Moved;
        self.runs.iter().filter(moved).count()
    }

    /// The same as a part of all.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a handful of runs")]
    pub(super) fn completed_share(&self) -> f64 {
        self.completed() as f64 / self.runs.len().max(1) as f64
    }

    /// The median J, milliseconds, if most of its runs completed: otherwise it would be that of the luckier half.
    #[must_use]
    pub(super) fn j_ms(&self, delta: f64) -> Option<f64> {
        self.of_moved(|run| run.j_ms(delta))
    }

    /// The median of J with the work that auto-converge took, likewise.
    #[must_use]
    pub(super) fn cost_ms(&self, delta: f64) -> Option<f64> {
        self.of_moved(|run| run.cost_ms(delta))
    }

    /// The median pause, likewise.
    #[must_use]
    pub(super) fn pause_ms(&self) -> Option<f64> {
        self.of_moved(|run| run.measured.pause_ms)
    }

    /// The longest pause.
    #[must_use]
    pub(super) fn longest_pause_ms(&self) -> Option<f64> {
        greatest(self.runs.iter().filter_map(|run| run.measured.pause_ms))
    }

    /// The median total time, likewise.
    #[must_use]
    pub(super) fn total_ms(&self) -> Option<f64> {
        self.of_moved(|run| Some(run.measured.total_ms))
    }

    /// The median of the bytes sent, MiB, likewise.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a table needs no byte of it")]
    pub(super) fn sent_mib(&self) -> Option<f64> {
        self.of_moved(|run| Some((run.measured.sent_bytes >> 20) as f64))
    }

    /// The median of the work that auto-converge took, milliseconds, likewise.
    #[must_use]
    pub(super) fn throttled_ms(&self) -> Option<f64> {
        self.of_moved(|run| run.measured.throttled_ms)
    }

    /// The median of the application's end-to-end delay, milliseconds, likewise: its own measure, or the time it was
    /// watched less the time for the work it did in it.
    #[must_use]
    pub(super) fn delay_ms(&self) -> Option<f64> {
        self.of_moved(|run| run.measured.delay_ms.or_else(|| behind_ms(run)))
    }

    fn of_moved(&self, value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        let moved = |run: &&&Run| run.outcome == Outcome::Moved;
        let most = 2 * self.completed() > self.runs.len();
        let values = self.runs.iter().filter(moved).filter_map(|run| value(run));
        median(values).filter(|_| most)
    }
}

#[expect(clippy::cast_precision_loss, reason = "steps stay far below 2^53")]
fn behind_ms(run: &Run) -> Option<f64> {
    let before = run.measured.steps_per_s_before;
    // A speed that depends on the phase is no measure of time.
    let speed = before.filter(|speed| *speed > 0.0 && !run.phased())?;
    let undisturbed_ms = run.measured.watched_steps as f64 / speed * 1e3;
    Some(run.measured.watched_ms - undisturbed_ms)
}
