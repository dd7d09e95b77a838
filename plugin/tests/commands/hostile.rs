//! What the commands make of a trace of a stranger, of a domain's owner and of a hostile environment.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{command, committed, stderr};

/// What would clear a screen, set a window's title, take over by C1 controls, or turn the text around.
const NAME: &str = "vm\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{61c}\u{7f}";

const HARMFUL: [char; 6] = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{61c}', '\u{7f}'];

/// A recorded trace whose names are [`NAME`], and one that breaks off with a record of that name.
fn traces(folder: &TempDir) -> [PathBuf; 2] {
    let text = committed("tests/traces/flat-law-10.trace");
    let (first, rest) = text.split_once('\n').unwrap();
    let mut begin: serde_json::Value = serde_json::from_str(first).unwrap();
    begin["data"]["domain"] = NAME.into();
    begin["data"]["destination"] = NAME.into();
    begin["data"]["versions"]["libvirt_hpc"] = NAME.into();
    let whole = format!("{begin}\n{rest}");
    let broken = format!("{begin}\n{}\n", serde_json::json!({ "type": NAME }));
    [("whole.trace", whole), ("broken.trace", broken)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    })
}

fn session(args: &[&str]) -> Output {
    command().args(args).output().unwrap()
}

#[track_caller]
fn assert_harmless(args: &[&str], output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.find(HARMFUL), None, "{args:?}: {said:?}");
    said
}

#[test]
fn nothing_of_a_strangers_trace_drives_the_terminal() {
    let folder = TempDir::new().unwrap();
    let [whole, broken] = traces(&folder).map(|path| path.to_str().unwrap().to_owned());
    let all = folder.path().to_str().unwrap();
    for trace in [&whole, &broken] {
        for args in [
            &["hpc-replay", trace][..],
            &["hpc-replay", "--json", trace],
            &["hpc-replay", "--law", "all", trace],
            &["hpc-replay", "--law", "all", "--json", trace],
            &["hpc-report", trace],
            &["hpc-history", "--traces", all],
            &["hpc-history", "--traces", all, "--json"],
            &["hpc-history", "--traces", all, "--csv"],
        ] {
            let said = assert_harmless(args, &session(args));
            assert!(!said.is_empty(), "{args:?}");
        }
    }
}

/// What is said is the same JSON: a program reads the name as it is.
#[test]
fn json_on_stdout_holds_what_the_trace_holds() {
    let folder = TempDir::new().unwrap();
    let [whole, _] = traces(&folder);
    let args = [
        "hpc-replay",
        "--law",
        "all",
        "--json",
        whole.to_str().unwrap(),
    ];
    let output = session(&args);
    let first = output.stdout.split(|byte| *byte == b'\n').next().unwrap();
    let begin: serde_json::Value = serde_json::from_slice(first).unwrap();
    assert_eq!(begin["domain"], NAME);
}

/// A policy that cannot be read is shown as its owner wrote it.
#[test]
fn a_broken_policy_does_not_drive_the_terminal() {
    let folder = TempDir::new().unwrap();
    let node = folder.path().join("node.xml");
    let policy = "<h:migration xmlns:h='urn:libvirt-hpc:domain:1.0'>\u{9b}2J\u{202e}</h:migration>";
    let domain = format!(
        "<domain type='test'><name>vm</name><memory>1024</memory><os><type>hvm</type></os>\
         <metadata>{policy}</metadata></domain>"
    );
    fs::write(&node, format!("<node>{domain}</node>")).unwrap();
    let uri = format!("test://{}", node.display());
    let args = ["-c", &uri, "hpc-policy", "vm"];
    let said = assert_harmless(&args, &session(&args));
    assert!(said.contains("broken, the defaults apply"), "{said}");
}

/// `ulimit -f`: the signal that comes with a full file would end a migration with its command.
#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_end() {
    let folder = TempDir::new().unwrap();
    let [whole, _] = traces(&folder);
    let report = folder.path().join("report.md");
    let output = Command::new("/bin/sh")
        .args(["-c", "ulimit -f 0; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_virsh-hpc-session"))
        .args(["hpc-report", "-o"])
        .args([&report, &whole])
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), None);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("cannot write"), "{said}");
}

/// Closed descriptors are taken by no file of ours: what is printed goes nowhere, not into the report.
#[test]
fn closed_descriptors_do_no_harm() {
    let folder = TempDir::new().unwrap();
    let [whole, _] = traces(&folder);
    let report = folder.path().join("report.md");
    let status = Command::new("/bin/sh")
        .args(["-c", "exec \"$@\" <&- >&- 2>&-", "sh"])
        .arg(env!("CARGO_BIN_EXE_virsh-hpc-session"))
        .args(["hpc-report", "-o"])
        .args([&report, &whole])
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let text = fs::read_to_string(&report).unwrap();
    assert!(text.starts_with("# Migration of vm"), "{text}");
}
