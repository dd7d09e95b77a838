//! Each guest on each of its links, with every law as it was run.

use std::fmt::Write;

use super::super::compare::regret;
use super::super::plan::is_forced;
use super::super::summary::{Cell, Entry};
use super::table::{Table, millis, percent, ratio, seconds};

const HEADS: [&str; 11] = [
    "law",
    "moved",
    "pause, ms",
    "longest, ms",
    "total, s",
    "J 10 %, s",
    "over the oracle",
    "sent, MiB",
    "throttled, s",
    "delay, s",
    "speed until the pause",
];

/// All tables.
pub(super) fn text(cells: &[Cell<'_>]) -> String {
    let mut text = String::new();
    for cell in cells {
        let mut table = Table::new(&HEADS);
        for entry in &cell.entries {
            table.row(&row(cell, entry));
        }
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "### {}\n\n{}\n\n{}\n",
            cell.name(),
            about(cell),
            table.text()
        );
    }
    text
}

fn about(cell: &Cell<'_>) -> String {
    let run = cell.entries.iter().find_map(|entry| entry.runs.first());
    let guest = run.map_or_else(String::new, |run| {
        format!(
            "`{}`, {} MiB; cut off after {} s. ",
            run.workload,
            run.memory_mib,
            run.horizon_ms / 1000
        )
    });
    let round_one = cell.probe.map_or_else(String::new, |probe| {
        format!(
            "Iteration 1 takes {} s. ",
            seconds(as_ms(probe.round_one_ms))
        )
    });
    let stock = cell.better("stock").map_or_else(String::new, |stock| {
        format!(
            "Stock ends in {} of {} runs. ",
            stock.completed(),
            stock.runs.len()
        )
    });
    let (oracle, luckiest) = (
        seconds(cell.oracle_j_ms(0.1)),
        seconds(cell.luckiest_j_ms(0.1)),
    );
    format!(
        "{guest}{round_one}{stock}J of the best forced stop: {oracle} s; of the luckiest single forced run: {luckiest} s."
    )
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one round")]
fn as_ms(ms: u64) -> Option<f64> {
    Some(ms as f64)
}

fn row(cell: &Cell<'_>, entry: &Entry<'_>) -> [String; HEADS.len()] {
    let name = match (is_forced(entry.law.name), entry.hpc_law.split_once('@')) {
        (true, _) => format!("`{}`", entry.hpc_law),
        (false, Some((_, factor))) => format!("{}, times x {factor}", entry.law.title),
        (false, None) => entry.law.title.to_owned(),
    };
    [
        name,
        format!("{} of {}", entry.completed(), entry.runs.len()),
        millis(entry.pause_ms()),
        millis(entry.longest_pause_ms()),
        seconds(entry.total_ms()),
        seconds(entry.j_ms(0.1)),
        ratio(regret(cell, entry, 0.1)),
        millis(entry.sent_mib()),
        seconds(entry.throttled_ms()),
        seconds(entry.delay_ms()),
        percent(cell.speed_during(entry)),
    ]
}
