//! What the file says, how often it is written, and that nobody waits for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use libvirt_hpc_control::event::{Cause, Event};
use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_libvirt::event::DomainId;

use super::*;
use crate::agent::api::MigrationStatus;
use crate::laws::LawName;
use crate::trace::{End, Totals};

mod documents;
pub(crate) mod text_format;

use text_format::{Families, parse};

/// Longer than a disk takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The names of all that the agent tells.
const NAMES: [&str; 14] = [
    "libvirt_hpc_agent_libvirt_up",
    "libvirt_hpc_decisions_total",
    "libvirt_hpc_migration_bandwidth_bytes_per_second",
    "libvirt_hpc_migration_duration_seconds",
    "libvirt_hpc_migration_left_bytes",
    "libvirt_hpc_migration_pause_now_seconds",
    "libvirt_hpc_migration_pause_seconds",
    "libvirt_hpc_migration_rounds",
    "libvirt_hpc_migration_sent_bytes_total",
    "libvirt_hpc_migration_state",
    "libvirt_hpc_migration_write_rate_bytes_per_second",
    "libvirt_hpc_migrations_running",
    "libvirt_hpc_migrations_total",
    "libvirt_hpc_takeover_seconds",
];

/// What is in the file once `snapshot` is written into `directory`.
pub(crate) fn written(publisher: &Publisher, directory: &Path, snapshot: Snapshot) -> Families {
    publisher.publish(Snapshot {
        directory: Some(directory.to_owned()),
        ..snapshot
    });
    assert!(publisher.settle(PATIENCE));
    parse(&fs::read_to_string(directory.join("libvirt-hpc.prom")).expect("written"))
}

fn id(name: &str, uuid: &str) -> DomainId {
    DomainId {
        name: name.to_owned(),
        uuid: uuid.to_owned(),
    }
}

fn running() -> MigrationStatus {
    MigrationStatus {
        state: JobState::Precopy,
        elapsed_ms: 7,
        iteration: 3,
        remaining_bytes: Some(150_000_000),
        bytes_per_s: 100_000_000,
        writes_bytes_per_s: Some(40_000_000),
        ..MigrationStatus::UNKNOWN
    }
}

fn decided(cause: Cause) -> Event {
    Event::Decided {
        threshold_bytes: 1,
        cause,
    }
}

fn end(moved: bool, total_ms: u64, pause_ms: Option<u64>, sent_bytes: u64) -> End {
    End {
        moved,
        error: None,
        totals: Totals {
            total_ms,
            pause_ms,
            sent_bytes,
            ..Totals::default()
        },
    }
}

#[test]
fn the_file_says_what_happened_and_how_it_is_under_these_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let publisher = Publisher::start().expect("a thread");
    let counters = publisher.counters();
    let mut moved = counters.begun(LawName::Adaptive, false);
    moved.taken(Duration::from_millis(150));
    moved.heard(&decided(Cause::Waiting));
    moved.heard(&decided(Cause::Patience));
    moved.heard(&Event::Begun);
    moved.ended(&end(true, 7_000, Some(1_200), 700));
    drop(moved);
    let mut failed = counters.begun(LawName::AdaptiveOrPostcopy, true);
    failed.heard(&decided(Cause::Waiting));
    failed.ended(&end(false, 2_000, None, 50));
    drop(counters.begun(LawName::Adaptive, false));

    let migrations = vec![(id("vm", "u"), running())];
    let libvirt_up = true;
    let families = written(
        &publisher,
        folder.path(),
        Snapshot {
            libvirt_up,
            migrations,
            ..Snapshot::default()
        },
    );
    let names: Vec<_> = families.0.keys().map(String::as_str).collect();
    assert_eq!(names, NAMES);
    let of_vm = [("domain", "vm"), ("uuid", "u")];
    let in_precopy = [of_vm[0], of_vm[1], ("state", "precopy")];
    let paused = [of_vm[0], of_vm[1], ("state", "switchover")];
    let waiting = |mode| [("decision", "wait"), ("cause", "waiting"), ("mode", mode)];
    for (name, labels, expected) in [
        (
            "migrations_total",
            &[("result", "moved"), ("law", "adaptive")][..],
            1.0,
        ),
        (
            "migrations_total",
            &[("result", "unknown"), ("law", "adaptive")],
            1.0,
        ),
        (
            "migrations_total",
            &[("result", "failed"), ("law", "adaptive")],
            0.0,
        ),
        (
            "migrations_total",
            &[("result", "failed"), ("law", "adaptive-or-postcopy")],
            1.0,
        ),
        ("decisions_total", &waiting("steer"), 1.0),
        ("decisions_total", &waiting("observe"), 1.0),
        ("migration_pause_seconds_sum", &[], 1.2),
        ("migration_pause_seconds_count", &[], 1.0),
        ("migration_pause_seconds_bucket", &[("le", "1")], 0.0),
        ("migration_pause_seconds_bucket", &[("le", "2")], 1.0),
        ("migration_duration_seconds_sum", &[], 9.0),
        ("migration_sent_bytes_total", &[], 750.0),
        ("takeover_seconds_bucket", &[("le", "0.2")], 1.0),
        ("migrations_running", &[], 1.0),
        ("agent_libvirt_up", &[], 1.0),
        ("migration_left_bytes", &of_vm, 150e6),
        ("migration_bandwidth_bytes_per_second", &of_vm, 100e6),
        ("migration_write_rate_bytes_per_second", &of_vm, 40e6),
        ("migration_pause_now_seconds", &of_vm, 1.5),
        ("migration_rounds", &of_vm, 3.0),
        ("migration_state", &in_precopy, 1.0),
        ("migration_state", &paused, 0.0),
    ] {
        let name = format!("libvirt_hpc_{name}");
        assert_eq!(families.value(&name, labels), expected, "{name} {labels:?}");
    }
}

