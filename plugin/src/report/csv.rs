//! A line for each migration, as RFC 4180 has it.

use super::fields::{Field, Value, fields};
use super::summary::Migration;
use crate::harmless::printable;

/// What begins a formula; the last four where the spreadsheet takes wide characters for narrow ones, as in Japanese.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

pub(super) fn render(migrations: &[Migration]) -> String {
    let rows: Vec<_> = migrations.iter().map(fields).collect();
    let names = rows.first().into_iter().flatten();
    let names: Vec<_> = names.map(|(name, _)| *name).collect();
    table(&names, &rows)
}

/// The rows under their names.
pub(super) fn table(names: &[&str], rows: &[Vec<Field>]) -> String {
    let head = names.iter().map(|name| (*name).to_owned()).collect();
    let lines = rows.iter().map(|row| row.iter().map(cell).collect());
    let lines = std::iter::once(head).chain(lines);
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    lines.map(line).collect()
}

fn cell((_, value): &(&'static str, Value)) -> String {
    match value {
        Value::Nothing => String::new(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => quoted(&printable(text)),
    }
}

/// A text as one cell, which no spreadsheet takes for a formula.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(FORMULA);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', ';']) || text.trim() != text {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}
