//! The newest traces of a folder: of this domain, and of others.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::estimate::curve::Reading;
use crate::estimate::earlier::Earlier;
use crate::trace;

/// So many of the newest traces of this domain are read, and of others, and none that is larger: an hour's has 10 to 20
/// MB.
const NEWEST: usize = 8;
const LARGEST_BYTES: u64 = 64 << 20;

/// So many of the newest are asked whose they are: their first line tells, and is no longer.
const ASKED: usize = 1024;
const FIRST_LINE_BYTES: u64 = 64 << 10;

/// What they tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traces {
    /// The bandwidth of the last migration to the same destination, or else of this domain, or of any, bytes per second.
    pub(super) bandwidth_bytes_per_s: Option<u64>,
    /// What the first round of this domain's last migration sent, bytes.
    pub(super) data_bytes: Option<u64>,
    /// What the domain wrote in its last migration.
    pub(super) readings: Vec<Reading>,
    /// Why there is less than there might be.
    pub(super) problem: Option<String>,
}

/// Reads those of `folder`; that there is none is no problem.
pub(super) fn read(folder: &Path, uuid: &str, destination: Option<&str>) -> Traces {
    let files = match newest(folder, uuid) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Traces::default(),
        Err(error) => {
            let folder = folder.display();
            return Traces {
                problem: Some(format!("the traces in {folder} cannot be read: {error}")),
                ..Traces::default()
            };
        }
    };
    let earlier: Vec<Earlier> = files.iter().filter_map(|file| one(file)).collect();
    chosen(&earlier, uuid, destination)
}

/// The newest first.
fn chosen(earlier: &[Earlier], uuid: &str, destination: Option<&str>) -> Traces {
    let is_there =
        |one: &&Earlier| destination.is_some() && one.destination.as_deref() == destination;
    let is_same = |one: &&Earlier| one.uuid == uuid;
    let bandwidth = |one: &Earlier| one.bandwidth_bytes_per_s;
    let there = earlier.iter().filter(is_there).find_map(bandwidth);
    let same = || earlier.iter().filter(is_same).find_map(bandwidth);
    // One that ended before its first sync tells nothing, and hides none.
    let told = |one: &&Earlier| is_same(one) && !one.readings.is_empty();
    let of_this = || earlier.iter().filter(is_same);
    Traces {
        bandwidth_bytes_per_s: there
            .or_else(same)
            .or_else(|| earlier.iter().find_map(bandwidth)),
        data_bytes: of_this().find_map(|one| one.data_bytes),
        readings: earlier
            .iter()
            .find(told)
            .map(|one| one.readings.clone())
            .unwrap_or_default(),
        problem: None,
    }
}

fn newest(folder: &Path, uuid: &str) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "trace"))
        .filter_map(|path| {
            let file = fs::metadata(&path).ok()?;
            let fits = file.is_file() && file.len() <= LARGEST_BYTES;
            fits.then(|| Some((file.modified().ok()?, path))).flatten()
        })
        .collect();
    files.sort_by(|one, other| other.cmp(one));
    files.truncate(ASKED);
    let (mut own, mut others) = (0, 0);
    let is_wanted = |path: &PathBuf| {
        let kept = if is_of(path, uuid) {
            &mut own
        } else {
            &mut others
        };
        *kept += 1;
        *kept <= NEWEST
    };
    let paths = files.into_iter().map(|(_, path)| path);
    Ok(paths.filter(is_wanted).collect())
}

/// Whether a trace is of that domain.
fn is_of(file: &Path, uuid: &str) -> bool {
    let Ok(file) = File::open(file) else {
        return false;
    };
    let mut line = Vec::new();
    let read = BufReader::new(file.take(FIRST_LINE_BYTES)).read_until(b'\n', &mut line);
    read.is_ok() && String::from_utf8_lossy(&line).contains(uuid)
}

/// None if it is no trace: others may write here.
fn one(file: &Path) -> Option<Earlier> {
    let reader = BufReader::new(File::open(file).ok()?);
    Earlier::read(trace::read(reader)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(uuid: &str, destination: Option<&str>, bandwidth: Option<u64>) -> Earlier {
        Earlier {
            uuid: uuid.to_owned(),
            destination: destination.map(str::to_owned),
            bandwidth_bytes_per_s: bandwidth,
            ..Earlier::default()
        }
    }

    #[test]
    fn the_bandwidth_is_that_of_the_same_link_if_one_is_known() {
        let all = [
            earlier("other", None, None),
            earlier("other", Some("c"), Some(3)),
            earlier("vm", None, Some(2)),
            earlier("other", Some("b"), Some(1)),
        ];
        let bandwidth = |uuid, destination| chosen(&all, uuid, destination).bandwidth_bytes_per_s;
        assert_eq!(bandwidth("vm", Some("b")), Some(1));
        assert_eq!(bandwidth("vm", Some("d")), Some(2));
        assert_eq!(bandwidth("vm", None), Some(2));
        assert_eq!(bandwidth("third", None), Some(3));
        assert_eq!(chosen(&[], "vm", None), Traces::default());
    }

    #[test]
    fn a_migration_that_ended_early_does_not_hide_the_one_before() {
        let reading = Reading {
            span: std::time::Duration::from_secs(1),
            written_bytes: 7,
            sampled: false,
        };
        let whole = Earlier {
            data_bytes: Some(9),
            readings: vec![reading],
            ..earlier("vm", None, None)
        };
        let found = chosen(&[earlier("vm", None, None), whole], "vm", None);
        assert_eq!((found.data_bytes, found.readings), (Some(9), vec![reading]));
    }

    #[test]
    fn only_traces_count_and_the_newest_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
        let copy = |name: &str| {
            fs::copy(
                committed.join("flat-law-10.trace"),
                folder.path().join(name),
            )
            .expect("copied");
        };
        copy("a.trace");
        copy("a.txt");
        fs::write(folder.path().join("b.trace"), "no trace\n").expect("written");
        fs::create_dir(folder.path().join("c.trace")).expect("a folder");
        assert_eq!(newest(folder.path(), "none").expect("a list").len(), 2);
        let traces = read(folder.path(), "none", None);
        assert!(traces.bandwidth_bytes_per_s.is_some() && traces.readings.is_empty());
    }

    /// A busy host's traces of other domains do not hide it.
    #[test]
    fn an_old_trace_of_this_domain_is_found_behind_newer_ones_of_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, uuid: &str| {
            let file = folder.path().join(name);
            fs::write(&file, format!("{{\"uuid\":\"{uuid}\"}}\n")).expect("written");
            file
        };
        let mut own: Vec<PathBuf> = (0..NEWEST + 2)
            .map(|n| write(&format!("{n:02}.trace"), "vm"))
            .collect();
        (0..NEWEST * 3).for_each(|n| drop(write(&format!("{}.trace", 50 + n), "other")));
        let found = newest(folder.path(), "vm").expect("a list");
        assert_eq!(found.len(), 2 * NEWEST);
        own.reverse();
        own.truncate(NEWEST);
        assert!(found.ends_with(&own), "{found:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_problem_and_one_that_is_none_is() {
        assert_eq!(
            read(Path::new("/nonexistent"), "vm", None),
            Traces::default()
        );
        assert!(
            read(Path::new("/proc/version"), "vm", None)
                .problem
                .is_some()
        );
    }
}
