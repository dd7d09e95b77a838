//! The hook as libvirt runs it: status 0 and not a word, whatever it is given.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const NAMESPACE: &str = "urn:libvirt-hpc:domain:1.0";

fn hook(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_libvirt-hpc-hook"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the hook runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Like libvirt, no offence is taken if the hook does not read all of it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the hook ends")
}

fn assert_silent(arguments: &[&str], input: &[u8]) {
    let output = hook(arguments, input);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
}

fn assert_silent_on_arrival(input: &[u8]) {
    assert_silent(&["rank0", "migrate", "begin", "-"], input);
}

fn domain(policy: &str) -> String {
    let metadata = format!("<metadata xmlns:h=\"{NAMESPACE}\">{policy}</metadata>");
    format!("<domain type=\"kvm\"><name>rank0</name>{metadata}</domain>\n")
}

/// A call of libvirt from within a hook can hang the daemon, so there is no way
/// to make one: the name of the library would be in the dynamic section.
#[test]
fn libvirt_is_not_linked() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_libvirt-hpc-hook")).expect("the hook");
    let contains = |name: &[u8]| program.windows(name.len()).any(|part| part == name);
    assert!(
        contains(b"libc.so"),
        "this is not how libraries are named here"
    );
    assert!(!contains(b"libvirt.so"));
}

#[test]
fn any_arguments_will_do() {
    let input = domain("<h:migration/>");
    let calls: [&[&str]; 8] = [
        &[],
        &["rank0"],
        &["rank0", "migrate"],
        &["rank0", "migrate", "begin"],
        &["rank0", "migrate", "begin", "-", "more", "and", "more"],
        &["rank0", "reconnect", "begin", "-"],
        &["rank0", "no-such-operation", "end", "failed"],
        &["--help"],
    ];
    for arguments in calls {
        assert_silent(arguments, input.as_bytes());
    }
}

#[test]
fn every_operation_of_libvirt_passes() {
    let operations = [
        ("prepare", "begin"),
        ("start", "begin"),
        ("started", "begin"),
        ("stopped", "end"),
        ("release", "end"),
        ("migrate", "begin"),
        ("restore", "begin"),
        ("reconnect", "begin"),
        ("attach", "begin"),
    ];
    for (operation, sub_operation) in operations {
        let arguments = ["rank0", operation, sub_operation, "-"];
        assert_silent(&arguments, domain("<h:migration/>").as_bytes());
    }
}

#[test]
fn a_bad_policy_stops_nothing() {
    assert_silent_on_arrival(domain("<h:migration><h:downtime max='x'/></h:migration>").as_bytes());
    assert_silent_on_arrival(domain("<h:migration><h:unknown/></h:migration>").as_bytes());
    assert_silent_on_arrival(domain("<h:migration/><h:migration/>").as_bytes());
}

#[test]
fn garbage_stops_nothing() {
    assert_silent_on_arrival(b"");
    assert_silent_on_arrival(b"no XML at all");
    assert_silent_on_arrival(b"\0\xff\xfe<");
    assert_silent_on_arrival("<a>".repeat(10_000).as_bytes());
}

#[test]
fn huge_input_stops_nothing() {
    assert_silent_on_arrival(&vec![b'x'; 64 * 1024 * 1024]);
}

#[test]
fn truncated_input_stops_nothing() {
    let whole = domain("<h:migration><h:downtime max='5'/></h:migration>");
    for cut in (0..whole.len()).step_by(7) {
        assert_silent_on_arrival(&whole.as_bytes()[..cut]);
    }
}

#[test]
fn a_name_that_is_not_text_stops_nothing() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let output = Command::new(env!("CARGO_BIN_EXE_libvirt-hpc-hook"))
        .arg(OsStr::from_bytes(b"\xff\xfe"))
        .args(["migrate", "begin", "-"])
        .stdin(Stdio::null())
        .output()
        .expect("the hook runs");
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}
