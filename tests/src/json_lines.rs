//! Files of results: JSON, a value in each line.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// All values of a file; none if there is no such file.
///
/// # Errors
/// When it cannot be read, or a line is something else.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let line = |(number, line)| {
        serde_json::from_str(line)
            .with_context(|| format!("{}, line {}", path.display(), number + 1))
    };
    text.lines().enumerate().map(line).collect()
}

/// Removes what follows the last end of a line: an incomplete one, of a program that was killed.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn cut_short(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let what = || format!("repairing {}", path.display());
    let bytes = fs::read(path).with_context(what)?;
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .with_context(what)?;
        file.set_len(u64::try_from(whole)?).with_context(what)?;
    }
    Ok(())
}

/// Writes one more value, to the disk.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn append(path: &Path, value: &impl Serialize) -> Result<()> {
    let what = || format!("writing {}", path.display());
    let mut line = serde_json::to_string(value).with_context(what)?;
    line.push('\n');
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(what)?;
    file.write_all(line.as_bytes()).with_context(what)?;
    file.sync_data().with_context(what)
}

/// Writes the file anew: whole, or not at all.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn replace(path: &Path, values: &[impl Serialize]) -> Result<()> {
    let what = || format!("writing {}", path.display());
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary).with_context(what)?;
    for value in values {
        writeln!(file, "{}", serde_json::to_string(value)?).with_context(what)?;
    }
    file.sync_data().with_context(what)?;
    fs::rename(&temporary, path).with_context(what)
}
