//! The lines for people.

use std::time::Duration;

use crate::harmless::printable;
use crate::in_words::{self, Align, mib};
use crate::report::fields::result;
use crate::report::summary::Migration;
use crate::trace::PauseUnknown;

/// How many there are.
pub(super) const COLUMNS: usize = 9;

const HEADS: [(&str, Align); COLUMNS] = [
    ("RECORDED (UTC)", Align::Left),
    ("DOMAIN", Align::Left),
    ("DESTINATION", Align::Left),
    ("RESULT", Align::Left),
    ("TOTAL", Align::Right),
    ("PAUSE", Align::Right),
    ("ITERATIONS", Align::Right),
    ("SENT", Align::Right),
    ("BY", Align::Left),
];

/// What is not known.
const NONE: &str = "-";

pub(super) fn render(rows: &[[String; COLUMNS]]) -> String {
    let heads = HEADS.map(|(head, _)| head.to_owned());
    let rows: Vec<&[String]> = std::iter::once(&heads)
        .chain(rows)
        .map(<[String; COLUMNS]>::as_slice)
        .collect();
    let lines = in_words::columns(&rows, &HEADS.map(|(_, align)| align));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// One migration, harmless to a terminal.
pub(super) fn row(migration: &Migration) -> [String; COLUMNS] {
    let (begin, numbers) = (&migration.begin, &migration.numbers);
    let totals = migration.end.as_ref().map(|end| &end.totals);
    let none = || NONE.to_owned();
    let span = |ms: u64| in_words::span(Duration::from_millis(ms));
    let recorded = migration.recorded.as_ref();
    let pause = totals.and_then(|totals| match (totals.pause_ms, totals.pause_unknown) {
        (Some(ms), _) => Some(span(ms)),
        (None, Some(PauseUnknown::Postcopy)) => Some("post-copy".to_owned()),
        (None, Some(PauseUnknown::Suspended)) => Some("suspended".to_owned()),
        (None, None) => None,
    });
    let observed = if begin.observe { ", observing" } else { "" };
    let cells = [
        recorded.map_or_else(none, |recorded| {
            recorded.at.replace('T', " ").replace('Z', "")
        }),
        begin.domain.clone(),
        begin.destination.clone().unwrap_or_else(none),
        result(migration).to_owned(),
        totals.map_or_else(none, |totals| span(totals.total_ms)),
        pause.unwrap_or_else(none),
        numbers.rounds.to_string(),
        mib(numbers.sent_bytes),
        format!("{}{observed}", begin.controller.as_str()),
    ];
    cells.map(|cell| printable(&cell))
}
