//! The candidates for command lines, the word to be completed last.

use super::*;
use crate::flags::{Invocation, route};

/// `line`, where a space at the end begins a new word, completed.
fn completed(line: &str) -> Completion {
    let args = format!("complete -- {line}");
    let args: Vec<_> = args.split(' ').map(OsString::from).collect();
    match route(&args) {
        Ok(Invocation::Complete(completion)) => completion,
        other => panic!("{line}: {other:?}"),
    }
}

fn ours(line: &str) -> Vec<String> {
    completed(line).ours
}

/// What virsh is asked, after `complete --`, as one line.
fn asked(line: &str) -> Option<String> {
    let args = completed(line).virsh_args?;
    let args: Vec<_> = args
        .into_iter()
        .filter_map(|arg| arg.into_string().ok())
        .collect();
    Some(args.join(" ").replace("complete -- ", "? "))
}

#[test]
fn commands_of_ours_stand_beside_virshs() {
    assert_eq!(ours(""), commands::NAMES);
    assert_eq!(ours("hpc-re"), ["hpc-replay", "hpc-report", "hpc-release"]);
    assert_eq!(ours("help hpc-p"), ["hpc-policy"]);
    assert_eq!(ours("help hpc-policy hpc-p"), [""; 0]);
    assert_eq!(asked("mig").as_deref(), Some("? mig"));
    assert_eq!(asked("list --a").as_deref(), Some("? list --a"));
    assert_eq!(ours("list --h"), [""; 0]);
}

#[test]
fn virshs_options_in_front_are_read_and_passed_on() {
    assert_eq!(ours("--k"), ["--keepalive-interval", "--keepalive-count"]);
    for (line, expected) in [
        ("-c U list ", Some("-c U ? list ")),
        ("-rtcU list ", Some("-r -c U ? list ")),
        (
            "--connect='test:///default' list ",
            Some("-c test:///default ? list "),
        ),
        ("-q -k 5 mig", Some("? mig")),
        ("-c ", None),
        ("-h ", None),
        ("--nonsense ", None),
    ] {
        assert_eq!(asked(line).as_deref(), expected, "{line}");
    }
    let args = ["-r", "-c", "U", "complete", "--", "-c", "V", "list", ""].map(OsString::from);
    let Ok(Invocation::Complete(completion)) = route(&args) else {
        panic!("forwarded")
    };
    let expected = ["-r", "-c", "V", "complete", "--", "list", ""].map(OsString::from);
    assert_eq!(completion.virsh_args.as_deref(), Some(&expected[..]));
}

#[test]
fn options_of_ours_are_offered_where_migrate_takes_one() {
    assert_eq!(ours("migrate vm d --hpc-o"), ["--hpc-observe", "--hpc-off"]);
    assert_eq!(ours("migrate vm d --hpc-off --hpc-o"), ["--hpc-observe"]);
    assert_eq!(ours("migrate --hpc-trace F --hpc-t"), [""; 0]);
    assert_eq!(ours("migrate --").len(), 11);
    for no_option in [
        "migrate --dname --h",
        "migrate vm -- --h",
        "migrate --hpc-nonsense --h",
    ] {
        assert_eq!(ours(no_option), [""; 0], "{no_option}");
    }
}

#[test]
fn virsh_is_asked_as_if_ours_were_not_there() {
    for (line, expected) in [
        (
            "migrate --hpc-law stock vm --hpc-off --li",
            Some("? migrate vm --li"),
        ),
        ("migrate --desturi ", Some("? migrate --desturi ")),
        ("migrate vm --hpc-", None),
        ("migrate --hpc-trace ", None),
    ] {
        assert_eq!(asked(line).as_deref(), expected, "{line}");
    }
}

