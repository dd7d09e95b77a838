//! Leases on a real file system.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;
use crate::migration::bounds::Bounds;
use crate::migration::guest::Guest;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_xml_schemas as xml;

const UUID: &str = "6d0f4b5e-7c1a-4f7e-9a51-0123456789ab";

pub(super) fn record() -> LeaseRecord {
    LeaseRecord {
        controller: ControllerName::LibvirtHpcd,
        pid: 7,
        taken_at_ns: 50_000_000_000,
        job_began_ns: Some(40_000_000_000),
        identity: Identity::default(),
        settings_before: SettingsRecord {
            downtime_ms: 300,
            speed_mib_per_s: 20,
        },
        set: Set::default(),
        bounds: Bounds::of_running(
            &xml::Policy::default(),
            Settings {
                downtime_ms: 300,
                speed_mib_per_s: 20,
            },
            &Guest::default(),
        ),
        released: None,
    }
}

fn taken(taken: Taken) -> (Lease, Option<Box<LeaseRecord>>) {
    match taken {
        Taken::Ours(lease, left) => (lease, left),
        Taken::Held(by) => panic!("held by {by:?}"),
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let leases = folder.path().join("libvirt-hpc/leases");
    (folder, leases)
}

#[test]
fn whoever_comes_second_sees_who_holds_it() {
    let (_folder, leases) = folder();
    let (mut lease, left) = taken(take(&leases, UUID).expect("taken"));
    assert!(left.is_none());
    lease.write(&record()).expect("written");
    let second = take(&leases, UUID).expect("asked");
    assert!(matches!(second, Taken::Held(Some(by)) if *by == record()));
    let mode = fs::metadata(&leases).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "for root alone");
}

#[test]
fn a_successor_finds_what_was_left_and_an_end_leaves_nothing() {
    let (_folder, leases) = folder();
    let (mut lease, _) = taken(take(&leases, UUID).expect("taken"));
    lease.write(&record()).expect("written");
    let longer = LeaseRecord {
        released: Some("external change".to_owned()),
        ..record()
    };
    lease.write(&longer).expect("written");
    let text = fs::read_to_string(leases.join(UUID)).expect("there");
    let short = serde_json::to_string(&record()).expect("text");
    fs::write(leases.join(UUID), short.clone() + &text[short.len()..]).expect("torn");
    assert!(matches!(take(&leases, UUID), Ok(Taken::Held(Some(by))) if *by == record()));
    lease
        .write(&record())
        .expect("a shorter one after a longer");
    drop(lease);
    let (lease, left) = taken(take(&leases, UUID).expect("taken"));
    assert_eq!(left.as_deref(), Some(&record()));
    lease.end();
    let (_lease, left) = taken(take(&leases, UUID).expect("taken"));
    assert!(left.is_none());
}

#[test]
fn a_file_that_its_holder_has_removed_is_not_the_lease() {
    let (_folder, leases) = folder();
    let path = leases.join(UUID);
    let (lease, _) = taken(take(&leases, UUID).expect("taken"));
    let opened = File::open(&path).expect("there");
    assert!(is_linked(&opened, &path));
    lease.end();
    assert!(!is_linked(&opened, &path), "none is there");
    let (_lease, _) = taken(take(&leases, UUID).expect("taken"));
    assert!(!is_linked(&opened, &path), "another is there");
    opened.try_lock().expect("nobody holds it");
    assert_eq!(Attempt::of(true, is_linked(&opened, &path)), Attempt::Again);
}

#[test]
fn a_speed_that_another_has_ordered_is_a_successors_order_too() {
    let (_folder, leases) = folder();
    let (lease, _) = taken(take(&leases, UUID).expect("taken"));
    let (mut held_lease, written) = HeldLease::begin(lease, record());
    written.expect("written");
    held_lease.order_speed(0).expect("written");
    drop(held_lease);
    let (_lease, left) = taken(take(&leases, UUID).expect("taken"));
    let policy = left.expect("word").bounds.policy;
    assert_eq!(
        (policy.speed_max_mib_per_s, policy.speed_is_order),
        (None, false)
    );
}

