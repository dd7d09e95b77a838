//! Where each law would have stopped: a line for each, or a JSON object.

use std::io::{self, Write};

use serde::Serialize;

use super::stops::{LawStop, Stop, Stops, Way};
use crate::harmless::{self, printable};
use crate::in_words::{Align, columns, mib, millis, seconds};

const ALIGNS: [Align; 5] = [
    Align::Left,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
];

pub(super) fn print(stops: &Stops, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        return lines(stops, out);
    }
    let begin = &stops.begin;
    writeln!(
        out,
        "{}, recorded under {}: where each law would have stopped",
        printable(&begin.domain),
        begin.law
    )?;
    let head = ["LAW", "STOPS AFTER", "REMAINING", "PAUSE", "J"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head.to_vec())
        .chain(stops.laws.iter().map(row))
        .collect();
    let rows: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
    for line in columns(&rows, &ALIGNS) {
        writeln!(out, "{line}")?;
    }
    let slowdown = begin.slowdown_ppm as f64 / 10_000.0;
    writeln!(
        out,
        "J: the pause, and {slowdown} % of the time before it. The last line is the best stop of the record."
    )
}

fn row(law: &LawStop) -> Vec<String> {
    let name = law.law.to_string();
    let Some(Stop {
        way,
        after_ns,
        left_bytes,
        pause_ns,
        j_ns,
    }) = law.stop
    else {
        return vec![name, "not within the record".to_owned()];
    };
    let pause = match way {
        Way::Switchover => pause_ns.map_or_else(|| "unknown".to_owned(), millis),
        Way::Suspend => pause_ns.map_or_else(
            || "paused".to_owned(),
            |ns| format!("paused {}", millis(ns)),
        ),
        Way::Postcopy => "post-copy".to_owned(),
        Way::Abort => "aborts".to_owned(),
    };
    vec![
        name,
        seconds(after_ns),
        mib(left_bytes),
        pause,
        j_ns.map_or_else(String::new, millis),
    ]
}

/// One JSON object a line.
fn lines(stops: &Stops, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Begin<'a> {
        domain: &'a str,
        recorded_law: String,
        slowdown_ppm: u64,
    }
    let begin = Begin {
        domain: &stops.begin.domain,
        recorded_law: stops.begin.law.to_string(),
        slowdown_ppm: stops.begin.slowdown_ppm,
    };
    writeln!(out, "{}", harmless::json(&serde_json::to_string(&begin)?))?;
    for law in &stops.laws {
        writeln!(out, "{}", harmless::json(&serde_json::to_string(law)?))?;
    }
    Ok(())
}
