//! The traces of a folder, oldest first.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::report::read::recorded;
use crate::report::summary::Recorded;
use crate::trace::file_name::FileName;

/// What the names of traces end in.
const EXTENSION: &str = "trace";

/// A trace that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its file.
    pub path: PathBuf,
    /// When it was recorded, if that is known.
    pub recorded: Option<Recorded>,
}

/// The traces in `folder`, by the time at which they were recorded. Only plain files count, for a pipe or a device would
/// not end.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // What is gone by now was removed as too old.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() && path.extension() == Some(OsStr::new(EXTENSION)) {
            let recorded = recorded(&path, Some(&metadata));
            found.push(Listed { path, recorded });
        }
    }
    found.sort_by_cached_key(|listed| {
        let at = listed.recorded.as_ref().map(|recorded| recorded.at.clone());
        (at, number(&listed.path), listed.path.clone())
    });
    Ok(found)
}

/// Which of its second, if the agent has named it.
fn number(path: &Path) -> u32 {
    let name = path.file_name().and_then(OsStr::to_str);
    name.and_then(FileName::read).map_or(1, |name| name.number)
}
