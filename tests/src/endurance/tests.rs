//! The judgement of made-up readings.

use super::judge::violations;
use super::reading::{Held, OnHost, Reading};
use super::{picture, table};

/// A run of a hundred readings, of which each is changed.
fn run(change: impl Fn(u64, &mut OnHost)) -> Vec<Reading> {
    let held = |rss_kib, threads, descriptors| Held {
        rss_kib,
        threads,
        descriptors,
    };
    let reading = |number: u64| {
        let mut on = OnHost {
            agent: held(20_000, 9, 14),
            daemon: held(40_000 + 100 * number, 20, 30),
            leases: 0,
            run: 3,
            traces: 40.min(number),
            traces_kib: 400,
            taken: number,
        };
        change(number, &mut on);
        Reading {
            at_s: 36.0 * f64::from(u32::try_from(number).expect("few")),
            migrations: 10 * number,
            moved: None,
            hosts: [on, OnHost { leases: 0, ..on }],
        }
    };
    (0..100).map(reading).collect()
}

fn violation(change: impl Fn(u64, &mut OnHost)) -> String {
    violations(&run(change)).join("; ")
}

#[test]
fn what_is_flat_is_as_it_must_be_and_what_libvirt_takes_is_its_own() {
    assert_eq!(violation(|_, _| ()), "");
}

#[test]
fn what_the_first_quarter_takes_is_no_growth() {
    assert_eq!(
        violation(|number, on| on.agent.rss_kib += 400 * number.min(24)),
        ""
    );
}

#[test]
fn a_short_run_does_not_tell_growth_from_a_beginning() {
    let readings = run(|number, on| on.agent.rss_kib += 30 * number);
    assert_eq!(violations(&readings[..30]), Vec::<String>::new());
}

#[test]
fn memory_that_grows_is_found_and_named() {
    let said = violation(|number, on| on.agent.rss_kib += 30 * number);
    assert!(
        said.contains("alpha: agent's memory, KiB: 300 more for every 100"),
        "{said}"
    );
}

#[test]
fn one_more_of_anything_at_rest_is_found() {
    for (change, words) in [
        (
            (|on| on.agent.descriptors += 1) as fn(&mut OnHost),
            "agent's descriptors: 14 in the beginning and 15 in the end",
        ),
        (
            |on| on.agent.threads += 1,
            "threads: 9 in the beginning and 10",
        ),
        (|on| on.leases += 1, "leases: 0 in the beginning and 1"),
        (|on| on.run -= 1, "files in /run: 3 in the beginning and 2"),
        (|on| on.traces += 1, "traces: 41, more than 40"),
        (|on| on.taken = 0, "nothing was shown"),
    ] {
        let said = violation(|number, on| {
            if number == 99 {
                change(on);
            }
        });
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_host_whose_agent_has_died_is_no_reading() {
    let read = OnHost::of("20000\n9\n14\n40000\n20\n30\n0\n3\n40\n400\n7\n").expect("whole");
    assert_eq!(
        (read.agent.descriptors, read.daemon.threads, read.taken),
        (14, 20, 7)
    );
    assert!(OnHost::of("40000\n20\n30\n0\n3\n40\n400\n7\n").is_err());
}

#[test]
fn table_and_picture_have_every_figure_and_the_picture_is_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("endurance.svg");
    let readings = run(|_, _| ());
    picture::draw(&readings, &path).expect("drawn");
    let svg = std::fs::read_to_string(&path).expect("a picture");
    for words in [
        "libvirt-hpcd of beta: 20",
        "traces of alpha: 40",
        "migrations in 59",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(svg.len() < 60_000, "{}", svg.len());
    let table = table::of(&readings);
    assert!(
        table.contains("| agent's threads | beta | 9 | 9 | 0.00 |"),
        "{table}"
    );
    assert!(
        table.contains("| libvirtd's memory, KiB | alpha | 41200 | 48700 | 1000.00 |"),
        "{table}"
    );
}
