//! Laws against the best forced stop, and against the adaptive law.

use super::laws::{ADAPTIVE, Class, LAWS, Law, WITH_POSTCOPY};
use super::stats::{geometric_mean, greatest, mean, standard_error};
use super::summary::{Cell, Entry};

/// The slowdowns by which J is judged: the headline's, a low one and a high one.
pub(super) const DELTAS: [f64; 3] = [0.1, 0.02, 0.3];

/// A law over all guests and links, with the better of its variants on each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Overall {
    pub(super) law: Law,
    /// How many runs moved their guest, of how many; of the better variants.
    pub(super) completed: (usize, usize),
    /// Guests and links on which most runs moved the guest, of how many: the following figures are over these.
    pub(super) cells: (usize, usize),
    /// J over the oracle's for each of [`DELTAS`].
    pub(super) regret: [Spread; DELTAS.len()],
    /// Its J over the adaptive law's, geometric mean, for each of [`DELTAS`].
    pub(super) j_over_adaptive: [Option<f64>; DELTAS.len()],
    /// The same with the work that auto-converge took, for the first of [`DELTAS`].
    pub(super) cost_over_adaptive: Option<f64>,
    /// Its pause over the adaptive law's, geometric mean.
    pub(super) pause_over_adaptive: Option<f64>,
    /// Its pause over the shortest of the forced stops', geometric mean: what choosing the moment can achieve.
    pub(super) pause_over_forced: Option<f64>,
    /// Its total time over the adaptive law's, geometric mean.
    pub(super) total_over_adaptive: Option<f64>,
    /// Its delay less the adaptive law's, milliseconds: delays may be zero, and have no geometric mean. A law with
    /// post-copy is compared with the adaptive one for guests that allow it.
    pub(super) delay_less_adaptive_ms: Option<Mean>,
    /// Its delay, mean, milliseconds.
    pub(super) delay_ms: Option<f64>,
}

/// An arithmetic mean over guests and links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mean {
    pub(super) mean: f64,
    /// Its standard error; none of a single value.
    pub(super) error: Option<f64>,
}

impl Mean {
    fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            mean: mean(values.iter().copied())?,
            error: standard_error(values.iter().copied()),
        })
    }

    /// Milliseconds, written in seconds.
    pub(super) fn in_seconds(self) -> String {
        let error = self.error.map(|error| format!(" ± {:.2}", error / 1e3));
        format!("{:+.2}{}", self.mean / 1e3, error.unwrap_or_default())
    }
}

/// Ratios over guests and links.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    /// Their geometric mean.
    pub(super) mean: Option<f64>,
    pub(super) worst: Option<f64>,
}

impl Overall {
    /// Whether all of its runs moved their guests.
    #[must_use]
    pub(super) const fn always_completes(&self) -> bool {
        self.completed.0 == self.completed.1
    }
}

/// All laws that were run, in the order of the tables.
#[must_use]
pub(super) fn overall(cells: &[Cell<'_>]) -> Vec<Overall> {
    LAWS.into_iter()
        .filter_map(|law| of_law(law, cells))
        .collect()
}

fn of_law(law: Law, cells: &[Cell<'_>]) -> Option<Overall> {
    let entries: Vec<_> = cells
        .iter()
        .filter_map(|cell| Some((cell, cell.better(law.name)?)))
        .collect();
    if entries.is_empty() {
        return None;
    }
    let pairs: Vec<_> = entries
        .iter()
        .filter_map(|(cell, entry)| Some((*entry, cell.better(ADAPTIVE)?)))
        .collect();
    let completed = entries.iter().map(|(_, e)| e.completed()).sum();
    let runs = entries.iter().map(|(_, e)| e.runs.len()).sum();
    let ended = entries
        .iter()
        .filter(|(_, e)| e.total_ms().is_some())
        .count();
    let delay = |e: &Entry<'_>| e.delay_ms();
    let own = match law.class {
        Class::Postcopy => WITH_POSTCOPY,
        Class::Adaptive | Class::Variant | Class::Precopy | Class::Throttling | Class::Forced => {
            ADAPTIVE
        }
    };
    let gaps: Vec<_> = entries
        .iter()
        .filter_map(|(cell, entry)| Some(delay(entry)? - delay(cell.better(own)?)?))
        .collect();
    Some(Overall {
        law,
        completed: (completed, runs),
        cells: (ended, entries.len()),
        regret: DELTAS.map(|delta| spread(&entries, delta)),
        j_over_adaptive: DELTAS.map(|delta| over_adaptive(&pairs, |e| e.j_ms(delta))),
        cost_over_adaptive: over_adaptive(&pairs, |e| e.cost_ms(DELTAS[0])),
        pause_over_adaptive: over_adaptive(&pairs, |e| e.pause_ms()),
        pause_over_forced: geometric_mean(entries.iter().filter_map(|(cell, entry)| {
            Some(entry.pause_ms()? / cell.shortest_forced_pause_ms()?)
        })),
        total_over_adaptive: over_adaptive(&pairs, |e| e.total_ms()),
        delay_less_adaptive_ms: Mean::of(&gaps),
        delay_ms: mean(entries.iter().filter_map(|(_, e)| delay(e))),
    })
}

fn spread(entries: &[(&Cell<'_>, &Entry<'_>)], delta: f64) -> Spread {
    let regrets: Vec<_> = entries
        .iter()
        .filter_map(|(cell, entry)| regret(cell, entry, delta))
        .collect();
    Spread {
        mean: geometric_mean(regrets.iter().copied()),
        worst: greatest(regrets),
    }
}

/// A law's J over the oracle's on one guest and link.
#[must_use]
pub(super) fn regret(cell: &Cell<'_>, entry: &Entry<'_>, delta: f64) -> Option<f64> {
    Some(entry.j_ms(delta)? / cell.oracle_j_ms(delta)?)
}

fn over_adaptive(
    pairs: &[(&Entry<'_>, &Entry<'_>)],
    value: impl Fn(&Entry<'_>) -> Option<f64>,
) -> Option<f64> {
    let ratio = |(other, own): &(&Entry<'_>, &Entry<'_>)| Some(value(other)? / value(own)?);
    geometric_mean(pairs.iter().filter_map(ratio))
}
