//! For a terminal, and for whatever shows Markdown.

use super::facts::{self, COLUMNS, Fact, ROUND_COLUMNS};
use super::kept::Kept;
use super::summary::Migration;
use super::timeline::Entry;
use crate::harmless::printable;

pub(super) fn render(migrations: &[Migration]) -> String {
    let mut text = String::new();
    if let [_, _, ..] = migrations {
        text += &format!("# {} migrations\n\n", migrations.len());
        text += &line(COLUMNS.map(str::to_owned));
        text += &rule(COLUMNS.len());
        for migration in migrations {
            text += &line(facts::row(migration));
        }
        text.push('\n');
    }
    let sections: Vec<_> = migrations.iter().map(section).collect();
    text + &sections.join("\n")
}

fn section(migration: &Migration) -> String {
    let mut text = format!("# Migration of {}\n\n", plain(&migration.begin.domain));
    if let Some(problem) = facts::problem(migration) {
        text += &format!("**{}**\n\n", plain(&problem));
    }
    text += &table("Result", &facts::measured(migration));
    text += &table("Migration", &facts::about(migration));
    text += &rounds(migration);
    text += "## Decisions\n\nTime counts from when memory flows.\n\n";
    text += &line(["Time", "What", "Why"].map(str::to_owned));
    text += "| ---: | --- | --- |\n";
    text + &shown(migration.timeline.entries(), entry)
}

fn rounds(migration: &Migration) -> String {
    let rounds = migration.rounds.rounds();
    if rounds.all().is_empty() {
        return String::new();
    }
    let mut text = "## Iterations\n\n".to_owned();
    text += &line(ROUND_COLUMNS.map(str::to_owned));
    text += &format!("|{}\n", " ---: |".repeat(ROUND_COLUMNS.len()));
    text += &shown(rounds, |round| line(facts::round(round)));
    text + "\n"
}

/// A line for each that people are shown.
fn shown<T>(kept: &Kept<T>, line_of: impl Fn(&T) -> String) -> String {
    let (first, left_out, last) = kept.shown();
    let mut text: String = first.iter().map(&line_of).collect();
    if left_out > 0 {
        text += &line([String::new(), format!("{left_out} more are left out here")]);
    }
    text.extend(last.iter().map(line_of));
    text
}

fn table(title: &str, facts: &[Fact]) -> String {
    let rows = facts
        .iter()
        .map(|(name, fact)| line([(*name).to_owned(), fact.clone()]));
    let rows: String = rows.collect();
    format!("## {title}\n\n|  |  |\n{}{rows}\n", rule(2))
}

fn entry(entry: &Entry) -> String {
    let cause = entry.cause.unwrap_or_default().to_owned();
    line([facts::after(entry.after_ms), entry.what.clone(), cause])
}

fn line<const N: usize>(cells: [String; N]) -> String {
    let cells = cells.map(|cell| plain(&cell));
    format!("| {} |\n", cells.join(" | "))
}

fn rule(columns: usize) -> String {
    format!("|{}\n", " --- |".repeat(columns))
}

/// Text that is shown as it is: nothing in it is Markdown, HTML or a terminal's.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in printable(text).chars() {
        if "\\`*_[]<>&|~".contains(character) {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}
