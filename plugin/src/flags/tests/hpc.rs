//! Options `--hpc-*` and commands `hpc-*` in whole command lines.

use super::*;
use crate::laws::LawName;

#[test]
fn ours_are_read_and_left_out_of_virshs() {
    let line = "-q migrate --hpc-law=stock vm --hpc-trace t.jsonl d --hpc-observe --hpc-slowdown 7 \
                --hpc-max-downtime 500 --hpc-deadline 60,abort --hpc-compression no --hpc-sync-time \
                --hpc-prior e.json --hpc-estimate --live";
    let migrate = migrate(line, V11_3).unwrap();
    assert_eq!(
        migrate.virsh_args,
        args(&["-q", "migrate", "vm", "d", "--live"])
    );
    let deadline = Deadline {
        seconds: 60,
        then: Some(DeadlineAction::Abort),
    };
    let hpc = HpcOptions {
        law: Some(LawName::STOCK),
        observe: true,
        off: false,
        trace: Some("t.jsonl".into()),
        slowdown_percent: Some(7),
        max_downtime_ms: Some(500),
        deadline: Some(deadline),
        compression: Some(false),
        estimate: true,
        sync_time: true,
        prior: Some("e.json".into()),
    };
    assert_eq!(migrate.hpc, hpc);
    assert!(migrate.globals.quiet && hpc.asks_for_control());
}

#[test]
fn forwarding_leaves_ours_out_and_says_what_is_lost() {
    let off = forwarded(
        &["migrate", "vm", "d", "--hpc-off", "--hpc-law", "stock"],
        V9_0,
    );
    assert_eq!(off, (args(&["migrate", "vm", "d"]), false));
    let refused = forwarded(
        &["migrate", "vm", "--hpc-law", "stock", "--frob", "x"],
        V9_0,
    );
    assert_eq!(refused, (args(&["migrate", "vm", "--frob", "x"]), true));
    let string = forwarded(&["migrate  'v m'  --hpc-off d # c"], V9_0);
    assert_eq!(string, (args(&["migrate  'v m'   d # c"]), false));
    let value = forwarded(&["migrate", "vm", "d", "--bandwidth", "--hpc-off"], V9_0);
    assert_eq!(value.0.len(), 5);
    let words = ["migrate", "vm", "d", "--", "--hpc-off"];
    assert_eq!(
        request(&words.join(" "), V9_0).parameters,
        [text("migrate_uri", "--hpc-off")]
    );
}

#[test]
fn mistakes_in_ours_are_ours_to_say() {
    for (line, expected) in [
        ("migrate vm d --hpc-lore", "no option --hpc-lore"),
        ("migrate vm d --hpc-law", "--hpc-law needs a value"),
        (
            "migrate vm d --hpc-law fast",
            "'fast' is not a law that virsh-hpc hpc-help lists",
        ),
        ("migrate vm d --hpc-off=1", "takes no value"),
        ("migrate vm d --hpc-off --hpc-off", "already seen"),
        ("migrate vm d --hpc-trace=", "'' is not the name of a file"),
        ("migrate vm d --hpc-slowdown 0", "percentage from 1 to 100"),
        (
            "migrate vm d --hpc-max-downtime 2000001",
            "milliseconds from 1 to 2000000",
        ),
        ("migrate vm d --hpc-deadline 5,die", "seconds from 1"),
        ("migrate vm d --hpc-compression maybe", "is not yes or no"),
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let error = route(&args(&words)).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    let error = route(&args(&["list; migrate vm d --hpc-off"])).unwrap_err();
    assert_eq!(error, UsageError::NotAlone);
}

#[test]
fn help_is_completed() {
    for (line, expected) in [
        ("--help", Some(help::Topic::Everything)),
        ("help", Some(help::Topic::Everything)),
        ("-q help migrate", Some(help::Topic::Migrate)),
        ("migrate --help", Some(help::Topic::Migrate)),
        ("migrate vm --help --live", Some(help::Topic::Migrate)),
        ("help list", None),
        ("migrate --help --nonsense", None),
        ("list --help", None),
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let topic = match route(&args(&words)).unwrap() {
            Invocation::Help { topic, .. } => Some(topic),
            _ => None,
        };
        assert_eq!(topic, expected, "{line}");
    }
}

#[test]
fn commands_of_ours_keep_their_words() {
    let own = route(&args(&["-c", "U", "hpc-policy 'v m' --mark"])).unwrap();
    let Invocation::HpcCommand { globals, words } = own else {
        panic!("{own:?}")
    };
    assert_eq!(globals.connect.as_deref(), Some("U".as_ref()));
    assert_eq!(words, args(&["hpc-policy", "v m", "--mark"]));
}

#[test]
fn the_help_names_every_option_and_command_of_virsh_hpc() {
    let text = help::text(help::Topic::Everything);
    for opt in MIGRATE_OPTIONS.iter().filter(|opt| opt.is_hpc()) {
        assert!(
            text.contains(&format!("    --{}", opt.name)),
            "{}",
            opt.name
        );
    }
    for word in [
        "hpc-policy",
        "--set-deadline",
        "hpc-estimate",
        "--copy-storage",
        "hpc-replay",
        "hpc-report",
        "hpc-history",
        "--destination",
        "--output",
        "hpc-help",
        forward_variable(),
    ] {
        assert!(text.contains(word), "{word}");
    }
}

fn forward_variable() -> &'static str {
    crate::forward::VIRSH_VARIABLE
}
