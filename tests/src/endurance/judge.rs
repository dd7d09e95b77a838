//! The figures by quarter, and what must hold.

use super::hosts::KEEP_TRACES;
use super::reading::{OnHost, Reading};
use crate::bench::stats::median;
use crate::rig::HOSTS;

/// How much an agent's memory may grow in 100 migrations after the first quarter, KiB. In an hour (docs/endurance.md) it was
/// a quarter of that, until each of the allocator's arenas had once been as full as it gets; what is in use does not grow. A
/// kilobyte and a half that each migration leaves is more.
const GROWTH_KIB: f64 = 128.0;

/// Fewer migrations do not tell growth from a beginning.
const TELLING: u64 = 400;

/// What is judged of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// At rest, it is in the end what it was in the beginning.
    Same,
    /// It grows less than [`GROWTH_KIB`].
    Memory,
    /// It is never above this, but for the traces that are still being written.
    AtMost(u64),
    /// Nothing: it is libvirt's.
    Others,
}

/// A figure of a host.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) of: fn(&OnHost) -> u64,
    rule: Rule,
}

/// All figures, as the table and the pictures have them.
pub(super) const FIGURES: [Figure; 10] = [
    figure("agent's memory, KiB", |on| on.agent.rss_kib, Rule::Memory),
    figure("agent's descriptors", |on| on.agent.descriptors, Rule::Same),
    figure("agent's threads", |on| on.agent.threads, Rule::Same),
    figure("leases", |on| on.leases, Rule::Same),
    figure("other files in /run", |on| on.run, Rule::Same),
    figure("traces", |on| on.traces, Rule::AtMost(KEEP_TRACES)),
    figure("traces, KiB", |on| on.traces_kib, Rule::Others),
    figure(
        "libvirtd's memory, KiB",
        |on| on.daemon.rss_kib,
        Rule::Others,
    ),
    figure(
        "libvirtd's descriptors",
        |on| on.daemon.descriptors,
        Rule::Others,
    ),
    figure("libvirtd's threads", |on| on.daemon.threads, Rule::Others),
];

const fn figure(name: &'static str, of: fn(&OnHost) -> u64, rule: Rule) -> Figure {
    Figure { name, of, rule }
}

impl Figure {
    /// Its value in a reading.
    #[expect(clippy::cast_precision_loss, reason = "no figure comes near 2^53")]
    pub(super) fn value(&self, reading: &Reading, host: usize) -> f64 {
        (self.of)(&reading.hosts[host]) as f64
    }

    /// The median of the readings of a quarter; none without readings.
    pub(super) fn median(&self, readings: &[Reading], host: usize, which: Quarter) -> Option<f64> {
        let quarter = which.of(readings);
        median(quarter.iter().map(|reading| self.value(reading, host)))
    }

    /// How much it grows in 100 migrations, from the second quarter to the last; none without readings.
    pub(super) fn growth(&self, readings: &[Reading], host: usize) -> Option<f64> {
        let (from, to) = (Quarter::Second, Quarter::Last);
        let grown = self.median(readings, host, to)? - self.median(readings, host, from)?;
        let migrations = to.middle(readings)? - from.middle(readings)?;
        (migrations > 0.0).then(|| 100.0 * grown / migrations)
    }

    fn violation(&self, readings: &[Reading], host: usize) -> Option<String> {
        let (name, place) = (self.name, HOSTS[host]);
        let (first, last) = (
            self.at(readings.first()?, host),
            self.at(readings.last()?, host),
        );
        match self.rule {
            Rule::Same => (first != last).then(|| {
                format!("{place}: {name}: {first} in the beginning and {last} in the end")
            }),
            Rule::Memory => {
                if readings.last()?.migrations < TELLING {
                    return None;
                }
                let growth = self.growth(readings, host)?;
                (growth > GROWTH_KIB)
                    .then(|| format!("{place}: {name}: {growth:.0} more for every 100 migrations"))
            }
            Rule::AtMost(most) => {
                (last > most).then(|| format!("{place}: {name}: {last}, more than {most}"))
            }
            Rule::Others => None,
        }
    }

    fn at(&self, reading: &Reading, host: usize) -> u64 {
        (self.of)(&reading.hosts[host])
    }
}

/// A quarter of a run, by its readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quarter {
    First,
    Second,
    Last,
}

impl Quarter {
    fn of(self, readings: &[Reading]) -> &[Reading] {
        let quarter = readings.len().div_ceil(4);
        match self {
            Self::First => &readings[..quarter],
            Self::Second => {
                &readings[quarter.min(readings.len())..(2 * quarter).min(readings.len())]
            }
            Self::Last => &readings[readings.len() - quarter..],
        }
    }

    /// How many guests had been moved in the middle of it.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn middle(self, readings: &[Reading]) -> Option<f64> {
        median(
            self.of(readings)
                .iter()
                .map(|reading| reading.migrations as f64),
        )
    }
}

/// What did not hold, a sentence each.
pub(super) fn violations(readings: &[Reading]) -> Vec<String> {
    let of_host = |host| {
        FIGURES
            .iter()
            .filter_map(move |figure| figure.violation(readings, host))
    };
    let mut violations: Vec<_> = (0..HOSTS.len()).flat_map(of_host).collect();
    let taken: u64 = readings
        .last()
        .map_or(0, |reading| reading.hosts.iter().map(|on| on.taken).sum());
    if taken == 0 {
        violations.push("the agents took no migration: nothing was shown".to_owned());
    }
    violations
}
