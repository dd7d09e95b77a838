//! A file for what the product reads by its path.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory in memory, where there is one.
const MEMORY: &str = "/dev/shm";

thread_local! {
    static DIRECTORY: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// The path of the file `name` of this thread, which holds `content`.
pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = directory().join(name);
    fs::write(&path, content).expect("a file in the scratch directory");
    path
}

/// The directory of this thread.
pub(crate) fn directory() -> PathBuf {
    DIRECTORY.with_borrow_mut(|directory| {
        let directory = directory.get_or_insert_with(|| {
            let made = match Path::new(MEMORY).is_dir() {
                true => tempfile::tempdir_in(MEMORY),
                false => tempfile::tempdir(),
            };
            made.expect("a scratch directory")
        });
        directory.path().to_owned()
    })
}
