use std::io;
use std::time::Duration;

use libvirt_hpc_control::estimate::{Round, Trust};
use libvirt_hpc_control::event::{Cause, Event, Release};
use libvirt_hpc_control::policy::{Deadline, Policy, Then, Timeout};
use libvirt_hpc_control::sample::{Faults, JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

use super::*;
use crate::laws::LawName;

fn policy() -> Policy {
    Policy {
        pause_fixed_ms: Some(75),
        downtime_max_ms: Some(500),
        deadline: Some(Deadline {
            after: Duration::from_secs(60),
            then: Then::Postcopy,
        }),
        limit_max_ms: Some(100),
        owners_speed_mib_per_s: Some(30),
        speed_max_mib_per_s: Some(20),
        insists: true,
        postcopy_speed_max_mib_per_s: Some(15),
        postcopy_speed_found_mib_per_s: Some(16),
        page_bytes: Some(17),
        cache_most_bytes: Some(6),
        speed_is_order: true,
        switchover_bytes_per_s: Some(7),
        timeout: Some(Timeout {
            after: Duration::from_secs(9),
            from: Some(Timestamp::from_nanos(3)),
            action: Action::Suspend,
        }),
        observes: true,
        postcopy_after_first_round: true,
    }
}

/// What any migration may begin with.
pub(crate) fn begin() -> Begin {
    Begin {
        format: FORMAT,
        versions: Versions {
            libvirt_hpc: "0.1.0".to_owned(),
            ..Versions::default()
        },
        domain: "vm \"1\"\n".to_owned(),
        uuid: String::new(),
        controller: ControllerName::VirshHpc,
        destination: Some("qemu+tcp://other/system".to_owned()),
        flags: Some(1),
        policy: (&policy()).into(),
        slowdown_ppm: 100_000,
        law: LawName::Adaptive,
        observe: false,
        settings_before: Some(
            Settings {
                downtime_ms: 300,
                speed_mib_per_s: 7,
            }
            .into(),
        ),
        prior: Some(PriorRecord {
            written_ms_bytes: vec![(1000, 7), (2000, 9)],
            busy_ms: Some(3000),
            quiet_ms: Some(2000),
            watched_ms: 8000,
        }),
    }
}

#[test]
fn a_prior_comes_back_as_it_was() {
    let begin = begin();
    let prior = begin.prior();
    assert_eq!(prior.written().count(), 2);
    assert_eq!(PriorRecord::of(&prior), begin.prior);
    let without = Begin {
        prior: None,
        ..begin
    };
    assert_eq!(PriorRecord::of(&without.prior()), None);
}

fn sample() -> Sample {
    Sample {
        at: Timestamp::from_nanos(u64::MAX),
        state: JobState::Switchover,
        iteration: 1,
        sync_at: Some(Timestamp::from_nanos(2)),
        elapsed_ms: 3,
        total_bytes: 4,
        processed_bytes: 5,
        remaining_bytes: 6,
        disk_remaining_bytes: 7,
        window_bytes_per_s: 8,
        dirty_bytes_per_s: 9,
        throttle_percent: 13,
        compression_cache_bytes: 14,
        vcpu_time_ns: Some(12),
        faults: Some(Faults {
            at: Timestamp::from_nanos(15),
            pages: 16,
        }),
        settings: Some(Settings {
            downtime_ms: 10,
            speed_mib_per_s: 11,
        }),
    }
}

fn events() -> Vec<Event> {
    let target = Target {
        downtime_ms: Some(1),
        speed_mib_per_s: Some(2),
        postcopy_speed_mib_per_s: Some(5),
        compression_cache_bytes: Some(4),
        action: Some(Action::Abort),
    };
    let (pause, ceiling) = (Duration::from_secs(2), Duration::from_secs(1));
    vec![
        Event::Begun,
        Event::Round(Round {
            iteration: 2,
            remaining_bytes: 5,
            ..Round::default()
        }),
        Event::Decided {
            threshold_bytes: 3,
            cause: Cause::FirstRound,
        },
        Event::Targeted {
            target,
            cause: Cause::Reservation,
        },
        Event::Refused(target),
        Event::DeviceState { bytes: 7 },
        Event::Counter(Trust::Unconfirmed),
        Event::Counter(Trust::Confirmed),
        Event::Counter(Trust::Refuted),
        Event::Prior(Trust::Confirmed),
        Event::Unreachable { pause, ceiling },
        Event::SpeedOrdered { speed_mib_per_s: 0 },
        Event::Released(Release::Terminal),
        Event::Released(Release::ExternalChange {
            downtime_ms: 1,
            speed_mib_per_s: 2,
        }),
        Event::Released(Release::Acted(Action::StartPostcopy)),
    ]
}

fn records() -> Vec<Record> {
    let target = TargetRecord {
        downtime_ms: Some(7),
        ..TargetRecord::default()
    };
    let mut records = vec![
        Record::Begin(Box::new(begin())),
        Record::Sample((&sample()).into()),
        Record::SampleFailed {
            at_ns: 1,
            error: "no answer".to_owned(),
        },
        Record::Outcome {
            at_ns: 2,
            target,
            error: None,
        },
        Record::Abort {
            at_ns: 3,
            error: Some("too late".to_owned()),
        },
    ];
    records.extend(events().into_iter().map(|e| Record::Event {
        at_ns: 1,
        event: e.into(),
    }));
    records.push(Record::End(End {
        moved: true,
        ..End::default()
    }));
    records
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    for record in records {
        writer.write(record).expect("memory takes everything");
    }
    bytes
}

fn lines(text: &[u8]) -> Vec<Result<(u64, Record), ReadError>> {
    read(text).collect()
}

#[test]
fn what_is_written_is_read() {
    let records = records();
    let bytes = written(&records);
    let lines = lines(&bytes).into_iter();
    let read: Vec<Record> = lines.map(|line| line.expect("a record").1).collect();
    assert_eq!(read, records);
    let newlines = bytes.iter().filter(|&&byte| byte == b'\n');
    assert_eq!(newlines.count(), records.len());
}

#[test]
fn likenesses_are_exact() {
    for sample in [sample(), Sample::default()] {
        assert_eq!(Sample::from(&SampleRecord::from(&sample)), sample);
    }
    for policy in [policy(), Policy::default()] {
        assert_eq!(Policy::from(&PolicyRecord::from(&policy)), policy);
    }
    let actions = [Action::Abort, Action::StartPostcopy, Action::Suspend];
    for action in actions.map(Some).into_iter().chain([None]) {
        let target = Target {
            action,
            ..Target::NONE
        };
        assert_eq!(Target::from(&TargetRecord::from(&target)), target);
    }
}

#[test]
fn a_sample_of_before_there_were_counters_is_read() {
    let without = Sample {
        faults: None,
        ..sample()
    };
    let line = serde_json::to_string(&SampleRecord::from(&without)).expect("JSON");
    assert!(!line.contains("faults"), "{line}");
    let read: SampleRecord = serde_json::from_str(&line).expect("a sample");
    assert_eq!(Sample::from(&read), without);
}

#[test]
fn every_number_says_its_unit() {
    const WITHOUT: [&str; 6] = [
        "format",
        "flags",
        "iteration",
        "iterations",
        "syncs",
        "slowdown_ppm",
    ];
    const UNITS: [&str; 8] = [
        "_pages",
        "_ns",
        "_ms",
        "_bytes",
        "_bytes_per_s",
        "_mib_per_s",
        "_percent",
        "_ppm",
    ];
    fn check(name: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                // Versions are libvirt's numbers.
                if name != "versions" {
                    check(name, value);
                }
            }),
            serde_json::Value::Number(_) => {
                let known =
                    WITHOUT.contains(&name) || UNITS.iter().any(|unit| name.ends_with(unit));
                assert!(known, "{name}");
            }
            _ => {}
        }
    }
    for line in written(&records())
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        check("", &serde_json::from_slice(line).expect("JSON"));
    }
}

