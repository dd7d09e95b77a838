use std::fs;
use std::path::{Path, PathBuf};

use libvirt_hpc_control::estimate::{CheckedPrior, Trust};
use libvirt_hpc_control::sample::Faults;

use super::*;
use crate::trace;

const MIB: u64 = 1 << 20;

fn reading(ms: u64, mib: u64) -> Reading {
    Reading {
        span: Duration::from_millis(ms),
        written_bytes: mib * MIB,
        sampled: true,
    }
}

fn traces() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces")
}

fn text(name: &str) -> Vec<u8> {
    fs::read(traces().join(name)).expect(name)
}

fn committed(name: &str) -> Earlier {
    Earlier::read(trace::read(text(name).as_slice())).expect(name)
}

#[test]
fn a_trace_tells_the_link_the_data_and_what_was_written() {
    let earlier = committed("flat-law-10.trace");
    let bandwidth = earlier.bandwidth_bytes_per_s.expect("a bandwidth");
    assert!(
        (100_000_000..130_000_000).contains(&bandwidth),
        "{earlier:?}"
    );
    let data = earlier.data_bytes.expect("a round");
    assert!(data > 0 && data <= earlier.memory_bytes);
    assert!(
        earlier
            .readings
            .iter()
            .any(|reading| reading.written_bytes > 0)
    );
}

fn names() -> Vec<String> {
    let files = fs::read_dir(traces()).expect("traces");
    let names = files.map(|file| file.expect("a file").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".trace"))
        .collect()
}

/// 100 MiB are written within 60 ms of the first iteration, before the counter is read again: only the reading before
/// tells of them. Without it the sync, which finds them, would refute the counter.
#[test]
fn the_counter_is_followed_from_setup_on() {
    let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
    let sample = |ms: u64, iteration: u64, sync_ms: u64, mib: u64| Sample {
        at: at(ms),
        state: if iteration == 0 {
            JobState::Setup
        } else {
            JobState::Precopy
        },
        iteration,
        sync_at: (iteration > 0).then(|| at(sync_ms)),
        total_bytes: 512 * MIB,
        remaining_bytes: if iteration == 2 { 100 } else { (4200 - ms) / 8 } * MIB,
        faults: Some(Faults {
            at: at(ms),
            pages: mib * MIB / Faults::PAGE_BYTES,
        }),
        ..Sample::default()
    };
    let mut reader = Reader::default();
    reader.take(&sample(0, 0, 0, 0));
    for ms in (260..4200).step_by(100) {
        reader.take(&sample(ms, 1, 200, 100));
    }
    for ms in [4260, 4360] {
        reader.take(&sample(ms, 2, 4200, 200));
    }
    let written = reader
        .counted(100)
        .map(|reading| reading.written_bytes / MIB);
    assert_eq!(written, Some(100));
}

/// The rounds of a migration, as the law sees them.
fn rounds(name: &str) -> Vec<Round> {
    let mut reader = Reader::default();
    for record in trace::read(text(name).as_slice()).map_while(Result::ok) {
        if let (_, Record::Sample(sample)) = &record {
            reader.take(&sample.into());
        }
    }
    reader.ended
}

#[test]
fn no_migration_is_refuted_by_its_own_trace() {
    let names = names();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        let mut checked = CheckedPrior::new(committed(&name).prior());
        for round in rounds(&name) {
            checked.update(round.at, Some(&round));
        }
        assert_ne!(checked.trust(), Trust::Refuted, "{name}");
    }
}

#[test]
fn only_a_guest_that_was_watched_long_enough_and_did_not_turn_is_steady() {
    let watched = |name: &str| committed(&format!("{name}.trace")).prior().watched();
    // Too short, seen to turn, and with unequal rounds.
    for name in [
        "kvm-spinning-law-10",
        "kvm-flat-law-10",
        "kvm-waiting-law-30",
        "kvm-waiting-stock",
        "phases-500-law-10",
        "phases-stock",
    ] {
        assert_eq!(watched(name), Duration::ZERO, "{name}");
    }
}

