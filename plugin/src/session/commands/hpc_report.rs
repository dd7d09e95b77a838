//! `hpc-report`: the performance of earlier migrations, from their traces.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use time::OffsetDateTime;

use crate::flags::hpc_commands::ReportArgs;
use crate::in_words::printable;
use crate::report::{self, Format, Migration, Recorded, RecordedBy};
use crate::trace;
use crate::trace::file_name::FileName;

/// Reports on the traces of `args` to `out`, or to the file that is asked for. What is wrong with a trace is said to
/// `warnings`; the others, and what could be read of it, are reported all the same, and the exit status is 1.
///
/// # Errors
/// An ending that is no format's, no trace that can be read, or a report that cannot be written.
pub fn command(
    args: &ReportArgs,
    out: &mut dyn Write,
    warnings: &mut dyn Write,
) -> Result<ExitCode> {
    let count = args.traces.len();
    let format = match &args.output {
        Some(file) => Format::of(file, count).with_context(|| cannot("write", file))?,
        None => Format::Markdown,
    };
    let (mut migrations, mut whole) = (Vec::new(), true);
    for path in &args.traces {
        match read(path) {
            Ok(migration) => {
                if let Some(problem) = &migration.problem {
                    warn(warnings, &format!("{}: {problem}", path.display()));
                    whole = false;
                }
                migrations.push(migration);
            }
            Err(error) if count == 1 => return Err(error),
            Err(error) => {
                warn(warnings, &format!("{error:#}"));
                whole = false;
            }
        }
    }
    if migrations.is_empty() {
        bail!("none of the traces can be read: there is nothing to report");
    }
    let text = report::render(format, &migrations)?;
    match &args.output {
        Some(file) => fs::write(file, text).with_context(|| cannot("write", file))?,
        None => {
            let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            written.context("cannot print the report")?;
        }
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cannot(act: &str, file: &Path) -> String {
    format!("cannot {act} {}", printable(&file.display().to_string()))
}

fn read(path: &Path) -> Result<Migration> {
    let what = || cannot("report on the trace", path);
    let file = File::open(path).with_context(what)?;
    let recorded = recorded(path, &file);
    let records = trace::read(BufReader::new(file));
    let name = path.display().to_string();
    // As text, for what is wrong with a line may quote it.
    let read = report::summarise(name, recorded, records);
    read.map_err(|error| anyhow::anyhow!(printable(&error.to_string())))
        .with_context(what)
}

/// Nowhere is left to say that a warning could not be written; the exit status tells.
fn warn(warnings: &mut dyn Write, text: &str) {
    let _ = writeln!(warnings, "virsh-hpc: warning: {}", printable(text));
}

/// By the name that the agent gives, or else by the file's time.
fn recorded(path: &Path, file: &File) -> Option<Recorded> {
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(at) = name.and_then(FileName::read).and_then(|name| name.began()) {
        let by = RecordedBy::FileName;
        return Some(Recorded { at, by });
    }
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let at = iso(metadata.modified().ok()?)?;
    let by = RecordedBy::FileTime;
    Some(Recorded { at, by })
}

fn iso(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let (date, (hour, minute, second)) = (time.date(), time.to_hms());
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}Z"))
}