#[test]
fn errors_name_the_line() {
    let head = written(&records()[..1]);
    let with = |more: &[u8]| [&head[..], more].concat();
    let last = |text: &[u8]| lines(text).pop().expect("something").expect_err("an error");
    let sample = written(&records()[1..2]);
    for text in [&b""[..], &sample] {
        assert!(matches!(last(text), ReadError::NoBegin { line: 1 }));
    }
    assert!(matches!(last(&with(&head)), ReadError::NoBegin { line: 2 }));
    let nested = format!("{{\"type\":\"begin\",\"data\":{}\n", "[".repeat(30_000));
    for text in [&b"{}\n"[..], b"\xff\0\n", nested.as_bytes()] {
        let error = last(&with(text));
        assert!(matches!(error, ReadError::NotARecord { line: 2, .. }));
    }
    let quoted = last(&with(b"{\"type\":\"a\\nerror: b\\tc\"}\n"));
    let told = format!("{:#}", anyhow::Error::from(quoted));
    assert!(told.contains("unknown variant `a?error: b?c`"), "{told}");
    assert_eq!(told.matches("unknown variant").count(), 1, "told once");
    let endless = with(&vec![b' '; 1 << 20]);
    assert!(matches!(last(&endless), ReadError::TooLong { line: 2 }));
    let other = Begin {
        format: FORMAT + 1,
        ..begin()
    };
    let other = written(&[Record::Begin(Box::new(other))]);
    assert!(matches!(last(&other), ReadError::Format { found: 2 }));
    let error = last(&with(b"{\"type\":\"sample\"}\n")).to_string();
    assert!(error.starts_with("line 2 is not a record"), "{error}");
}

#[test]
fn a_line_that_was_never_finished_is_left_out() {
    let whole = written(&records()[..2]);
    let cut = &whole[..whole.len() - 3];
    assert_eq!(lines(cut).len(), 1);
    assert!(lines(cut)[0].is_ok());
}

#[test]
fn nothing_follows_an_error() {
    let parts = [&records()[..1], &records()[1..2]].map(written);
    let text = parts.join(&b"x\n"[..]);
    let lines = lines(&text);
    assert_eq!((lines.len(), lines[1].is_err()), (2, true));
}

#[test]
fn a_full_disk_is_said_once_and_costs_the_trace_alone() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut full = Full(0);
    let mut writer = Writer::new(&mut full);
    let record = Record::End(End::default());
    assert!(writer.write(&record).is_err());
    assert!(writer.write(&record).is_ok());
    assert_eq!(full.0, 1, "not tried again");
}