#[test]
fn a_migration_that_is_over_has_no_gauges() {
    let folder = tempfile::tempdir().expect("a folder");
    let publisher = Publisher::start().expect("a thread");
    let migrations = vec![(id("vm", "u"), running())];
    let under_way = Snapshot {
        migrations,
        ..Snapshot::default()
    };
    let families = written(&publisher, folder.path(), under_way);
    assert!(families.0.contains_key("libvirt_hpc_migration_left_bytes"));
    let families = written(&publisher, folder.path(), Snapshot::default());
    assert!(!families.0.contains_key("libvirt_hpc_migration_left_bytes"));
    assert_eq!(families.value("libvirt_hpc_agent_libvirt_up", &[]), 0.0);
}

#[test]
fn names_of_domains_are_escaped_and_their_number_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let publisher = Publisher::start().expect("a thread");
    let name = "a\"} 1\nlibvirt_hpc_forged 7\\\u{1b}[2J\u{202e}".to_owned() + &"é".repeat(1000);
    let migrations = (0..200).map(|number| {
        let status = MigrationStatus {
            elapsed_ms: number,
            ..running()
        };
        (id(&name, &format!("u{number:03}")), status)
    });
    let many = Snapshot {
        migrations: migrations.collect(),
        ..Snapshot::default()
    };
    let families = written(&publisher, folder.path(), many);
    let samples = &families.0["libvirt_hpc_migration_rounds"].samples;
    assert_eq!(samples.len(), gauges::MOST_MIGRATIONS);
    for (_, labels) in samples.keys() {
        assert!(labels["domain"].starts_with("a\"} 1?libvirt_hpc_forged 7\\?[2J?é"));
        assert!(labels["domain"].chars().count() == 100);
        assert!(
            *labels["uuid"] > *"u135",
            "those that take longest: {labels:?}"
        );
    }
    assert_eq!(families.value("libvirt_hpc_migrations_running", &[]), 200.0);
}

#[test]
fn everybody_may_read_the_file_and_nothing_else_is_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("made/metrics");
    let publisher = Publisher::start().expect("a thread");
    for _ in 0..3 {
        publisher.counters().begun(LawName::Adaptive, false);
        written(&publisher, &directory, Snapshot::default());
    }
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o755);
    assert_eq!(mode(&directory.join("libvirt-hpc.prom")), 0o644);
    assert_eq!(fs::read_dir(&directory).expect("a folder").count(), 1);
}

#[test]
fn the_file_goes_where_the_configuration_says_and_away_when_it_says_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    let file = |directory: &Path| directory.join("libvirt-hpc.prom");
    let publisher = Publisher::start().expect("a thread");
    written(&publisher, &first, Snapshot::default());
    written(&publisher, &second, Snapshot::default());
    assert!(!file(&first).exists() && file(&second).exists());
    publisher.publish(Snapshot::default());
    assert!(publisher.settle(PATIENCE));
    assert!(!file(&second).exists());
}

#[test]
fn a_directory_that_cannot_be_costs_the_metrics_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_the_way = folder.path().join("file");
    fs::write(&in_the_way, "").expect("written");
    let publisher = Publisher::start().expect("a thread");
    publisher.publish(Snapshot {
        directory: Some(in_the_way.join("metrics")),
        ..Snapshot::default()
    });
    assert!(publisher.settle(PATIENCE));
    // And the next one is written.
    written(
        &publisher,
        &folder.path().join("metrics"),
        Snapshot::default(),
    );
}

#[test]
fn of_many_snapshots_the_newest_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let publisher = Publisher::start().expect("a thread");
    for number in 0..1000 {
        let migrations = vec![(id("vm", "u"), running()); number];
        publisher.publish(Snapshot {
            directory: Some(folder.path().to_owned()),
            migrations,
            ..Snapshot::default()
        });
    }
    assert!(publisher.settle(PATIENCE));
    let text = fs::read_to_string(folder.path().join("libvirt-hpc.prom")).expect("written");
    let running = parse(&text).value("libvirt_hpc_migrations_running", &[]);
    assert_eq!(running, 999.0);
}
