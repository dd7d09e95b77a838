//! `hpc-report` as a user runs it: what is written where, what is said of bad traces, and the exit status.

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use super::{command, committed, stderr, stdout};

/// A folder with a whole trace, named as the agent names them, one that was cut, and others that are none.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let whole = committed("tests/traces/idle-stock.trace");
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("vm-20261122T161015Z.trace", whole.as_bytes());
    write("cut.trace", &whole.as_bytes()[..whole.len() / 2]);
    write("empty.trace", b"");
    write("foreign.trace", b"{\"type\":\"\\u001b[2J\"}\n");
    folder
}

fn report(folder: &TempDir, args: &[&str]) -> Output {
    command()
        .arg("hpc-report")
        .args(args)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn markdown_is_printed_where_no_file_is_named() {
    let output = report(&folder(), &["vm-20261122T161015Z.trace"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    let text = stdout(&output);
    assert!(text.starts_with("# Migration of idle-stock\n"), "{text}");
    assert!(text.contains("| Recorded | 2026-11-22 16:10:15 UTC (begun, by the trace's name) |"));
}

#[test]
fn a_file_has_the_format_of_its_ending() {
    let folder = folder();
    for (file, head) in [
        ("r.html", "<!DOCTYPE html>"),
        ("r.md", "# Migration of"),
        ("r.csv", "trace,"),
        ("r.json", "{\n"),
        ("r.svg", "<svg "),
    ] {
        let output = report(&folder, &["vm-20261122T161015Z.trace", "-o", file]);
        let said = (stdout(&output), stderr(&output), output.status.code());
        assert_eq!(said, ("", "", Some(0)), "{file}");
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.starts_with(head) && text.ends_with('\n'), "{file}");
    }
}

#[test]
fn an_ending_that_is_no_format_is_refused_before_anything_is_read() {
    let folder = folder();
    for (args, said) in [
        (
            &["none.trace", "--output", "r.pdf"][..],
            "error: cannot write r.pdf: the ending of a report's name says its format, and is one of .html, .md, .csv, \
             .json, .svg\n",
        ),
        (
            &["a.trace", "b.trace", "-o", "r.svg"],
            "error: cannot write r.svg: a picture (.svg) shows one trace, not 2\n",
        ),
    ] {
        let output = report(&folder, args);
        assert_eq!((stderr(&output), output.status.code()), (said, Some(1)));
    }
    assert!(!folder.path().join("r.pdf").exists());
}

#[test]
fn a_trace_that_was_cut_is_reported_with_a_warning_and_status_1() {
    let folder = folder();
    let output = report(&folder, &["cut.trace", "-o", "r.md"]);
    let said = stderr(&output);
    assert!(
        said.starts_with("virsh-hpc: warning: cut.trace: line ")
            && said.contains("ends here without a result"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    let text = fs::read_to_string(folder.path().join("r.md")).unwrap();
    assert!(
        text.contains("**This report is incomplete: line "),
        "{text}"
    );
    assert!(text.contains("| Bandwidth | 1"), "{text}");
}

#[test]
fn a_file_that_is_no_trace_is_named_with_its_line_and_the_others_are_reported() {
    let folder = folder();
    for (file, said) in [
        (
            "empty.trace",
            "line 1: a trace begins with one record of type begin",
        ),
        (
            "foreign.trace",
            "line 1 is not a record of a trace: unknown variant `?[2J`",
        ),
        ("none.trace", "No such file or directory"),
        (".", "line 1: cannot read: Is a directory"),
    ] {
        let start = format!("cannot report on the trace {file}: {said}");
        let alone = report(&folder, &[file]);
        assert_eq!((stdout(&alone), alone.status.code()), ("", Some(1)));
        let error = stderr(&alone);
        assert!(error.starts_with(&format!("error: {start}")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");

        let among = report(&folder, &[file, "vm-20261122T161015Z.trace"]);
        assert!(stdout(&among).starts_with("# Migration of idle-stock"));
        let warning = stderr(&among);
        assert!(
            warning.starts_with(&format!("virsh-hpc: warning: {start}")),
            "{warning}"
        );
        assert_eq!(among.status.code(), Some(1));
    }
    let none = report(&folder, &["empty.trace", "none.trace", "-o", "r.html"]);
    assert!(
        stderr(&none)
            .ends_with("error: none of the traces can be read: there is nothing to report\n")
    );
    assert!(!folder.path().join("r.html").exists());
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let output = report(
        &folder(),
        &["vm-20261122T161015Z.trace", "-o", "nowhere/r.md"],
    );
    assert_eq!(output.status.code(), Some(1));
    let said = "error: cannot write nowhere/r.md: No such file or directory (os error 2)\n";
    assert_eq!(stderr(&output), said);
}
