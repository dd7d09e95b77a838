//! Tables of Markdown.

use std::fmt::Write;

use super::super::compare::Mean;

/// A table; the first column is words, the others are figures.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
}

impl Table {
    /// A table with these heads.
    pub(super) fn new(heads: &[&str]) -> Self {
        let mut text = format!("| {} |\n|---", heads.join(" | "));
        text += &"|---:".repeat(heads.len().saturating_sub(1));
        text += "|\n";
        Self { text }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, fields: &[String]) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "| {} |", fields.join(" | "));
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}

pub(super) fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{:.2}", ms / 1e3))
}

/// A difference of times in seconds, with its standard error.
pub(super) fn gap(ms: Option<Mean>) -> String {
    ms.map_or_else(|| "-".to_owned(), Mean::in_seconds)
}

pub(super) fn millis(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"))
}

/// A part of one in percent.
pub(super) fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "-".to_owned(), |part| format!("{:.0} %", part * 100.0))
}
