//! What `hpc-estimate` said before the runs, beside what came of them.

use super::super::estimate::Estimate;
use super::super::record::{Outcome, Run};
use super::super::stats::median;
use super::super::summary::Cell;
use super::table::{Table, ratio};

const HEADS: [&str; 6] = [
    "guest, link",
    "total, estimated/true",
    "within 20 %",
    "in its interval",
    "pause in its interval",
    "whether virsh ends: right",
];

/// So many of so many.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    are: usize,
    of: usize,
}

impl Share {
    fn of<'a, T: 'a>(all: impl IntoIterator<Item = &'a T>, is: impl Fn(&T) -> bool) -> Self {
        all.into_iter().fold(Self::default(), |share, one| Self {
            are: share.are + usize::from(is(one)),
            of: share.of + 1,
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            are: self.are + other.are,
            of: self.of + other.of,
        }
    }

    fn text(self) -> String {
        format!("{} of {}", self.are, self.of)
    }
}

/// An estimate, and the run that moved the guest after it.
#[derive(Clone, Copy, Debug)]
struct Pair {
    estimate: Estimate,
    total_ms: f64,
    pause_ms: f64,
}

impl Pair {
    fn of(estimate: Option<Estimate>, run: &Run) -> Option<Self> {
        Some(Self {
            estimate: estimate?,
            total_ms: run.measured.total_ms,
            pause_ms: run.measured.pause_ms?,
        })
    }
}

/// The section; empty if nothing was estimated.
pub(in crate::bench) fn text(cells: &[Cell<'_>]) -> String {
    let first = table(cells, |run| run.estimate);
    let again = table(cells, |run| run.estimate_again);
    let tables = [(WORDS, first), (WORDS_AGAIN, again)];
    let made = tables
        .into_iter()
        .filter_map(|(words, table)| Some(format!("{words}\n{}", table?)));
    made.collect::<Vec<_>>().join("\n")
}

/// The table of one kind of estimates; none if none was made.
fn table(cells: &[Cell<'_>], estimate: fn(&Run) -> Option<Estimate>) -> Option<String> {
    let mut table = Table::new(&HEADS);
    let mut sums = [Share::default(); 4];
    for cell in cells {
        let pair = |run| Pair::of(estimate(run), run);
        let pairs: Vec<Pair> = cell.runs().filter_map(pair).collect();
        if pairs.is_empty() {
            continue;
        }
        let shares = shares(cell, &pairs);
        for (sum, share) in sums.iter_mut().zip(shares) {
            *sum = sum.and(share);
        }
        let ratios = pairs
            .iter()
            .map(|pair| pair.estimate.total_ratio(pair.total_ms));
        let off = median(ratios);
        table.row(&row(cell.name(), ratio(off), shares));
    }
    table.row(&row("all".to_owned(), "-".to_owned(), sums));
    (sums[0].of > 0).then(|| table.text())
}

fn shares(cell: &Cell<'_>, pairs: &[Pair]) -> [Share; HEADS.len() - 2] {
    let stock: Vec<&Run> = (cell.runs().filter(|run| run.key.law == "stock")).collect();
    let is_right = |estimate: Estimate, run: &Run| {
        estimate.stock_ends_within(run.horizon_ms) == (run.outcome == Outcome::Moved)
    };
    let of_stock = pairs
        .iter()
        .map(|pair| Share::of(&stock, |run| is_right(pair.estimate, run)));
    let share = |holds: fn(&Pair) -> bool| Share::of(pairs, holds);
    [
        share(|pair| pair.estimate.total_is_near(pair.total_ms)),
        share(|pair| pair.estimate.total_is_inside(pair.total_ms, 0.0)),
        share(|pair| pair.estimate.pause_is_inside(pair.pause_ms)),
        of_stock.fold(Share::default(), Share::and),
    ]
}

fn row(name: String, off: String, shares: [Share; HEADS.len() - 2]) -> Vec<String> {
    [name, off]
        .into_iter()
        .chain(shares.map(Share::text))
        .collect()
}

const WORDS: &str = "\
`hpc-estimate --bandwidth` (10 s) before each run of *adaptive, without XBZRLE*, whose outcome it is compared with: the
median ratio of totals, and in how many runs what was estimated held. Whether virsh's own limit would end is compared with
every run of stock, which is cut off.
";

const WORDS_AGAIN: &str = "\
The same with the trace of the guest's last migration, under whichever law, as the agent keeps it, instead of
`--bandwidth`: it tells the link, how much data the guest has, and what it wrote within longer spans.
";