#[test]
fn values_of_ours_are_known() {
    for (line, expected) in [
        (
            "migrate vm d --hpc-law st",
            &["stock", "stock-2011", "stop-after-round-one"][..],
        ),
        ("migrate vm d --hpc-law=xe", &["--hpc-law=xen"]),
        ("migrate --hpc-deadline 60,s", &["60,switchover"]),
        ("migrate --hpc-deadline=60,a", &["--hpc-deadline=60,abort"]),
        ("migrate --hpc-deadline 60", &[]),
        ("migrate --hpc-deadline ,", &[]),
        ("migrate --hpc-compression ", &["yes", "no"]),
        ("migrate --hpc-compression=n", &["--hpc-compression=no"]),
        ("migrate --hpc-slowdown ", &[]),
        ("migrate --hpc-trace ", &[]),
        ("migrate --hpc-nonsense=", &[]),
        (
            "hpc-policy vm --set-deadline 5,",
            &["5,switchover", "5,abort", "5,postcopy"],
        ),
        ("hpc-policy vm --set-postcopy ", &["yes", "no"]),
        ("hpc-policy vm --set-postcopy=n", &["--set-postcopy=no"]),
        ("hpc-policy vm --set-compression ", &["yes", "no"]),
        (
            "hpc-replay F --law a",
            &[
                "adaptive",
                "adaptive-or-postcopy",
                "adaptive-without-counters",
                "all",
            ],
        ),
        ("hpc-replay F --plot ", &[]),
        ("hpc-replay ", &[]),
        ("hpc-estimate vm --c", &["--copy-storage"]),
        ("hpc-estimate vm --bandwidth ", &[]),
        ("hpc-report ", &[]),
        ("hpc-report a ", &[]),
        ("hpc-report a b", &[]),
        ("hpc-report a --o", &["--output"]),
        ("hpc-report a -o ", &[]),
        ("hpc-report -o f --output ", &[]),
        ("hpc-report -o f a --", &["--help"]),
        ("hpc-history vm --result ", &["moved", "failed", "unknown"]),
        ("hpc-history --result=m", &["--result=moved"]),
        ("hpc-history --since ", &[]),
        ("hpc-history --traces ", &[]),
        ("hpc-history --un", &["--until"]),
    ] {
        assert_eq!(completed(line).ours, expected, "{line}");
    }
}

#[test]
fn commands_of_ours_take_options_and_domains() {
    assert_eq!(ours("hpc-policy vm --set-m"), ["--set-max-downtime"]);
    assert_eq!(ours("hpc-policy --mark vm --ma"), [""; 0]);
    assert_eq!(ours("hpc-status --json "), [""; 0]);
    assert_eq!(ours("hpc-status --json vm "), ["--follow", "--help"]);
    assert_eq!(ours("hpc-status --fo"), ["--follow"]);
    assert_eq!(ours("hpc-help "), ["--migrate", "--help"]);
    for (line, expected) in [
        ("hpc-policy ", Some("? dominfo --domain ")),
        (
            "-c U hpc-policy --set-slowdown 5 v",
            Some("-c U ? dominfo --domain v"),
        ),
        ("hpc-policy vm v", None),
        ("hpc-status v", Some("? domjobinfo --domain v")),
        ("hpc-release ", Some("? domjobinfo --domain ")),
        ("hpc-estimate v", Some("? domjobinfo --domain v")),
        ("hpc-estimate vm ", None),
        ("hpc-history ", Some("? dominfo --domain ")),
        ("hpc-history --since 1h v", Some("? dominfo --domain v")),
        ("hpc-replay ", None),
        ("hpc-report a ", None),
    ] {
        assert_eq!(asked(line).as_deref(), expected, "{line}");
    }
}

#[test]
fn any_words_are_completed_without_harm() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![b'-', b'-', 0xff]);
    for name in ["migrate", "hpc-policy", "list", "-c"] {
        let words = [name.into(), odd.clone(), odd.clone()];
        assert_eq!(complete(Globals::default(), &words).ours, [""; 0]);
    }
    assert_eq!(complete(Globals::default(), &[]).ours, commands::NAMES);
}

#[test]
fn another_complete_is_virshs() {
    for line in ["complete", "complete mig", "complete --help"] {
        let args: Vec<_> = line.split(' ').map(OsString::from).collect();
        let routed = route(&args);
        assert!(
            matches!(&routed, Ok(Invocation::Forward { .. })),
            "{line}: {routed:?}"
        );
    }
}
