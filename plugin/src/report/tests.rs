//! Reports on committed traces, compared with goldens, and on traces made here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use libvirt_hpc_control::estimate::Trust;
use libvirt_hpc_control::event::Cause;
use libvirt_hpc_control::sample::{Faults, JobState, Sample};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;

use super::*;
use crate::trace::tests::begin;
use crate::trace::{self, Begin, End, EventRecord, PauseUnknown, Record, Totals, Writer};
use crate::version;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The report's input from a file of the project, as if its time were not known.
fn committed(path: &str) -> Migration {
    let text = fs::read(root().join(path)).expect(path);
    summarise(path.to_owned(), None, trace::read(&text[..])).expect(path)
}

fn flat() -> Migration {
    committed("tests/traces/flat-law-10.trace")
}

fn counted() -> Migration {
    committed("plugin/tests/golden/report/counted.trace")
}

/// A trace of these records, written and read.
fn made(records: &[Record]) -> Migration {
    let text = written(records);
    summarise("made".to_owned(), None, trace::read(&text[..])).expect("a trace")
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for record in records {
        writer.write(record).expect("memory takes everything");
    }
    writer.into_inner().expect("nothing failed")
}

/// Pre-copy of so many polls, 100 ms apart, each tenth of which begins a round.
fn precopy(polls: u64) -> Vec<Record> {
    let sample = |poll: u64| Sample {
        at: Timestamp::from_nanos(poll * 100_000_000),
        state: JobState::Precopy,
        iteration: 1 + poll / 10,
        elapsed_ms: poll * 100,
        total_bytes: 1 << 30,
        processed_bytes: poll * 10_000_000,
        remaining_bytes: 200_000_000 - poll % 10 * 10_000_000,
        window_bytes_per_s: 100_000_000,
        faults: Some(Faults {
            at: Timestamp::from_nanos(poll * 100_000_000),
            pages: poll * 1000,
        }),
        ..Sample::default()
    };
    let mut records = vec![Record::Begin(Box::new(plain_begin()))];
    for poll in 0..polls {
        records.push(Record::Sample((&sample(poll)).into()));
        let event = EventRecord::Decided {
            accept_bytes: 1,
            cause: Cause::Waiting,
        };
        records.push(Record::Event {
            at_ns: poll * 100_000_000,
            event,
        });
    }
    records
}

/// Without bounds.
fn plain_begin() -> Begin {
    Begin {
        domain: "vm".to_owned(),
        policy: trace::PolicyRecord::default(),
        ..begin()
    }
}

fn end(end: End) -> Record {
    Record::End(end)
}

fn moved(totals: Totals) -> Record {
    end(End {
        moved: true,
        error: None,
        totals,
    })
}

fn rendered(format: Format, migrations: &[Migration]) -> String {
    render(format, migrations).expect("a report")
}

fn assert_golden(name: &str, text: &str) {
    let path = root().join("plugin/tests/golden/report").join(name);
    let ours = format!("\"libvirt_hpc\": \"{}\"", version::OURS);
    let text = text.replace(&ours, "\"libvirt_hpc\": \"VERSION\"");
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} is not:\n{text}", path.display());
}

#[test]
fn one_migration_reads_as_before() {
    let flat = [flat()];
    assert_golden("flat-law-10.md", &rendered(Format::Markdown, &flat));
    assert_golden("flat-law-10.json", &rendered(Format::Json, &flat));
    assert_golden("counted.md", &rendered(Format::Markdown, &[counted()]));
}

#[test]
fn several_migrations_stand_side_by_side_first() {
    let several = [flat(), committed("tests/traces/idle-stock.trace")];
    assert_golden("two.csv", &rendered(Format::Csv, &several));
    let text = rendered(Format::Markdown, &several);
    let (table, _) = text.split_once("# Migration of").expect("each after it");
    assert_golden("two.md", table);
}

/// The names and types of all fields of JSON, over traces that have all of them and traces that have hardly any.
#[test]
fn fields_keep_their_names_and_types() {
    let mut cut = precopy(30);
    cut[0] = Record::Begin(Box::new(begin()));
    let full = [
        cut.clone(),
        vec![end(End {
            moved: false,
            error: Some("refused".to_owned()),
            totals: Totals {
                pause_unknown: Some(PauseUnknown::Postcopy),
                postcopy_after_ms: Some(1),
                postcopy_took_ms: Some(2),
                ..Totals::default()
            },
        })],
    ];
    let bare = Begin {
        destination: None,
        flags: None,
        settings_before: None,
        prior: None,
        ..plain_begin()
    };
    let early = Record::Abort {
        at_ns: 0,
        error: None,
    };
    let mut dated = flat();
    dated.recorded = Some(Recorded {
        at: "2026-11-22T16:10:15Z".to_owned(),
        by: RecordedBy::FileName,
    });
    let all = [
        dated,
        counted(),
        made(&cut),
        made(&full.concat()),
        made(&[Record::Begin(Box::new(bare)), early]),
    ];
    let json: serde_json::Value =
        serde_json::from_str(&rendered(Format::Json, &all)).expect("JSON");
    assert_golden("schema.txt", &schema(&json));
}

/// A line for each field, with its types.
fn schema(json: &serde_json::Value) -> String {
    let mut types = BTreeMap::new();
    collect("", json, &mut types);
    let line = |(name, types): (&String, &BTreeSet<&str>)| {
        let types: Vec<_> = types.iter().copied().collect();
        format!("{name}: {}\n", types.join(", "))
    };
    types.iter().map(line).collect()
}

