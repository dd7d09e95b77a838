//! The same command lines give the same output and status from virsh and from virsh-hpc, wherever
//! virsh-hpc does not take over.

use std::process::Output;

use crate::door::{Door, TEST_URI, lines, stderr, stdout, virsh};

fn assert_alike(line: &str, ours: &Output, theirs: &Output) {
    let shown = |output: &Output| (stdout(output), stderr(output), output.status.code());
    let differ = format!("virsh-hpc (left) and virsh (right) differ on: {line}");
    assert_eq!(shown(ours), shown(theirs), "{differ}");
    let bytes = |output: &Output| [output.stdout.clone(), output.stderr.clone()];
    assert_eq!(bytes(ours), bytes(theirs), "{differ}");
}

#[test]
fn command_lines_that_are_virshs_give_virshs_answer() {
    let door = Door::new();
    let lines = lines("command_lines.txt");
    assert!(lines.len() >= 60, "only {} lines", lines.len());
    for line in lines {
        let theirs = door.shell(&line, &virsh());
        let ours = door.shell(&line, &door.path("virsh-hpc"));
        assert_alike(&line, &ours, &theirs);
    }
}

#[test]
fn a_migrate_that_is_left_to_virsh_gives_virshs_answer() {
    let door = Door::new();
    for line in lines("plain_migrates.txt") {
        let (ours, theirs) = line.split_once(" || ").unwrap();
        let theirs = door.shell(theirs, &virsh());
        let ours = door.shell(ours, &door.path("virsh-hpc"));
        assert_alike(&line, &ours, &theirs);
    }
}

#[test]
fn help_is_virshs_with_ours_after_it() {
    let door = Door::new();
    for (args, ours) in [
        (&["--help"][..], "hpc-policy"),
        (&["-qh"], "hpc-replay"),
        (&["help"], "hpc-policy"),
        (&["help", "migrate"], "--hpc-law <law>"),
        (&["-q", "help migrate"], "--hpc-law <law>"),
        (&["migrate", "--help"], "--hpc-deadline"),
        (
            &["migrate", "vm", "--hpc-law", "stock", "--help"],
            "--hpc-deadline",
        ),
    ] {
        let plain: Vec<_> = args
            .iter()
            .filter(|arg| !["--hpc-law", "stock"].contains(arg))
            .collect();
        let line = format!(
            "$V {}",
            plain
                .iter()
                .map(|arg| format!("'{arg}' "))
                .collect::<String>()
        );
        let theirs = door.shell(&line, &virsh());
        let completed = door.run(args);
        assert!(
            completed.status.success(),
            "{args:?}: {}",
            stderr(&completed)
        );
        let appended = stdout(&completed)
            .strip_prefix(&stdout(&theirs))
            .map(str::to_owned);
        assert!(appended.is_some_and(|text| text.contains(ours)), "{args:?}");
    }
}

#[test]
fn help_on_ours_needs_no_virsh() {
    let door = Door::without_session();
    for (args, shown) in [
        (&["hpc-help"][..], "--set-slowdown"),
        (&["hpc-help", "--migrate"], "--hpc-observe"),
        (&["help", "hpc-policy"], "--set-slowdown"),
    ] {
        let help = door.run_with(("PATH", "/nonexistent"), args);
        assert!(help.status.success(), "{args:?}: {}", stderr(&help));
        assert!(stdout(&help).contains(shown), "{args:?}");
    }
    let mistake = door.run(&["hpc-help", "--nonsense"]);
    assert_eq!(mistake.status.code(), Some(1));
    assert!(stderr(&mistake).contains("--nonsense"));
}

#[test]
fn a_reader_that_leaves_early_is_no_mistake() {
    let door = Door::new();
    let program = door.path("virsh-hpc");
    let line = "{ $V hpc-help; echo $? >&2; } | :";
    assert_eq!(stderr(&door.shell(line, &program)).trim(), "0");
}

#[test]
fn a_bad_value_of_ours_starts_nothing() {
    let door = Door::new();
    for (option, said) in [
        (
            "--hpc-law=fast",
            "error: option --hpc-law: 'fast' is not a law that virsh-hpc hpc-help lists, such as adaptive\n",
        ),
        (
            "--hpc-later",
            "error: virsh-hpc has no option --hpc-later; see: virsh-hpc hpc-help\n",
        ),
    ] {
        let refused = door.run(&["-c", TEST_URI, "migrate", "test", TEST_URI, option]);
        assert_eq!(refused.status.code(), Some(1));
        assert_eq!(
            (stdout(&refused), stderr(&refused)),
            (String::new(), said.to_owned())
        );
    }
}

#[test]
fn control_that_was_asked_for_is_not_lost_in_silence() {
    let door = Door::new();
    let options = ["--nonsense", "--hpc-law", "adaptive"];
    let forwarded =
        door.run(&[&["-c", TEST_URI, "migrate", "test", TEST_URI][..], &options].concat());
    let said = stderr(&forwarded);
    assert!(
        said.starts_with("virsh-hpc: plain virsh runs this command"),
        "{said}"
    );
    assert!(said.contains("doesn't support option --nonsense"), "{said}");
    assert_eq!(forwarded.status.code(), Some(1));
}
