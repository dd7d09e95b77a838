//! Everything, for programs.

use anyhow::{Context, Result};
use serde::{Serialize, Serializer};

use super::fields::{Field, fields};
use super::rounds::OneRound;
use super::summary::Migration;
use super::timeline::Entry;
use crate::harmless;
use crate::version;

/// The version of this format: raised when a reader of the one before would misunderstand a report.
const REPORT_FORMAT: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    report_format: u32,
    libvirt_hpc: &'a str,
    migrations: Vec<One<'a>>,
}

/// The version of the history's format, likewise.
const HISTORY_FORMAT: u32 = 1;

#[derive(Serialize)]
struct History<'a> {
    history_format: u32,
    libvirt_hpc: &'a str,
    migrations: Vec<Fields>,
}

#[derive(Serialize)]
struct One<'a> {
    #[serde(flatten)]
    fields: Fields,
    iterations: &'a [OneRound],
    /// Those that there was no room for.
    iterations_left_out: u64,
    timeline: &'a [Entry],
    /// Entries of a timeline too long to be kept.
    timeline_left_out: u64,
}

/// In their order.
struct Fields(Vec<Field>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

pub(super) fn render(migrations: &[Migration]) -> Result<String> {
    let one = |migration| One {
        fields: Fields(fields(migration)),
        iterations: migration.rounds.rounds().all(),
        iterations_left_out: migration.rounds.rounds().left_out(),
        timeline: migration.timeline.entries().all(),
        timeline_left_out: migration.timeline.entries().left_out(),
    };
    let report = Report {
        report_format: REPORT_FORMAT,
        libvirt_hpc: version::OURS,
        migrations: migrations.iter().map(one).collect(),
    };
    written(&report)
}

/// The history of migrations that have these fields.
pub(super) fn history(migrations: Vec<Vec<Field>>) -> Result<String> {
    written(&History {
        history_format: HISTORY_FORMAT,
        libvirt_hpc: version::OURS,
        migrations: migrations.into_iter().map(Fields).collect(),
    })
}

fn written(document: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document).context("cannot write JSON")?;
    Ok(harmless::json(&text) + "\n")
}
