//! `virsh-hpc complete -- WORD...`: virsh's candidates and ours.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use crate::door::{Door, TEST_URI, fixture, stderr, stdout};

fn complete(command: &mut Command, words: &[&str]) -> Output {
    command.args(["complete", "--"]).args(words);
    command.output().unwrap()
}

/// The candidates, of the machine's virsh at that URI and ours.
fn candidates(words: &[&str]) -> Vec<String> {
    let words = [&["-c", TEST_URI], words].concat();
    let output = complete(&mut Door::without_session().command(), &words);
    assert_eq!(stderr(&output), "", "{words:?}");
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn virsh_and_we_complete_the_same_word() {
    assert_eq!(candidates(&["dominfo", "te"]), ["test", ""]);
    let live = ["--live", "--listen-address", ""];
    assert_eq!(candidates(&["migrate", "--li"]), live);
    assert_eq!(candidates(&["migrate", "--hpc-t"]), ["--hpc-trace", ""]);
    let after_a_value = candidates(&["migrate", "--hpc-law", "stock", "te"]);
    assert_eq!(after_a_value, ["test", ""]);
    assert_eq!(candidates(&["hpc-policy", ""]), ["test", ""]);
    assert_eq!(candidates(&["hpc-release", "t"]), ["test", ""]);
    for (words, theirs, ours) in [
        (&[""][..], "migrate", "hpc-status"),
        (&["h"], "help", "hpc-help"),
        (&["help", "h"], "help", "hpc-help"),
        (&["migrate", "test", "--"], "--live", "--hpc-off"),
        (&["migrate", "test", ""], "--live", "--hpc-off"),
    ] {
        let found = candidates(words);
        for candidate in [theirs, ours] {
            assert!(found.iter().any(|f| f == candidate), "{words:?}: {found:?}");
        }
        let ends_as_virsh_does = found.iter().position(String::is_empty) == Some(found.len() - 1);
        assert!(ends_as_virsh_does, "{words:?}: {found:?}");
    }
}

#[test]
fn virsh_is_asked_at_the_same_connection_and_its_complaints_are_dropped() {
    let door = Door::without_session();
    let mut command = door.command();
    command.env("VIRSH_HPC_VIRSH", fixture("completing-virsh.sh"));
    let words = ["-r", "--connect", "U", "migrate", "--hpc-off", "--"];
    let output = complete(&mut command, &words);
    let all = stdout(&output);
    let (theirs, ours) = all.split_at(all.find("--hpc-law").unwrap());
    let asked = "[-r]\n[-c]\n[U]\n[complete]\n[--]\n[migrate]\n[--]\n";
    assert_eq!(theirs, asked);
    // All but the one given, and the end.
    assert_eq!(ours.lines().count(), 11, "{ours}");
    assert_eq!(stderr(&output), "");
    assert!(output.status.success());
}

#[test]
fn ours_are_there_without_virsh() {
    for virsh in ["/nonexistent/virsh", "/bin/false"] {
        let door = Door::without_session();
        let mut command = door.command();
        command.env("VIRSH_HPC_VIRSH", virsh);
        let output = complete(&mut command, &["migrate", "vm", "--hpc-sl"]);
        assert_eq!(stdout(&output), "--hpc-slowdown\n\n", "{virsh}");
        assert_eq!(stderr(&output), "", "{virsh}");
        assert!(output.status.success(), "{virsh}");
        let mut command = door.command();
        let output = complete(command.env("VIRSH_HPC_VIRSH", virsh), &["help", "hpc-he"]);
        assert_eq!(stdout(&output), "hpc-help\n\n", "{virsh}");
    }
}

#[test]
fn no_candidate_is_a_failure_without_a_word() {
    let door = Door::without_session();
    for words in [
        &["migrate", "--hpc-trace", ""][..],
        &["-c", ""],
        &["-c", TEST_URI, "nonsen"],
    ] {
        let output = complete(&mut door.command(), words);
        let said = (stdout(&output), stderr(&output), output.status.code());
        assert_eq!(said, ("\n".to_owned(), String::new(), Some(1)), "{words:?}");
    }
}

#[test]
fn a_script_that_leads_back_to_us_ends_with_ours() {
    for script in ["exec-circle.sh", "child-circle.sh"] {
        let door = Door::without_session();
        symlink(fixture(script), door.path("virsh")).unwrap();
        let mut command = door.command();
        command
            .env("VIRSH_HPC_VIRSH", door.path("virsh"))
            .env("DOOR", door.path("virsh-hpc"));
        let output = complete(&mut command, &["hpc-p"]);
        assert_eq!(stdout(&output), "hpc-policy\n\n", "{script}");
    }
}
