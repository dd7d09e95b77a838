//! What `hpc-estimate` said before the runs, beside what came of them.

use std::fmt::Write;

use super::super::estimate::Estimate;
use super::super::record::Run;
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

/// A run that moved its guest, and the estimate of before.
type Pair<'a> = (Estimate, &'a Run);

/// The section; empty if nothing was estimated.
pub(in crate::bench) fn text(cells: &[Cell<'_>]) -> String {
    let mut table = Table::new(&HEADS);
    let mut sums = [Share::default(); 4];
    for cell in cells {
        let pairs: Vec<Pair<'_>> = pairs(cell);
        if pairs.is_empty() {
            continue;
        }
        let shares = shares(cell, &pairs);
        for (sum, share) in sums.iter_mut().zip(shares) {
            *sum = sum.and(share);
        }
        let off = median(
            pairs
                .iter()
                .map(|(estimate, run)| estimate.total_ratio(run)),
        );
        table.row(&row(cell.name(), ratio(off), shares));
    }
    if sums[0].of == 0 {
        return String::new();
    }
    table.row(&row("all".to_owned(), "-".to_owned(), sums));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{WORDS}\n{}", table.text());
    text
}

fn pairs<'a>(cell: &Cell<'a>) -> Vec<Pair<'a>> {
    let pair = |run: &'a Run| Some((run.estimate?, run));
    let moved = |(_, run): &Pair<'_>| run.measured.pause_ms.is_some();
    cell.runs().filter_map(pair).filter(moved).collect()
}

fn shares(cell: &Cell<'_>, pairs: &[Pair<'_>]) -> [Share; HEADS.len() - 2] {
    let stock: Vec<&Run> = (cell.runs().filter(|run| run.key.law == "stock")).collect();
    let of_stock = pairs
        .iter()
        .map(|(estimate, _)| Share::of(&stock, |stock| estimate.stock_is_right(stock)));
    [
        Share::of(pairs, |(estimate, run)| estimate.total_is_near(run)),
        Share::of(pairs, |(estimate, run)| estimate.total_is_inside(run)),
        Share::of(pairs, |(estimate, run)| estimate.pause_is_inside(run)),
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
