//! The tables as text.

use libvirt_hpc_tests::random_cases::Kind;

use crate::contest::{Bounds, Judged};
use crate::cost::{DELTA, FETCH_SPEED};
use crate::entrant::Entrant;
use crate::figures::Spread;
use crate::table::{Row, Table};

/// How many of the worst cases of each kind are named.
const WORST: usize = 3;

fn print_head(guests: &str, cases: usize) {
    println!("\n{guests}: {cases}");
    println!(
        "{:36} {:>6} | {:^35} | {:^35} | {:^15} | {:^15}",
        "",
        "done",
        "J over the best",
        "the same after the first iteration",
        "over the best",
        "over adaptive"
    );
    println!(
        "{:36} {:>6} | {:>8} {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} {:>8} | {:>7} {:>7} | {:>7} {:>7}",
        "law",
        "%",
        "mean",
        "p50",
        "p95",
        "most",
        "mean",
        "p50",
        "p95",
        "most",
        "pause",
        "total",
        "pause",
        "total"
    );
}

fn print_row(row: &Row) {
    let spread = |of: &Spread| {
        format!(
            "{:>8.3} {:>8.3} {:>8.3} {:>8.2}",
            of.geo_mean, of.p50, of.p95, of.max
        )
    };
    let ratio = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.2}"));
    println!(
        "{:36} {:>6.1} | {} | {} | {:>7} {:>7} | {:>7} {:>7}",
        format!(
            "{}{}",
            row.law,
            if row.claimed { "" } else { " (not claimed)" }
        ),
        row.completed_percent,
        spread(&row.j),
        spread(&row.j_after_first_round),
        ratio(row.pause_over_best),
        ratio(row.total_over_best),
        ratio(row.pause_over_adaptive),
        ratio(row.total_over_adaptive),
    );
}

fn print_table(table: &Table) {
    print_head(&table.guests, table.cases);
    let part = |postcopy: bool| {
        table
            .rows
            .iter()
            .filter(move |row| row.postcopy == postcopy)
    };
    part(false).for_each(print_row);
    if part(true).next().is_some() {
        println!("with post-copy, which the guest's owner must allow:");
        part(true).for_each(print_row);
    }
}

/// The meaning of the figures.
fn print_notes(bounds: &Bounds) {
    println!(
        "
J = pause + {DELTA} x pre-copy + work lost to throttling + {} x the time with memory missing (post-copy).
done: arrived within {} first rounds, or 10 min if that is longer. Who has not is counted with what it had
cost by then; who gave up, with that and the best stop of another attempt: in both cases a lower bound.
mean: geometric. Pause and total: geometric means over the guests that arrived (over adaptive: under both laws).
@round: the law's times multiplied by the guest's first round over that of 64 GiB at 10 Gbit/s; of a law's two
clocks the one with the lower J is claimed.
oVirt's and Proxmox' guests are throttled as these stacks do (auto-converge); their compression is not modelled.",
        1.0 - FETCH_SPEED,
        bounds.horizon_rounds
    );
}

/// The first law by kind of guest, and its worst guests.
fn print_kinds(law: &Entrant, judged: &[Judged]) {
    println!("\n{law} by kind            cases     mean      p50      p95     most");
    for kind in Kind::ALL {
        let ratios = judged
            .iter()
            .filter(|of| of.kind == kind)
            .map(|of| of.costs[0].ratio(&of.best));
        let cases = ratios.clone().count();
        if let Some(of) = Spread::of(ratios) {
            println!(
                "{:<24} {cases:>6} {:>8.3} {:>8.3} {:>8.3} {:>8.3}",
                kind.name(),
                of.geo_mean,
                of.p50,
                of.p95,
                of.max
            );
        }
    }
    let mut worst: Vec<_> = judged
        .iter()
        .map(|of| (of.costs[0].ratio(&of.best), of))
        .collect();
    worst.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for kind in Kind::ALL {
        let of_kind = worst.iter().filter(|(_, of)| of.kind == kind).take(WORST);
        let named: Vec<_> = of_kind
            .map(|(ratio, of)| format!("{} ({ratio:.2})", of.number))
            .collect();
        println!("worst {:<12} {}", kind.name(), named.join(", "));
    }
}

/// Everything.
pub(crate) fn print_all(tables: &[Table], laws: &[Entrant], judged: &[Judged], bounds: &Bounds) {
    tables.iter().for_each(print_table);
    print_notes(bounds);
    if let Some(first) = laws.first() {
        print_kinds(first, judged);
    }
}

/// One guest under every law.
pub(crate) fn print_case(laws: &[Entrant], judged: &Judged) {
    for (law, cost) in laws.iter().zip(&judged.costs) {
        let ratio = cost.ratio(&judged.best);
        println!("{:36} {ratio:>8.3} {cost:?}", law.to_string());
    }
}
