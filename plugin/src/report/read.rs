//! A trace's file, read to a report on its migration.

use std::fs::{File, Metadata};
use std::io::BufReader;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use time::OffsetDateTime;

use super::summary::{Migration, Recorded, RecordedBy, summarise};
use crate::harmless::printable;
use crate::trace::file_name::FileName;
use crate::trace::{self, Begin, Record};

/// Reads the whole trace at `path`. What is wrong with it after its first record is in the report.
///
/// # Errors
/// When nothing can be read of it.
pub fn read(path: &Path) -> Result<Migration> {
    let wanted = read_if(path, |_, _| true)?;
    wanted.ok_or_else(|| anyhow!("the trace is not wanted"))
}

/// Reads the trace at `path`, but no further than its first record if that is not `wanted`.
///
/// # Errors
/// When nothing can be read of it.
pub fn read_if(
    path: &Path,
    wanted: impl FnOnce(&Begin, Option<&Recorded>) -> bool,
) -> Result<Option<Migration>> {
    let what = || {
        let name = printable(&path.display().to_string());
        format!("cannot report on the trace {name}")
    };
    let file = File::open(path).with_context(what)?;
    let recorded = recorded(path, file.metadata().ok().as_ref());
    let mut records = trace::read(BufReader::new(file));
    let first = records.next();
    if let Some(Ok((_, Record::Begin(begin)))) = &first
        && !wanted(begin, recorded.as_ref())
    {
        return Ok(None);
    }
    let name = path.display().to_string();
    // As text, for what is wrong with a line may quote it.
    let read = summarise(name, recorded, first.into_iter().chain(records));
    read.map(Some)
        .map_err(|error| anyhow!(printable(&error.to_string())))
        .with_context(what)
}

/// When the trace was recorded: by the name that the agent gives it, or else by the time of its file.
pub(super) fn recorded(path: &Path, file: Option<&Metadata>) -> Option<Recorded> {
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(at) = name.and_then(FileName::read).and_then(|name| name.began()) {
        let by = RecordedBy::FileName;
        return Some(Recorded { at, by });
    }
    let metadata = file.filter(|metadata| metadata.is_file())?;
    let at = iso(metadata.modified().ok()?)?;
    let by = RecordedBy::FileTime;
    Some(Recorded { at, by })
}

/// A time as ISO 8601, in UTC; none if it has no year of four digits.
pub(super) fn iso(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let (date, (hour, minute, second)) = (time.date(), time.to_hms());
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}Z"))
}