#[test]
fn a_guest_that_did_the_same_for_as_long_as_a_survey_is_steady() {
    let steady_s = |until_s: u64, found_mib: [u64; 3]| {
        let second = |s: u64| Timestamp::from_nanos(s * 1_000_000_000);
        let round = |(number, mib): (u64, u64)| Round {
            syncs: 1,
            at: second(10 + number),
            duration: Duration::from_millis(1000 + number),
            remaining_bytes: mib * MIB,
            ..Round::default()
        };
        let reader = Reader {
            ended: (0..).zip(found_mib).map(round).collect(),
            last: second(until_s),
            ..Reader::default()
        };
        reader.steady().as_secs()
    };
    assert_eq!(steady_s(18, [100, 100, 76]), 8);
    assert_eq!(steady_s(17, [100, 100, 100]), 0, "too short");
    assert_eq!(steady_s(18, [100, 100, 74]), 0, "it turned");
    assert_eq!(steady_s(18, [10, 100, 100]), 8, "W may rise");
}

#[test]
fn a_round_in_a_quiet_phase_does_not_make_the_guest_one_that_writes_little() {
    for name in ["kvm-waiting-law-10", "kvm-spinning-stop-8", "phases-law-10"] {
        let prior = committed(&format!("{name}.trace")).prior();
        let within = |ms| {
            let span = Duration::from_millis(ms);
            let points = prior.written();
            points
                .filter(|(at, _)| *at <= span)
                .map(|(_, bytes)| bytes)
                .last()
        };
        assert!(
            within(2000).is_some_and(|bytes| bytes > 90 * MIB),
            "{name}: {prior:?}"
        );
    }
}

#[test]
fn what_is_no_trace_is_an_error_and_a_cut_one_counts_as_far_as_it_goes() {
    assert!(Earlier::read(trace::read(&b"no trace\n"[..])).is_err());
    assert!(Earlier::read(trace::read(&b""[..])).is_err());
    let text = text("flat-law-10.trace");
    let cut = Earlier::read(trace::read(&text[..text.len() / 2])).expect("a part");
    assert!(cut.memory_bytes > 0);
}

#[test]
fn earlier_readings_lengthen_those_of_now_if_the_guest_writes_as_then() {
    let now = [reading(1000, 600), reading(4000, 600)];
    let then = [reading(100, 500), reading(2000, 600), reading(60_000, 700)];
    let expected = [now[0], now[1], then[0], then[2]];
    assert_eq!(joined(&now, &then), expected);
    let another = [reading(100, 500), reading(60_000, 5000)];
    assert_eq!(
        joined(&now, &another),
        [now[0], now[1], another[0], another[1]]
    );
    let less = [reading(60_000, 100)];
    assert_eq!(joined(&now, &less), now);
    let more = [reading(100, 5000)];
    assert_eq!(joined(&now, &more), now);
    assert_eq!(joined(&[], &then), then);
    assert_eq!(joined(&now, &[]), now);
}

/// 100 MiB rewritten in each round. In the second round 36 of 100 were not sent, in the third most.
#[test]
fn what_was_not_sent_is_taken_to_be_written_as_the_rest_is() {
    let found_mib = |remaining: u64, unsent: u64, done: u64| {
        found(&Round {
            syncs: 1,
            duration: Duration::from_millis(600),
            remaining_bytes: remaining * MIB,
            unsent_bytes: unsent * MIB,
            done_bytes: done * MIB,
            ..Round::default()
        })
        .map(|reading| reading.written_bytes / MIB)
    };
    assert_eq!(found_mib(100, 0, 100), Some(100));
    assert_eq!(found_mib(100, 36, 64), Some(100));
    assert_eq!(found_mib(60, 20, 80), Some(50));
    assert_eq!(found_mib(120, 40, 40), Some(120), "no more than remains");
    assert_eq!(found_mib(100, 71, 29), None);
}
