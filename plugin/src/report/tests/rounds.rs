//! The table of rounds.

use libvirt_hpc_control::sample::Settings;

use super::*;
use crate::report::rounds::OneRound;

const MB: u64 = 1_000_000;

/// At 1 GB/s: `sent_mb` by now, of an iteration whose sync, if one was since the last sample, was now.
fn sample(at_ms: u64, iteration: u64, sent_mb: u64, remaining_mb: u64, limit_ms: u64) -> Record {
    let at = Timestamp::from_nanos(at_ms * 1_000_000);
    Record::Sample(
        (&Sample {
            at,
            state: JobState::Precopy,
            iteration,
            sync_at: Some(at),
            processed_bytes: sent_mb * MB,
            remaining_bytes: remaining_mb * MB,
            settings: Some(Settings {
                downtime_ms: limit_ms,
                speed_mib_per_s: 0,
            }),
            ..Sample::default()
        })
            .into(),
    )
}

fn rounds(samples: &[Record]) -> Vec<OneRound> {
    let begin = Record::Begin(Box::new(plain_begin()));
    let migration = made(&[&[begin], samples].concat());
    migration.rounds.rounds().all().to_vec()
}

#[test]
fn a_round_tells_what_was_sent_and_what_its_sync_found() {
    let rounds = rounds(&[
        sample(5_000, 1, 0, 1_000, 300),
        sample(6_000, 2, 1_000, 400, 10),
        // On demand: half of what was pending has not been sent.
        sample(6_200, 3, 1_200, 250, 260),
        sample(6_300, 3, 1_300, 150, 270),
    ]);
    let expected = [
        OneRound {
            round: 1,
            to_round: 1,
            start_ms: 0,
            length_ms: 1_000,
            sent_bytes: 1_000 * MB,
            remaining_bytes: Some(400 * MB),
            bandwidth_bytes_per_s: Some(1_000 * MB),
            dirty_rate_bytes_per_s: Some(400 * MB),
            limit_ms: Some(10),
        },
        OneRound {
            round: 2,
            to_round: 2,
            start_ms: 1_000,
            length_ms: 200,
            sent_bytes: 200 * MB,
            remaining_bytes: Some(250 * MB),
            bandwidth_bytes_per_s: Some(1_000 * MB),
            dirty_rate_bytes_per_s: Some(250 * MB),
            limit_ms: Some(260),
        },
        OneRound {
            round: 3,
            to_round: 3,
            start_ms: 1_200,
            length_ms: 100,
            sent_bytes: 100 * MB,
            remaining_bytes: None,
            bandwidth_bytes_per_s: Some(1_000 * MB),
            dirty_rate_bytes_per_s: None,
            limit_ms: Some(270),
        },
    ];
    assert_eq!(rounds, expected);
}

#[test]
fn syncs_between_two_samples_are_one_row_of_several_rounds() {
    let rounds = rounds(&[
        sample(0, 1, 0, 1_000, 300),
        sample(3_000, 4, 3_000, 300, 300),
    ]);
    let [one] = &rounds[..] else {
        panic!("{rounds:?}")
    };
    assert_eq!((one.round, one.to_round, one.length_ms), (1, 3, 3_000));
    assert_eq!(facts::round(one)[0], "1 to 3");
}

#[test]
fn a_limit_that_was_not_read_is_that_of_before() {
    let mut records = precopy(11);
    let mut first = plain_begin();
    first.settings_before = Some(trace::SettingsRecord {
        downtime_ms: 300,
        speed_mib_per_s: 0,
    });
    records[0] = Record::Begin(Box::new(first));
    let migration = made(&records);
    assert_eq!(migration.rounds.rounds().all()[0].limit_ms, Some(300));
}

#[test]
fn a_limit_that_was_set_after_the_last_poll_is_in_force_unless_it_was_only_observed() {
    let last_limit = |observe| {
        let first = Begin {
            observe,
            ..plain_begin()
        };
        let target = Target {
            downtime_ms: Some(900),
            ..Target::NONE
        };
        let set = Record::Outcome {
            at_ns: 1_200_000_000,
            target: (&target).into(),
            error: None,
        };
        let polls = [
            sample(0, 1, 0, 1_000, 300),
            sample(1_000, 2, 1_000, 400, 10),
            sample(1_200, 2, 1_200, 200, 10),
            set,
        ];
        let migration = made(&[&[Record::Begin(Box::new(first))], &polls[..]].concat());
        let rounds = migration.rounds.rounds().all();
        rounds.last().expect("a round").limit_ms
    };
    assert_eq!(last_limit(false), Some(900));
    assert_eq!(last_limit(true), Some(10));
}

#[test]
fn without_precopy_there_is_no_table() {
    let none = [made(&precopy(0))];
    assert!(!rendered(Format::Markdown, &none).contains("## Iterations"));
    assert!(!rendered(Format::Html, &none).contains("Iterations, from when"));
}

#[test]
fn every_format_with_room_for_rounds_has_them() {
    let flat = [flat()];
    let markdown = "| 1 | 0.00 s | 3.82 s | 436 MiB | 129 MiB | 114 MiB/s |";
    assert!(rendered(Format::Markdown, &flat).contains(markdown));
    let page = rendered(Format::Html, &flat);
    assert!(page.contains("<td data-label=\"Dirty rate\"><span>"));
    let json: serde_json::Value =
        serde_json::from_str(&rendered(Format::Json, &flat)).expect("JSON");
    assert_eq!(json["migrations"][0]["iterations"][0]["round"], 1);
}
