//! Many migrations, a line each, the newest last.

mod filter;
mod folder;
mod table;

use anyhow::Result;

pub use filter::Filter;
pub use folder::{Listed, list};

use super::csv;
use super::fields::{Field, fields};
use super::json;
use super::summary::Migration;

/// What programs are told of each: fields of a report, with its names.
const FIELDS: [&str; 20] = [
    "trace",
    "problem",
    "domain",
    "uuid",
    "recorded_at",
    "recorded_at_by",
    "controller",
    "observed_only",
    "law",
    "destination",
    "result",
    "error",
    "total_ms",
    "precopy_ms",
    "pause_ms",
    "pause_unknown",
    "rounds",
    "memory_bytes",
    "sent_bytes",
    "bandwidth_bytes_per_s",
];

/// How a history is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// A line for each migration.
    Csv,
    /// A list, for programs.
    Json,
}

/// The migrations, without what a line has no room for.
#[derive(Debug, Default)]
pub struct History {
    rows: Vec<[String; table::COLUMNS]>,
    fields: Vec<Vec<Field>>,
}

impl History {
    /// The next one.
    pub fn push(&mut self, migration: &Migration) {
        self.rows.push(table::row(migration));
        let mut all = fields(migration);
        all.retain(|(name, _)| FIELDS.contains(name));
        self.fields.push(all);
    }

    /// All of them as text.
    ///
    /// # Errors
    /// When JSON cannot be written.
    pub fn render(self, format: Format) -> Result<String> {
        match format {
            Format::Table => Ok(table::render(&self.rows)),
            Format::Csv => Ok(csv::table(&FIELDS, &self.fields)),
            Format::Json => json::history(self.fields),
        }
    }
}
