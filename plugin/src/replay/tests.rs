use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;

use super::*;
use crate::harmless;
use crate::laws::LawName;
use crate::trace::{
    Begin, ControllerName, End, EventRecord, FORMAT, ReadError, Record, TargetRecord, Versions,
    Writer,
};
use crate::version;

/// A guest that leaves 110 MB at every sync of a 100 MB/s link, recorded as a session records it.
fn recorded(law: LawName, refuse_first: bool) -> Vec<Record> {
    struct Events(Vec<Record>);
    impl Publisher for Events {
        fn publish(&mut self, at: Timestamp, event: Event) {
            self.0.push(Record::Event {
                at_ns: at.as_nanos(),
                event: event.into(),
            });
        }
    }
    let mut events = Events(vec![Record::Begin(Box::new(begin(law)))]);
    let mut controller = Controller::new(law.build(100_000), Policy::default());
    let mut refuse = refuse_first;
    for poll in 0..120_u64 {
        let sample = sample(poll);
        events.0.push(Record::Sample((&sample).into()));
        let target = controller.poll(&sample, &mut events);
        if target != Target::NONE {
            let error = std::mem::take(&mut refuse).then(|| "refused".to_owned());
            let at_ns = sample.at.as_nanos();
            let done = error.is_none();
            events.0.push(Record::Outcome {
                at_ns,
                target: (&target).into(),
                error,
            });
            controller.outcome(sample.at, &target, done, &mut events);
        }
    }
    events.0
}

fn begin(law: LawName) -> Begin {
    Begin {
        format: FORMAT,
        versions: Versions {
            libvirt_hpc: version::OURS.to_owned(),
            ..Versions::default()
        },
        domain: "vm".to_owned(),
        uuid: String::new(),
        controller: ControllerName::VirshHpc,
        destination: Some("qemu+tcp://other/system".to_owned()),
        flags: Some(1),
        policy: (&Policy::default()).into(),
        slowdown_ppm: 100_000,
        law,
        observe: false,
        settings_before: None,
        prior: None,
    }
}

fn sample(poll: u64) -> Sample {
    const ROUND: u64 = 11;
    let iteration = 1 + poll / ROUND;
    Sample {
        at: Timestamp::from_nanos(1_000_000_000 + poll * 100_000_000),
        state: JobState::Precopy,
        iteration,
        elapsed_ms: poll * 100,
        total_bytes: 512 << 20,
        processed_bytes: poll * 10_000_000,
        remaining_bytes: 110_000_000 - poll % ROUND * 10_000_000,
        window_bytes_per_s: 100_000_000,
        settings: (poll == 0).then_some(Settings {
            downtime_ms: 300,
            speed_mib_per_s: 7,
        }),
        ..Sample::default()
    }
}

fn run(records: Vec<Record>, law: Option<LawName>) -> Replay {
    let numbered = (1..).zip(records).map(Ok::<_, ReadError>);
    replay(numbered, law).expect("a replay")
}

fn targets(replay: &Replay) -> usize {
    let steps = replay.steps.iter();
    steps
        .filter(|step| matches!(step.event, EventRecord::Targeted { .. }))
        .count()
}

#[test]
fn the_same_law_decides_the_same() {
    for refused in [false, true] {
        let replay = run(recorded(LawName::Adaptive, refused), None);
        assert!(replay.comparable());
        assert_eq!(replay.verdict, Verdict::Same);
        assert!(targets(&replay) > 0, "something was decided");
    }
}

#[test]
fn a_record_that_was_changed_is_found_out() {
    let mut records = recorded(LawName::Adaptive, false);
    let changed = records.iter_mut().find_map(|record| match record {
        Record::Event {
            event: EventRecord::Targeted { target, .. },
            ..
        } => Some(target),
        _ => None,
    });
    *changed.expect("a target") = TargetRecord {
        downtime_ms: Some(1),
        ..TargetRecord::default()
    };
    let replay = run(records, None);
    assert!(matches!(
        replay.verdict,
        Verdict::Differs(Difference { number: 1, .. })
    ));
}

#[test]
fn another_law_is_not_expected_to_agree() {
    let replay = run(recorded(LawName::Adaptive, false), Some(LawName::STOCK));
    assert!(!replay.comparable());
    assert!(matches!(
        replay.verdict,
        Verdict::Differs(Difference { replayed: None, .. })
    ));
    assert_eq!(targets(&replay), 0);
    let replay = run(recorded(LawName::STOCK, false), Some(LawName::Adaptive));
    assert!(targets(&replay) > 0);
}

