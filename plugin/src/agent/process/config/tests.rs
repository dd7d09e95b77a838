use std::fs;
use std::path::{Path, PathBuf};

use super::read::MAX_FILE_BYTES;
use super::*;
use crate::harmless::is_unprintable;

const PACKAGED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/etc/libvirt-hpc/agent.toml"
);

fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("agent.toml")).expect("valid")
}

fn refusal(text: &str) -> String {
    Config::parse(text, Path::new("agent.toml"))
        .expect_err(text)
        .to_string()
}

/// The packaged file with its settings in force: `#key = value` becomes `key = value`.
fn uncommented(text: &str) -> String {
    let setting = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
    let lines = text.lines().map(|line| {
        let bare = line.strip_prefix('#');
        bare.filter(setting).unwrap_or(line).to_owned() + "\n"
    });
    lines.collect()
}

#[test]
fn the_packaged_file_changes_nothing() {
    let text = fs::read_to_string(PACKAGED).expect("packaged");
    assert_eq!(parse(&text), Config::default());
    let read = Config::read(Some(Path::new(PACKAGED))).expect("valid");
    assert_eq!(read, Config::default());
}

#[test]
fn the_packaged_file_shows_every_setting_and_the_defaults_where_there_are_any() {
    let text = fs::read_to_string(PACKAGED).expect("packaged");
    let config = parse(&uncommented(&text));
    let pattern = |text| Pattern::new(text).expect("a pattern");
    let expected = Config {
        mark: Mark {
            all: false,
            names: ["hpc-*", "rank[0-9]*"].map(pattern).into(),
        },
        policy: xml::Policy {
            slowdown_millipercent: Some(10_000),
            downtime_max_ms: Some(5000),
            deadline: Some(xml::Deadline {
                seconds: 600,
                then: xml::Then::Switchover,
            }),
            bandwidth_max_mib_per_s: Some(1000),
            postcopy_allowed: Some(false),
            compression_allowed: Some(true),
            job: None,
        },
        metrics: Some("/run/libvirt-hpc/metrics".into()),
        ..Config::default()
    };
    assert_eq!(config, expected);
    let key = |line: &str| Some(line.split_once(" = ")?.0.to_owned());
    let keys: Vec<String> = uncommented(&text)
        .lines()
        .filter_map(key)
        .filter(|key| !key.starts_with('#'))
        .collect();
    assert_eq!(keys.len(), 19, "{keys:?}");
}

#[test]
fn the_sites_policy_says_what_the_file_leaves_open() {
    let site = |policy| Site {
        policy,
        problems: vec!["line 7".to_owned()],
    };
    let config = parse("[policy]\ndowntime_max_ms = 800").under(site(xml::Policy {
        downtime_max_ms: Some(90),
        bandwidth_max_mib_per_s: Some(7),
        ..xml::Policy::default()
    }));
    assert_eq!(config.policy.downtime_max_ms, Some(800));
    assert_eq!(config.policy.bandwidth_max_mib_per_s, Some(7));
    assert_eq!(config.problems, ["line 7"]);
    let told = config.describe();
    assert!(told.contains("bandwidth 7 MiB/s at most"), "{told}");
}

