use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const MIB: u64 = 1024 * 1024;

fn traces(directory: &Path) -> Traces {
    Traces {
        directory: directory.to_owned(),
        ..Traces::default()
    }
}

/// So many days after the first.
fn day(days: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * days
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("listed");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("entry").file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().expect("text"))
        .collect();
    names.sort();
    names
}

/// A trace of each of the days, of `bytes` each.
fn make(traces: &Traces, days: impl IntoIterator<Item = u32>, bytes: u64) -> Vec<PathBuf> {
    let make = |days| {
        let (path, file) = create(traces, "d", "U", day(days)).expect("created");
        file.set_len(bytes).expect("sized");
        path
    };
    days.into_iter().map(make).collect()
}

fn left(paths: &[PathBuf]) -> Vec<bool> {
    paths.iter().map(|path| path.exists()).collect()
}

#[test]
fn a_trace_is_a_new_file_in_a_directory_that_is_made() {
    let folder = tempfile::tempdir().expect("folder");
    let traces = traces(&folder.path().join("log/libvirt-hpc"));
    for _ in 0..3 {
        let (path, file) = create(&traces, "../rank0", "U", day(0)).expect("created");
        assert_eq!(path.parent(), Some(traces.directory.as_path()));
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o7777 & !0o640, 0, "{mode:o}");
    }
    let expected = [
        "_._rank0-19700101T000000Z-2.trace",
        "_._rank0-19700101T000000Z-3.trace",
        "_._rank0-19700101T000000Z.trace",
    ];
    assert_eq!(names(&traces.directory), expected);
}

#[test]
fn a_link_that_waits_for_us_is_not_followed() {
    let folder = tempfile::tempdir().expect("folder");
    let target = folder.path().join("target");
    symlink(&target, folder.path().join("d-19700101T000000Z.trace")).expect("linked");
    let (path, _) = create(&traces(folder.path()), "d", "U", day(0)).expect("created");
    assert!(path.ends_with("d-19700101T000000Z-2.trace") && !target.exists());
}

#[test]
fn one_domain_does_not_fill_a_second_for_ever() {
    let folder = tempfile::tempdir().expect("folder");
    let traces = traces(folder.path());
    make(&traces, (0..MAX_SAME_SECOND).map(|_| 0), 0);
    let error = create(&traces, "d", "U", day(0)).expect_err("full");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let start = format!(
        "cannot make a trace of domain d in {}: ",
        folder.path().display()
    );
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn the_oldest_go_first_by_number_size_and_age() {
    for (files, mib, days, expected) in [
        (10, 10, 10, [true; 5]),
        (3, 10, 10, [false, false, true, true, true]),
        (10, 4, 10, [false, true, true, true, true]),
        (10, 10, 2, [false, false, true, true, true]),
        (1, 1, 0, [false, false, false, false, true]),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        let traces = Traces {
            keep_files: files,
            keep_bytes: mib * MIB,
            keep_days: days,
            ..traces(folder.path())
        };
        let paths = make(&traces, 100..105, MIB);
        let removed = prune(&traces, &HashSet::new(), day(104)).expect("pruned");
        assert_eq!(left(&paths), expected, "{files} {mib} {days}");
        assert_eq!(removed, expected.iter().filter(|left| !**left).count());
    }
}

#[test]
fn of_one_second_the_first_are_the_oldest() {
    let folder = tempfile::tempdir().expect("folder");
    let traces = Traces {
        keep_files: 2,
        ..traces(folder.path())
    };
    let paths = make(&traces, [5; 12], 0);
    prune(&traces, &HashSet::new(), day(5)).expect("pruned");
    let expected: Vec<_> = (0..12).map(|index| index >= 10).collect();
    assert_eq!(left(&paths), expected);
}

#[test]
fn what_is_being_written_stays_and_counts() {
    let folder = tempfile::tempdir().expect("folder");
    let traces = Traces {
        keep_files: 2,
        ..traces(folder.path())
    };
    let paths = make(&traces, 1..6, MIB);
    let in_use = HashSet::from([paths[0].clone(), paths[4].clone()]);
    prune(&traces, &in_use, day(1000)).expect("pruned");
    assert_eq!(left(&paths), [true, false, false, false, true]);
}

#[test]
fn what_is_not_ours_stays() {
    let folder = tempfile::tempdir().expect("folder");
    let inside = |name: &str| folder.path().join(name);
    let traces = Traces {
        keep_files: 1,
        keep_days: 1,
        ..traces(folder.path())
    };
    fs::write(inside("target"), "x").expect("written");
    symlink(inside("target"), inside("link-19700102T000000Z.trace")).expect("linked");
    fs::create_dir(inside("directory-19700102T000000Z.trace")).expect("made");
    for name in ["notes.txt", "mine.trace", "mine-19700102T000000Z.trace.gz"] {
        fs::write(inside(name), "x").expect("written");
    }
    let before = names(folder.path());
    let made = make(&traces, 1..4, 0);
    assert_eq!(
        prune(&traces, &HashSet::new(), day(1000)).expect("pruned"),
        made.len()
    );
    assert_eq!(names(folder.path()), before);
}

#[test]
fn no_directory_no_work() {
    let folder = tempfile::tempdir().expect("folder");
    let absent = traces(&folder.path().join("absent"));
    assert_eq!(prune(&absent, &HashSet::new(), day(1)).expect("nothing"), 0);
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("written");
    prune(&traces(&file), &HashSet::new(), day(1)).expect_err("not a directory");
    create(&traces(&file), "d", "U", day(1)).expect_err("not a directory");
}
