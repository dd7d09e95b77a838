//! The domains that `hpc-adopt` took, kept across a restart of the agent, not of the host.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Where.
const FILE: &str = "/run/libvirt-hpc/adopted.json";

/// What was written; nothing if nothing can be read.
#[must_use]
pub(crate) fn read() -> BTreeSet<String> {
    read_from(Path::new(FILE))
}

/// Writes it.
///
/// # Errors
/// When it cannot be.
pub(crate) fn write(adopted: &BTreeSet<String>) -> io::Result<()> {
    write_to(Path::new(FILE), adopted)
}

fn read_from(path: &Path) -> BTreeSet<String> {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_to(path: &Path, adopted: &BTreeSet<String>) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&serde_json::to_vec(adopted)?)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_garbage_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("adopted.json");
        assert!(read_from(&path).is_empty());
        let adopted = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        write_to(&path, &adopted).expect("written");
        assert_eq!(read_from(&path), adopted);
        fs::write(&path, "[1").expect("written");
        assert!(read_from(&path).is_empty());
    }
}
