//! The directory of the traces: a new file for each migration, and an end for the old ones.
//!
//! ```text
//!   DOMAIN-20261122T161015Z.trace      begun then, in UTC
//!   DOMAIN-20261122T161015Z-2.trace    another one of that second
//! ```

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::agent::process::config::Traces;
use crate::trace::file_name::{self, FileName};

/// How many traces of one domain may begin in one second; more is no migration but a mistake.
const MAX_SAME_SECOND: u32 = 100;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A new file for a migration of the domain that begins `now`, with mode 0640. Its directory is made if it
/// is not there.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn create(
    traces: &Traces,
    domain: &str,
    uuid: &str,
    now: SystemTime,
) -> io::Result<(PathBuf, File)> {
    let within = |error: io::Error| {
        let directory = traces.directory.display();
        let why = format!("cannot make a trace of domain {domain} in {directory}: {error}");
        io::Error::new(error.kind(), why)
    };
    make_directory(&traces.directory).map_err(within)?;
    let mut name = FileName::new(domain, uuid, now);
    loop {
        let path = traces.directory.join(name.to_string());
        match create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error)
                if error.kind() == ErrorKind::AlreadyExists && name.number < MAX_SAME_SECOND =>
            {
                name.number += 1;
            }
            Err(error) => return Err(within(error)),
        }
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .mode(0o750)
        .recursive(true)
        .create(directory)
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o640).open(path)
}

/// A trace that is there.
struct Found {
    name: FileName,
    path: PathBuf,
    bytes: u64,
}

/// Removes the oldest traces, by the time in their names, until the rest is within all three limits.
/// Says how many are gone.
///
/// A trace that is `in_use` stays, and counts. What is not a plain file with a name as [`create`] gives
/// it is not the agent's: it stays, and does not count.
///
/// # Errors
/// The directory cannot be read, or a trace cannot be removed: the first such error, after all the others
/// are removed. A directory that is not there holds nothing to be removed.
pub(crate) fn prune(
    traces: &Traces,
    in_use: &HashSet<PathBuf>,
    now: SystemTime,
) -> io::Result<usize> {
    let mut found = find(&traces.directory)?;
    // The newest first.
    found.sort_by(|a, b| b.name.cmp(&a.name));
    let oldest = file_name::stamp(
        now.checked_sub(DAY * traces.keep_days)
            .unwrap_or(SystemTime::UNIX_EPOCH),
    );
    let (mut files, mut bytes, mut removed) = (0, 0_u64, 0);
    let mut failed = None;
    for trace in found {
        files += 1;
        bytes = bytes.saturating_add(trace.bytes);
        let within = files <= traces.keep_files
            && bytes <= traces.keep_bytes
            && *trace.name.stamp >= *oldest;
        if within || in_use.contains(&trace.path) {
            continue;
        }
        match fs::remove_file(&trace.path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => failed = failed.or(Some(cannot("remove", &trace.path, &error))),
        }
    }
    failed.map_or(Ok(removed), Err)
}

/// All traces of the agent in `directory`.
fn find(directory: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| cannot("read", directory, &error))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| cannot("read", directory, &error))?;
        let Some(name) = entry.file_name().to_str().and_then(FileName::read) else {
            continue;
        };
        // A link's own kind, not that of where it leads. What is gone by now needs no removing.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() {
            let (path, bytes) = (entry.path(), metadata.len());
            found.push(Found { name, path, bytes });
        }
    }
    Ok(found)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot {what} {}: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests;
