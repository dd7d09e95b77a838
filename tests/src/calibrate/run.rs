//! A recorded run: the trace of its controller, and further facts.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::replay::{Verdict, replay};
use libvirt_hpc_plugin::trace::{self, Begin, Record};
use serde::{Deserialize, Serialize};

use super::guest::GuestSpec;

/// The content of `NAME.json`, kept with a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The guest.
    pub guest: GuestSpec,
    /// Rate of the link, in tc's words (`200mbit`).
    pub link: String,
    /// Options of the migration.
    pub options: Vec<String>,
    /// How far into its cycle the workload was when the job began, milliseconds; none if it has none.
    #[serde(default)]
    pub into_ms: Option<u64>,
    /// The pause as the guest's users saw it, milliseconds.
    pub pause_ms: f64,
    /// From the migrate call to its return, milliseconds.
    pub total_ms: u64,
}

/// A run as it was recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The name of its files.
    pub name: String,
    /// The content of the JSON file.
    pub run: RunRecord,
    /// The head of the trace.
    pub begin: Begin,
    /// The trace behind its head.
    pub records: Vec<Record>,
}

impl Recording {
    /// Whether today's law of that name decides as the recorded one did. If not, the record shows the guest under a law
    /// that no longer exists, and no closed loop can be judged by it.
    #[must_use]
    pub fn law_is_the_same(&self) -> bool {
        let begin = Record::Begin(Box::new(self.begin.clone()));
        let records = std::iter::once(begin).chain(self.records.iter().cloned());
        replay((1..).zip(records).map(Ok), None).is_ok_and(|replay| replay.verdict == Verdict::Same)
    }
}

/// Every run in `folder`: each `NAME.json` with a `NAME.trace`, in the order of their names.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn load(folder: &Path) -> Result<Vec<Recording>> {
    let mut names = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json") && path.with_extension("trace").is_file() {
            names.push(path);
        }
    }
    names.sort();
    names.iter().map(|path| load_one(path)).collect()
}

fn load_one(path: &Path) -> Result<Recording> {
    let what = || format!("cannot read the recorded run {}", path.display());
    let run = serde_json::from_slice(&fs::read(path).with_context(what)?).with_context(what)?;
    let (begin, records) = read_trace(&path.with_extension("trace")).with_context(what)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into());
    Ok(Recording {
        name: name.unwrap_or_default(),
        run,
        begin,
        records,
    })
}

/// A whole trace: its head, and what follows.
pub(super) fn read_trace(path: &Path) -> Result<(Begin, Vec<Record>)> {
    let file = File::open(path).context("cannot open its trace")?;
    let mut records = trace::read(BufReader::new(file));
    let first = records.next().transpose()?.map(|(_, record)| record);
    let Some(Record::Begin(begin)) = first else {
        anyhow::bail!("its trace has no head");
    };
    let records: Vec<_> = records
        .map(|record| record.map(|(_, record)| record))
        .collect::<Result<_, _>>()?;
    ensure!(
        matches!(records.last(), Some(Record::End(end)) if end.moved),
        "its trace does not end with a guest that has moved"
    );
    Ok((*begin, records))
}
