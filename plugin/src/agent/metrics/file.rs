//! The file that node_exporter reads: replaced as a whole, so that nobody reads half of it.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// Its name: node_exporter reads what ends so.
pub(super) const NAME: &str = "libvirt-hpc.prom";

/// For whoever collects metrics, who is not root.
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

/// Writes `text` to the file in `directory`, which is made if it is not there.
///
/// # Errors
/// When it cannot be; then what was there before stays.
pub(super) fn write(directory: &Path, text: &str) -> io::Result<PathBuf> {
    if !directory.is_dir() {
        fs::create_dir_all(directory)?;
        // Whatever the process lets others read by default.
        fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE))?;
    }
    // A name that nobody can have foreseen, for the directory may be another user's.
    let mut file = Builder::new()
        .prefix(".libvirt-hpc-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    let mode = Permissions::from_mode(FILE_MODE);
    file.as_file().set_permissions(mode)?;
    let path = directory.join(NAME);
    file.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}

/// Removes the file at `path`.
///
/// # Errors
/// When it is there and stays.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
