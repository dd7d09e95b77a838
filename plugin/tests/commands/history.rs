//! `hpc-history` as a user runs it: what is listed, what is said of bad traces, and the exit status.

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use super::{command, committed, stderr, stdout};

/// A folder with two whole traces, named as the agent names them.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (trace, name) in [
        ("tests/traces/idle-stock.trace", "vm-20261122T161015Z.trace"),
        (
            "tests/traces/flat-law-10.trace",
            "vm-20261123T161015Z.trace",
        ),
    ] {
        write(&folder, name, committed(trace).as_bytes());
    }
    folder
}

fn write(folder: &TempDir, name: &str, text: &[u8]) {
    fs::write(folder.path().join(name), text).unwrap();
}

fn history(folder: &TempDir, args: &[&str]) -> Output {
    command()
        .args(["hpc-history", "--traces"])
        .arg(folder.path())
        .args(args)
        .output()
        .unwrap()
}

/// The domains listed, of a history with nothing to complain of.
fn domains(folder: &TempDir, args: &[&str]) -> Vec<String> {
    let output = history(folder, args);
    let said = (stderr(&output), output.status.code());
    assert_eq!(said, ("", Some(0)), "{args:?}");
    let lines = stdout(&output).lines().skip(1);
    let domain = |line: &str| line.split_whitespace().nth(2).unwrap().to_owned();
    lines.map(domain).collect()
}

#[test]
fn migrations_are_listed_a_line_each_the_newest_last() {
    let output = history(&folder(), &[]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    let lines: Vec<_> = stdout(&output).lines().collect();
    let [heads, first, last] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(heads.starts_with("RECORDED (UTC)       DOMAIN"), "{heads}");
    assert!(
        first.starts_with("2026-11-22 16:10:15  idle-stock "),
        "{first}"
    );
    let end = "qemu+tcp://beta/system  moved   7.01 s  1.19 s           5  708 MiB  virsh-hpc";
    assert!(last.ends_with(end), "{last}");
}

#[test]
fn what_is_asked_for_is_listed() {
    let folder = folder();
    for (args, expected) in [
        (&["idle-stock"][..], &["idle-stock"][..]),
        (&["06091395-fdac-41c3-9091-713f7eee40c1"], &["flat-law-10"]),
        (&["flat"], &[]),
        (&["--since", "2026-11-23"], &["flat-law-10"]),
        (&["--until", "2026-11-23"], &["idle-stock"]),
        (
            &["--since", "2026-11-22", "--until", "2026-11-23T17:00:00"],
            &["idle-stock", "flat-law-10"],
        ),
        (&["--destination", "beta", "flat-law-10"], &["flat-law-10"]),
        (&["--destination", "gamma"], &[]),
        (&["--result", "moved"], &["idle-stock", "flat-law-10"]),
        (&["--result", "failed"], &[]),
        (&["nosuch"], &[]),
    ] {
        assert_eq!(domains(&folder, args), expected, "{args:?}");
    }
}

#[test]
fn programs_read_json_or_csv() {
    let folder = folder();
    let json = history(&folder, &["--json", "flat-law-10"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["history_format"], 1);
    assert_eq!(json["migrations"][0]["recorded_at"], "2026-11-23T16:10:15Z");
    assert_eq!(json["migrations"][0]["pause_ms"], 1197);
    let csv = history(&folder, &["--csv"]);
    let csv = stdout(&csv);
    assert!(csv.starts_with("trace,problem,domain,uuid,") && csv.lines().count() == 3);
}

#[test]
fn a_bad_trace_is_named_and_the_others_are_listed() {
    let folder = folder();
    let whole = fs::read(folder.path().join("vm-20261122T161015Z.trace")).unwrap();
    write(
        &folder,
        "cut-20261124T161015Z.trace",
        &whole[..whole.len() / 2],
    );
    write(&folder, "empty.trace", b"");
    write(&folder, "foreign.trace", b"{\"type\":\"\\u001b[2J\"}\n");
    write(&folder, "notes.txt", b"no trace");
    let output = history(&folder, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let place = folder.path().display();
    for expected in [
        format!("{place}/cut-20261124T161015Z.trace: line "),
        format!("cannot report on the trace {place}/empty.trace: line 1: a trace begins"),
        format!(
            "cannot report on the trace {place}/foreign.trace: line 1 is not a record of a trace: unknown variant `?[2J`"
        ),
    ] {
        assert!(
            said.contains(&format!("virsh-hpc: warning: {expected}")),
            "{said}"
        );
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    let listed = stdout(&output);
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let cut = listed.lines().last().unwrap();
    assert!(
        cut.starts_with("2026-11-24") && cut.contains("  unknown "),
        "{cut}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = folder();
    let output = history(&folder, &["--since", "yesterday"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("or a span before now (90min, 7days)"));
    let none = ["hpc-history", "--traces", "/nonexistent"];
    let output = command().args(none).output().unwrap();
    assert_eq!((stdout(&output), output.status.code()), ("", Some(1)));
    let said =
        "error: cannot list the traces in /nonexistent: No such file or directory (os error 2)\n";
    assert_eq!(stderr(&output), said);
}