fn collect(
    name: &str,
    value: &serde_json::Value,
    types: &mut BTreeMap<String, BTreeSet<&'static str>>,
) {
    use serde_json::Value;
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    types.entry(name.to_owned()).or_default().insert(kind);
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                collect(&format!("{name}.{field}"), value, types);
            }
        }
        Value::Array(values) => {
            let of = format!("{name}[]");
            values.iter().for_each(|value| collect(&of, value, types));
        }
        _ => {}
    }
}

#[test]
fn an_ending_says_the_format() {
    let of = |file: &str, traces| Format::of(Path::new(file), traces);
    assert_eq!(of("a.b/r.HTML", 2).ok(), Some(Format::Html));
    assert_eq!(of("r.svg", 1).ok(), Some(Format::Svg));
    for (file, traces, said) in [
        ("r.pdf", 1, ".html, .md, .csv, .json, .svg"),
        ("r", 1, ".html, .md"),
        (".svg", 1, ".html, .md"),
        ("r.svg", 2, "one trace, not 2"),
    ] {
        let error = of(file, traces).expect_err(file).to_string();
        assert!(error.contains(said), "{file}: {error}");
    }
}

#[test]
fn what_plain_virsh_would_have_done_is_said_where_the_record_shows_it() {
    let stock = |migration: Migration| migration.stock.in_words();
    let said = stock(flat());
    let never = "its limit of 300 ms would not have ended it within the record; the least remaining memory at \
                 a sync would have needed a pause of 1.12 s";
    assert_eq!(said, never);
    let said = stock(counted());
    assert!(said.contains("have switched over after 5.43 s"), "{said}");
    let said = stock(committed("tests/traces/idle-stock.trace"));
    assert!(said.starts_with("what was recorded"), "{said}");

    let mut records = precopy(30);
    let target = Target {
        speed_mib_per_s: Some(10),
        ..Target::NONE
    };
    records.push(Record::Outcome {
        at_ns: 0,
        target: (&target).into(),
        error: None,
    });
    assert!(stock(made(&records)).ends_with("the speed limit was changed under way"));
    assert!(stock(made(&precopy(0))).ends_with("the trace holds no pre-copy"));
    let mut records = precopy(30);
    let mut slow = begin();
    slow.policy.speed_is_order = false;
    records[0] = Record::Begin(Box::new(slow));
    assert!(stock(made(&records)).ends_with("the owner's speed ceiling is not plain virsh's"));
}

#[test]
fn the_bounds_of_a_migration_are_told_in_words() {
    let about = facts::about(&made(&[Record::Begin(Box::new(begin()))]));
    let fact = |name| {
        let found = about.iter().find(|(known, _)| *known == name);
        found.map(|(_, fact)| fact.as_str()).expect(name)
    };
    assert_eq!(
        fact("Policy"),
        "longest pause 500 ms; deadline 60.0 s, then postcopy; bandwidth 30 MiB/s; \
         XBZRLE with a cache of up to 0.0 MiB; insists on its downtime limit"
    );
    assert_eq!(
        fact("Orders"),
        "speed 20 MiB/s; stored downtime limit 100 ms; timeout 9.00 s, then suspend; \
         post-copy after the first iteration; speed of post-copy 15 MiB/s"
    );
}

#[test]
fn what_moved_by_postcopy_has_no_pause_and_says_so() {
    let mut records = precopy(30);
    records.push(moved(Totals {
        total_ms: 5_000,
        pause_unknown: Some(PauseUnknown::Postcopy),
        postcopy_after_ms: Some(2_900),
        ..Totals::default()
    }));
    let text = rendered(Format::Markdown, &[made(&records)]);
    assert!(
        text.contains("| Pause | switched to post-copy after 2.90 s (QEMU tells no pause"),
        "{text}"
    );
}

#[test]
fn what_the_guest_writes_is_told_by_counters_that_were_trusted_to_the_end() {
    let counter = |trust| Record::Event {
        at_ns: 0,
        event: EventRecord::Counter { trust },
    };
    let text = fs::read(root().join("plugin/tests/golden/report/counted.trace")).expect("a trace");
    let records = trace::read(&text[..]).map(|record| record.expect("a record").1);
    let mut records: Vec<_> = records.collect();
    let rate = |records: &[Record]| made(records).numbers.write_rate_bytes_per_s;
    assert!(rate(&records).is_some());
    records.insert(records.len() - 1, counter(Trust::Refuted));
    assert_eq!(rate(&records), None);
    let text = rendered(Format::Markdown, &[made(&records)]);
    assert!(text.contains("| Counters | page faults, not trusted: a sync has refuted them |"));
    assert!(!text.contains("| Guest |"), "{text}");
}

#[test]
fn a_long_trace_makes_a_report_that_can_be_read() {
    let mut records = precopy(10_000);
    records.push(moved(Totals::default()));
    let long = [made(&records)];
    assert_eq!(long[0].numbers.precopy_ms, Some(999_900));
    for (format, most) in [
        (Format::Markdown, 60_000),
        (Format::Html, 1_000_000),
        (Format::Json, 2_500_000),
        (Format::Csv, 3_000),
    ] {
        let length = rendered(format, &long).len();
        assert!(length < most, "{format:?}: {length}");
    }
    let text = rendered(Format::Markdown, &long);
    assert!(text.contains("| 9700 more are left out here |"), "{text}");
}

mod history;
mod hostile;
mod page;
mod rounds;
