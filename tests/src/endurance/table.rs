//! The table of a run.

use std::fmt::Write as _;

use super::judge::{FIGURES, Quarter};
use super::reading::Reading;
use crate::rig::HOSTS;

/// Each figure of each host: the medians of the first and the last quarter, and its growth.
pub(super) fn of(readings: &[Reading]) -> String {
    let Some(last) = readings.last() else {
        return String::new();
    };
    let taken: u64 = last.hosts.iter().map(|on| on.taken).sum();
    let mut text = format!(
        "{} migrations in {:.0} minutes, {taken} of them taken over by the agents; {} readings\n\n\
         | figure | host | first quarter | last quarter | growth per 100 migrations |\n|---|---|---|---|---|\n",
        last.migrations,
        last.at_s / 60.0,
        readings.len()
    );
    for figure in &FIGURES {
        for (host, name) in HOSTS.iter().enumerate() {
            let quarters = [Quarter::First, Quarter::Last];
            let [first, last] = quarters.map(|q| number(figure.median(readings, host, q), 0));
            let growth = number(figure.growth(readings, host), 2);
            let _ = writeln!(
                text,
                "| {} | {name} | {first} | {last} | {growth} |",
                figure.name
            );
        }
    }
    text
}

fn number(value: Option<f64>, digits: usize) -> String {
    // No minus before nothing.
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("{:.digits$}", value + 0.0),
    )
}