/// What is about to be set is written before it is, what was set after: a successor finds either.
#[test]
fn what_a_holder_sets_and_why_it_released_the_job_are_left_to_a_successor() {
    let (_folder, leases) = folder();
    let target = |ms| Target {
        downtime_ms: Some(ms),
        ..Target::NONE
    };
    assert!(!exists(&leases, UUID));
    let (lease, _) = taken(take(&leases, UUID).expect("taken"));
    assert!(exists(&leases, UUID));
    let (mut held, written) = HeldLease::begin(lease, record());
    written.expect("written");
    let written = || match take(&leases, UUID) {
        Ok(Taken::Held(Some(by))) => *by,
        other => panic!("{other:?}"),
    };
    held.intend(&target(10)).expect("written");
    let set = written().set;
    assert_eq!((set.downtime_ms, set.next_downtime_ms), (None, Some(10)));
    held.apply(&target(10)).expect("written");
    let set = written().set;
    assert_eq!((set.downtime_ms, set.next_downtime_ms), (Some(10), None));
    assert_eq!(held.set(), set);
    held.release("asked").expect("written");
    assert_eq!(written().released.as_deref(), Some("asked"));
    held.end();
    assert!(!exists(&leases, UUID));
}

#[test]
fn whoever_only_observes_leaves_nothing_to_undo() {
    let mut observing = LeaseRecord {
        bounds: record().bounds.without_actions(),
        ..record()
    };
    let target = Target {
        downtime_ms: Some(10),
        ..Target::NONE
    };
    observing.intend(&target);
    observing.apply(&target);
    assert_eq!(observing.set, Set::default());
}

#[test]
fn a_holder_that_is_killed_holds_it_no_longer() {
    let (_folder, leases) = folder();
    let (lease, _) = taken(take(&leases, UUID).expect("taken"));
    drop(lease);
    let path = leases.join(UUID);
    let mut holder = Command::new("flock")
        .args(["--exclusive", "--no-fork"])
        .arg(&path)
        .args(["sleep", "600"])
        .spawn()
        .expect("util-linux has flock");
    while let Taken::Ours(lease, _) = take(&leases, UUID).expect("asked") {
        drop(lease);
        std::thread::yield_now();
    }
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    taken(take(&leases, UUID).expect("taken"));
}

#[test]
fn only_what_nobody_needs_is_swept() {
    let (_folder, leases) = folder();
    let other = "00000000-0000-0000-0000-000000000001";
    let third = "00000000-0000-0000-0000-000000000002";
    sweep(&leases, |_| false).expect("no directory is no error");
    let file = tempfile::NamedTempFile::new().expect("a file");
    sweep(file.path(), |_| false).expect_err("what is no directory is one");
    let (held, _) = taken(take(&leases, UUID).expect("taken"));
    for uuid in [other, third] {
        let (mut lease, _) = taken(take(&leases, uuid).expect("taken"));
        lease.write(&record()).expect("written");
    }
    sweep(&leases, |uuid| uuid == other).expect("swept");
    let left: Vec<_> = [UUID, other, third]
        .iter()
        .map(|uuid| leases.join(uuid).exists())
        .collect();
    assert_eq!(left, [true, true, false]);
    drop(held);
}

#[test]
fn garbage_is_nobodys_and_no_path_leads_out() {
    let (_folder, leases) = folder();
    let (mut lease, _) = taken(take(&leases, UUID).expect("taken"));
    lease.file.write_all(b"{\"controller\":").expect("written");
    assert!(matches!(take(&leases, UUID), Ok(Taken::Held(None))));
    for name in ["", "../x", "a/b", "g"] {
        assert!(take(&leases, name).is_err(), "{name}");
    }
}

#[test]
fn a_lease_is_read_if_it_is_no_longer_than_64_kib() {
    for (reason_bytes, is_read) in [(60_000, true), (66_000, false)] {
        let (_folder, leases) = folder();
        let (mut lease, _) = taken(take(&leases, UUID).expect("taken"));
        let long = LeaseRecord {
            released: Some("x".repeat(reason_bytes)),
            ..record()
        };
        lease.write(&long).expect("written");
        let held = take(&leases, UUID).expect("asked");
        let expected = Some(Box::new(long)).filter(|_| is_read);
        assert!(matches!(held, Taken::Held(by) if by == expected));
    }
}