#[test]
fn every_setting_is_read() {
    let config = parse(
        r#"
        uri = "qemu+unix:///system?socket=/run/x"
        observe = true
        insist = true
        log_level = "debug"
        [mark]
        all = true
        [policy]
        slowdown_percent = 0.125
        deadline_seconds = 9999999
        deadline_then = "postcopy"
        postcopy_allowed = true
        compression_allowed = false
        [traces]
        directory = "/srv/traces"
        keep_files = 1
        keep_mib = 2
        keep_days = 3
        "#,
    );
    assert!(config.observe && config.insist && config.mark.all);
    assert_eq!(config.uri, "qemu+unix:///system?socket=/run/x");
    assert_eq!(config.log_level, log::LevelFilter::Debug);
    assert_eq!(config.policy.slowdown_millipercent, Some(125));
    let deadline = xml::Deadline {
        seconds: 9_999_999,
        then: xml::Then::Postcopy,
    };
    assert_eq!(config.policy.deadline, Some(deadline));
    assert_eq!(config.policy.compression_allowed, Some(false));
    let traces = Traces {
        directory: "/srv/traces".into(),
        keep_files: 1,
        keep_bytes: 2 * 1024 * 1024,
        keep_days: 3,
    };
    assert_eq!(config.traces, Some(traces));
    assert_eq!(parse("[traces]\nenabled = false").traces, None);
    let metrics = parse("[metrics]\ndirectory = \"/run/m\"").metrics;
    assert_eq!(metrics, Some(PathBuf::from("/run/m")));
    assert_eq!(parse("[metrics]").metrics, None);
}

#[test]
fn bounds_are_those_of_the_xml() {
    for (key, most) in [
        ("downtime_max_ms", u64::from(xml::DOWNTIME_MAX_MS)),
        ("deadline_seconds", u64::from(xml::DEADLINE_MAX_SECONDS)),
        ("bandwidth_max_mib_per_s", xml::BANDWIDTH_MAX_MIB_PER_S),
    ] {
        parse(&format!("[policy]\n{key} = 1"));
        parse(&format!("[policy]\n{key} = {most}"));
        for value in [0, most + 1] {
            let text = refusal(&format!("[policy]\n{key} = {value}"));
            let expected = format!(
                "agent.toml:2: invalid value: integer `{value}`, expected an integer from 1 to {most}, in: {key} = {value}"
            );
            assert_eq!(text, expected);
        }
        for value in ["-1", "1.0", "\"1\"", "99999999999999999999"] {
            refusal(&format!("[policy]\n{key} = {value}"));
        }
    }
}

#[test]
fn percent_is_a_decimal_number() {
    for (value, expected) in [
        ("0", 0),
        ("10", 10_000),
        ("0.5", 500),
        ("99.999", 99_999),
        ("100.0", 100_000),
        ("33.333", 33_333),
    ] {
        let policy = parse(&format!("[policy]\nslowdown_percent = {value}")).policy;
        assert_eq!(policy.slowdown_millipercent, Some(expected), "{value}");
    }
    for value in [
        "-1", "-0.5", "100.001", "101", "0.0001", "1e300", "nan", "inf", "-inf", "\"10\"",
    ] {
        let text = refusal(&format!("[policy]\nslowdown_percent = {value}"));
        let expected = "expected a number from 0 to 100 with at most 3 decimals";
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn an_error_names_the_line_and_what_is_allowed() {
    for (text, expected) in [
        ("observe = yes", "agent.toml:1: "),
        (
            "\n\nobserv = true",
            "agent.toml:3: unknown field `observ`, expected one of `uri`, `observe`",
        ),
        ("[police]", "agent.toml:1: unknown field `police`"),
        ("[policy]\njob = 1", "agent.toml:2: unknown field `job`"),
        (
            "log_level = \"loud\"",
            "expected error, warn, info or debug",
        ),
        (
            "[mark]\nnames = [\"a\", \"[\"]",
            "agent.toml:2: invalid value: string \"[\", expected a shell pattern",
        ),
        (
            "[policy]\ndeadline_seconds = 5\ndeadline_then = \"stop\"",
            "agent.toml:3: unknown variant `stop`, expected one of `switchover`, `abort`, `postcopy`",
        ),
        (
            "[policy]\n\ndeadline_then = \"abort\"",
            "agent.toml:3: deadline_then needs deadline_seconds",
        ),
        (
            "[policy]\ndeadline_seconds = 5\ndeadline_then = \"postcopy\"",
            "agent.toml:3: postcopy at the deadline needs postcopy_allowed = true",
        ),
        ("uri = \"\"", "expected a connection URI"),
        ("uri = \"a\\u0000b\"", "expected a connection URI"),
        (
            "[traces]\ndirectory = \"traces\"",
            "expected a directory, from / on",
        ),
        (
            "[metrics]\ndirectory = \"metrics\"",
            "expected a directory, from / on",
        ),
        (
            "[traces]\nkeep_files = 0",
            "expected an integer from 1 to 1000000",
        ),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected), "{text:?}: {message}");
        assert!(!message.contains('\n'), "{message:?}");
    }
}