#[test]
fn nothing_of_a_trace_drives_a_terminal() {
    let odd = || "\u{1b}[2J\u{9b}2J\u{202e}\nx".to_owned();
    let mut records = recorded(LawName::Adaptive, false);
    records.truncate(40);
    records[0] = Record::Begin(Box::new(Begin {
        domain: odd(),
        destination: Some(odd()),
        versions: Versions {
            libvirt_hpc: odd(),
            ..Versions::default()
        },
        ..begin(LawName::Adaptive)
    }));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.trace");
    let lines = records
        .iter()
        .map(|record| serde_json::to_string(record).expect("JSON") + "\n");
    std::fs::write(&path, lines.collect::<String>()).expect("written");
    for law in [None, Some(ReplayLaw::All)] {
        for json in [false, true] {
            let mut out = Vec::new();
            command(&path, law, json, &mut out).expect("a trace");
            let text = String::from_utf8(out).expect("text");
            let harmful = |character| harmless::is_unprintable(character) && character != '\n';
            assert_eq!(text.find(harmful), None, "{text:?}");
        }
    }
}

#[test]
fn nothing_is_decided_after_an_abort() {
    let mut records = recorded(LawName::Adaptive, false);
    let first = records
        .iter()
        .position(|record| matches!(record, Record::Sample(_)));
    records.insert(
        first.expect("a sample"),
        Record::Abort {
            at_ns: 0,
            error: None,
        },
    );
    assert!(run(records, None).steps.is_empty());
}

#[test]
fn a_trace_without_a_header_is_none() {
    let records = recorded(LawName::Adaptive, false).into_iter().skip(1);
    let numbered = (1..).zip(records).map(Ok::<_, ReadError>);
    assert!(matches!(
        replay(numbered, None),
        Err(ReadError::NoBegin { line: 1 })
    ));
    assert!(matches!(
        replay(std::iter::empty(), None),
        Err(ReadError::NoBegin { line: 1 })
    ));
}

#[test]
fn a_trace_that_was_cut_off_is_said_to_be() {
    let printed = |records: Vec<Record>, json| {
        let mut out = Vec::new();
        let records = records
            .into_iter()
            .zip(1..)
            .map(|(record, line)| Ok((line, record)));
        let replay = replay(records, None).expect("a replay");
        let printed = if json { print::json } else { print::text };
        printed(&replay, &mut out).expect("printed");
        String::from_utf8(out).expect("text")
    };
    let cut = recorded(LawName::Adaptive, false);
    let end = Record::End(End::default());
    let whole = [&cut[..], &[end]].concat();
    for (records, is_whole) in [(whole, true), (cut, false)] {
        let text = printed(records.clone(), false);
        assert_eq!(
            !text.contains("ends here without a result"),
            is_whole,
            "{text}"
        );
        let last = printed(records, true).lines().last().map(str::to_owned);
        let last: serde_json::Value = serde_json::from_str(&last.expect("a line")).expect("JSON");
        assert_eq!(last["is_whole"], is_whole);
    }
}

#[test]
fn the_command_prints_and_answers_with_its_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace");
    let mut writer = Writer::create(&path).expect("a file");
    for record in recorded(LawName::Adaptive, false) {
        writer.write(&record).expect("written");
    }
    writer.end().expect("on the disk");
    let mut out = Vec::new();
    let status = command(&path, None, false, &mut out).expect("a replay");
    assert_eq!(status, ExitCode::SUCCESS);
    let text = String::from_utf8(out).expect("text");
    assert!(text.ends_with("same as recorded\n"), "{text}");
    assert!(
        text.contains("R    105 MiB") && text.contains("target: downtime"),
        "{text}"
    );

    let mut out = Vec::new();
    command(&path, None, true, &mut out).expect("a replay");
    let lines = String::from_utf8(out).expect("text");
    assert!(
        lines
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );

    let missing = command(&folder.path().join("none"), None, false, &mut Vec::new());
    assert!(format!("{:#}", missing.expect_err("no file")).contains("cannot replay the trace"));
}

mod of_every_law;
