//! The session against libvirt's built-in test driver, which has domains and metadata but no migrations.
//!
//! The real virsh is a script that prints what it is given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use super::{command, stderr, stdout};

const URI: &str = "test:///default";
const DEST: &str = "qemu+tcp://other/system";

/// Runs the session; `virsh` prints its arguments, one a line, and ends with 7.
fn session(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let virsh = folder.path().join("virsh");
    fs::write(&virsh, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n").unwrap();
    fs::set_permissions(&virsh, fs::Permissions::from_mode(0o755)).unwrap();
    command()
        .args(args)
        .env("VIRSH_HPC_VIRSH", &virsh)
        .output()
        .unwrap()
}

#[track_caller]
fn is_virshs(args: &[&str], virsh_args: &[&str], said: &str) {
    let output = session(args);
    let given: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(given, virsh_args, "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(stderr(&output), said);
}

#[test]
fn an_unmarked_domain_is_virshs() {
    let args = ["-c", URI, "migrate", "--live", "test", DEST];
    is_virshs(&args, &args, "");
}

#[test]
fn what_cannot_be_found_or_reached_is_virshs_to_say() {
    for args in [
        ["-c", URI, "migrate", "--live", "nosuch", DEST],
        ["-c", "nodriver:///", "migrate", "--live", "test", DEST],
    ] {
        is_virshs(&args, &args, "");
    }
}

#[test]
fn off_is_off_and_virsh_never_sees_options_of_ours() {
    let args = ["-c", URI, "migrate", "--live", "--hpc-off", "test", DEST];
    is_virshs(&args, &["-c", URI, "migrate", "--live", "test", DEST], "");
}

#[test]
fn control_that_was_asked_for_and_cannot_be_is_said() {
    let args = ["-c", URI, "migrate", "--hpc-law=adaptive", "test", DEST];
    let said = "virsh-hpc: without --live the guest is stopped throughout: plain virsh runs this \
                migration\n";
    is_virshs(&args, &["-c", URI, "migrate", "test", DEST], said);
}

#[test]
fn a_policy_is_shown_set_and_cleared() {
    let policy = |args: &[&str]| session(&[&["-c", URI, "hpc-policy", "test"], args].concat());
    let shown = policy(&[]);
    assert!(shown.status.success(), "{}", stderr(&shown));
    assert_eq!(stdout(&shown), "live: not marked\nconfig: not marked\n");

    let set = policy(&["--set-bandwidth", "20", "--config", "--verbose"]);
    let text = stdout(&set);
    let (before, after) = text.split_once("config XML after:").unwrap();
    assert!(set.status.success(), "{}", stderr(&set));
    let head = "config XML before:\n<domain";
    assert!(before.starts_with(head), "{before}");
    assert!(!before.contains("</metadata>"), "{before}");
    let bandwidth = "<hpc:bandwidth max=\"20\" unit=\"MiB/s\"/>";
    assert!(before.contains(bandwidth), "{before}");
    assert!(after.contains("</metadata>"), "{after}");

    let cleared = policy(&["--clear"]);
    assert_eq!(stdout(&cleared), "live: not marked\nconfig: not marked\n");
}

#[test]
fn a_policy_that_contradicts_itself_changes_nothing() {
    let deadline = ["--set-deadline", "9,postcopy"];
    let output = session(&[&["-c", URI, "hpc-policy", "test"][..], &deadline].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let said = "error: <deadline>: then is postcopy, which needs <postcopy allowed=\"yes\"/>: nothing was \
                changed\n";
    assert_eq!(stderr(&output), said);
}

#[test]
fn an_estimate_says_what_it_does_not_know_and_its_status_is_for_scripts() {
    let estimate = |args: &[&str]| {
        let args = [
            &["-c", URI, "hpc-estimate", "test", "--traces", "/none"],
            args,
        ]
        .concat();
        session(&args)
    };
    let source = estimate(&[]);
    let text = stdout(&source);
    assert_eq!((stderr(&source), source.status.code()), ("", Some(4)));
    assert!(
        text.starts_with("Migration of test; no destination was named"),
        "{text}"
    );
    for part in [
        "what the guest writes now",
        "no trace in /none tells it",
        "is not known",
    ] {
        assert!(text.contains(part), "{text}");
    }

    let itself = estimate(&[URI, "--json", "--seconds", "0"]);
    assert_eq!(itself.status.code(), Some(2), "{}", stderr(&itself));
    let json: serde_json::Value = serde_json::from_slice(&itself.stdout).unwrap();
    assert_eq!(json["verdict"], "refused");
    assert_eq!(json["findings"][0]["code"], "same_host");

    let nobody = session(&["-c", URI, "hpc-estimate", "nosuch"]);
    assert_eq!((stdout(&nobody), nobody.status.code()), ("", Some(1)));
    assert!(stderr(&nobody).contains("nosuch"));
}

#[test]
fn a_file_that_is_no_trace_is_refused_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    fs::write(&file, "no trace\n").unwrap();
    let output = session(&["hpc-replay", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let head = "error: cannot replay the trace ";
    assert!(said.starts_with(head), "{said}");
    let cause = ": line 1 is not a record of a trace";
    assert!(said.contains(cause), "{said}");
    assert_eq!(said.lines().count(), 1, "the cause is named once: {said}");
}