#[test]
fn a_hostile_file_is_quoted_in_one_short_line() {
    let message = refusal(&format!("x = \"{}\\u0007\u{1b}[2J\"", "é".repeat(500)));
    assert!(message.len() < 400, "{message:?}");
    assert!(!message.contains(char::is_control), "{message:?}");
}

#[test]
fn only_the_default_file_may_be_absent() {
    let folder = tempfile::tempdir().expect("folder");
    let absent = folder.path().join("agent.toml");
    let read = || Config::read(Some(&absent)).expect_err("no configuration");
    let expected = format!("cannot read the configuration {}: ", absent.display());
    let error = read().to_string();
    assert!(error.starts_with(&expected), "{error}");
    fs::write(&absent, [0xff, 0xfe]).expect("written");
    assert!(matches!(read(), ConfigError::Read { .. }));
    let long = MAX_FILE_BYTES + 1;
    fs::write(&absent, "#".repeat(usize::try_from(long).expect("fits"))).expect("written");
    let error = read().to_string();
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
}

#[test]
fn marks_are_shell_patterns_of_the_whole_name() {
    let config = parse("[mark]\nnames = [\"hpc-*\", \"rank?\", \"n[0-3]\"]");
    for name in ["hpc-", "hpc-a/b", "rank1", "n3"] {
        assert!(config.marks(name), "{name}");
    }
    for name in ["", "xhpc-1", "rank", "rank12", "n4", "HPC-1"] {
        assert!(!config.marks(name), "{name}");
    }
    assert!(!Config::default().marks("hpc-1"));
    assert!(parse("[mark]\nall = true").marks("any"));
}

#[test]
fn what_the_file_says_drives_no_terminal_when_it_is_told() {
    let file = r#"
        [mark]
        names = ["\u001b(0", "two\nlines"]
        [traces]
        directory = "/run/\u202ex"
        [metrics]
        directory = "/run/\u202em"
    "#;
    let config = parse(file);
    let told = config.to_string();
    assert_eq!(told.lines().count(), 7, "{told}");
    assert!(
        !told.contains(|c| is_unprintable(c) && c != '\n'),
        "{told:?}"
    );
    assert!(!config.describe().contains(is_unprintable));
    assert!(told.contains("those named ?(0, two?lines\n"), "{told}");
}

#[test]
fn the_configuration_is_told_in_words() {
    let told = Config::default().to_string();
    let expected = "libvirt: qemu:///system\n\
        migrations: controlled\n\
        domains: those marked in their own XML\n\
        policy where a domain has none: every choice is the control law's\n\
        traces: in /var/log/libvirt-hpc, 200 files, 256 MiB and 30 days at most\n\
        metrics: none\n\
        log: info and what is more serious";
    assert_eq!(told, expected);
    assert_eq!(Config::default().describe(), expected.replace('\n', "; "));
    let told = parse("observe = true\n[mark]\nnames = [\"a*\", \"b\"]\n[policy]\nslowdown_percent = 2.5\ndeadline_seconds = 60\ncompression_allowed = false\n[traces]\nenabled = false\n[metrics]\ndirectory = \"/run/m\"").to_string();
    for part in [
        "observed only",
        ", and those named a*, b\n",
        ": slowdown 2.5 %, deadline 60 s, then switchover, compression not allowed\n",
        "traces: none\n",
        "metrics: in /run/m, for node_exporter's textfile collector\n",
    ] {
        assert!(told.contains(part), "{told}");
    }
}
