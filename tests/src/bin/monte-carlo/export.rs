//! The figures as files.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use crate::contest::{Bounds, Judged};
use crate::cost::{DELTA, FETCH_SPEED};
use crate::entrant::Entrant;
use crate::table::Table;

/// The tables, with what they were made from.
pub(crate) fn json(
    path: &Path,
    seed: u64,
    no_spinning: bool,
    bounds: &Bounds,
    tables: &[Table],
) -> anyhow::Result<()> {
    let document = json!({
        "seed": seed,
        "no_spinning": no_spinning,
        "slowdown": DELTA,
        "speed_while_fetching": FETCH_SPEED,
        "horizon_first_rounds": bounds.horizon_rounds,
        "tables": tables,
    });
    let text = serde_json::to_string_pretty(&document)? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write the tables to {}", path.display()))
}

/// A line for each guest under each law.
pub(crate) fn csv(path: &Path, laws: &[Entrant], judged: &[Judged]) -> anyhow::Result<()> {
    let mut text = String::from(
        "guest,kind,first_round_s,law,completed,j_s,best_j_s,pause_s,best_pause_s,total_s,best_total_s,throttled_s\n",
    );
    for of in judged {
        for (law, cost) in laws.iter().zip(&of.costs) {
            // The settings of a law may hold commas.
            writeln!(
                text,
                "{},{},{},\"{law}\",{},{},{},{},{},{},{},{}",
                of.number,
                of.kind.name(),
                of.first_round_s,
                cost.completed,
                cost.j_s,
                of.best.j_s,
                cost.pause_s,
                of.best.pause_s,
                cost.total_s,
                of.best.total_s,
                cost.throttled_s
            )?;
        }
    }
    fs::write(path, text).with_context(|| format!("cannot write the costs to {}", path.display()))
}
