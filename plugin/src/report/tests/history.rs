//! The history: what a line says, what is filtered, and in which order it is.

use std::time::{Duration, SystemTime};

use super::*;
use crate::flags::Ended;
use crate::report::history::{self, Filter, History};

fn at(seconds: u64) -> Option<SystemTime> {
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn recorded(at: &str) -> Option<Recorded> {
    let (at, by) = (at.to_owned(), RecordedBy::FileName);
    Some(Recorded { at, by })
}

/// One that moved, one that did not, one in post-copy that was observed, and one that has no end.
fn four() -> [Migration; 4] {
    let mut moved = flat();
    moved.recorded = recorded("2026-11-22T16:10:15Z");
    let mut first = Begin {
        destination: None,
        observe: true,
        controller: trace::ControllerName::LibvirtHpcd,
        ..plain_begin()
    };
    let postcopy = Totals {
        total_ms: 5_000,
        pause_unknown: Some(PauseUnknown::Postcopy),
        ..Totals::default()
    };
    let begin = |begin: &Begin| Record::Begin(Box::new(begin.clone()));
    let observed = made(&[begin(&first), super::moved(postcopy)]);
    first.observe = false;
    let refused = end(End {
        moved: false,
        error: Some("refused".to_owned()),
        totals: Totals::default(),
    });
    [
        moved,
        made(&[begin(&first), refused]),
        observed,
        made(&precopy(30)),
    ]
}

fn rendered(format: history::Format, migrations: &[Migration]) -> String {
    let mut history = History::default();
    migrations.iter().for_each(|one| history.push(one));
    history.render(format).expect("a history")
}

#[test]
fn a_history_reads_as_before() {
    assert_golden("history.txt", &rendered(history::Format::Table, &four()));
    assert_golden("history.csv", &rendered(history::Format::Csv, &four()));
}

#[test]
fn fields_of_a_history_keep_their_names_and_types() {
    let text = rendered(history::Format::Json, &four());
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["migrations"][0]["pause_ms"], 1197);
    assert_golden("history-schema.txt", &schema(&json));
}

#[test]
fn a_history_of_nothing_is_one_all_the_same() {
    assert_eq!(rendered(history::Format::Table, &[]).lines().count(), 1);
    assert_eq!(rendered(history::Format::Csv, &[]).lines().count(), 1);
    let json = rendered(history::Format::Json, &[]);
    assert!(json.contains("\"migrations\": []"), "{json}");
}

#[test]
fn a_line_is_one_line_whatever_a_trace_holds() {
    let hostile = [hostile::hostile()];
    let table = rendered(history::Format::Table, &hostile);
    assert_eq!(table.lines().count(), 2, "{table}");
    let csv = rendered(history::Format::Csv, &hostile);
    assert!(csv.lines().count() == 2 && csv.contains(",\"'=1+"), "{csv}");
    let json = rendered(history::Format::Json, &hostile);
    for text in [table, csv, json] {
        let harmful = |c: char| crate::harmless::is_unprintable(c) && !"\r\n".contains(c);
        assert_eq!(text.find(harmful), None);
    }
}

#[test]
fn a_time_is_from_since_on_and_before_until() {
    let time = |since, until| Filter {
        since,
        until,
        ..Filter::default()
    };
    // 2026-11-22T16:10:15Z
    let then = recorded("2026-11-22T16:10:15Z");
    let wanted = |filter: Filter| filter.wants_time(then.as_ref());
    assert!(wanted(Filter::default()));
    assert!(wanted(time(at(1_795_363_815), None)));
    assert!(!wanted(time(at(1_795_363_816), None)));
    assert!(wanted(time(None, at(1_795_363_816))));
    assert!(!wanted(time(None, at(1_795_363_815))));
    assert!(wanted(time(at(0), at(1_800_000_000))));
    assert!(Filter::default().wants_time(None));
    assert!(!time(at(0), None).wants_time(None), "its time is not known");
}

#[test]
fn a_result_is_asked_for() {
    for (result, expected) in [
        (Ended::Moved, [true, false, true, false]),
        (Ended::Failed, [false, true, false, false]),
        (Ended::Unknown, [false, false, false, true]),
    ] {
        let filter = Filter {
            result: Some(result),
            ..Filter::default()
        };
        assert_eq!(four().map(|one| filter.wants_end(&one)), expected);
    }
}

#[test]
fn traces_are_listed_by_their_time_and_nothing_else_is_a_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for name in [
        "b-20261122T161015Z.trace",
        "a-20261122T161015Z.trace",
        "a-20261122T161015Z-2.trace",
        "a-20261122T161015Z-10.trace",
        "z-20251122T161015Z.trace",
        "agent.log",
    ] {
        fs::write(path(name), "").expect("written");
    }
    // One by virsh-hpc: the file's time counts.
    fs::File::create(path("from-virsh-hpc.trace"))
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH))
        .expect("written");
    fs::create_dir(path("folder.trace")).expect("a folder");
    std::os::unix::fs::symlink("/dev/zero", path("device.trace")).expect("a link");
    let listed = history::list(folder.path()).expect("listed");
    let names: Vec<_> = listed
        .iter()
        .filter_map(|listed| listed.path.file_name()?.to_str())
        .collect();
    let expected = [
        "from-virsh-hpc.trace",
        "z-20251122T161015Z.trace",
        "a-20261122T161015Z.trace",
        "b-20261122T161015Z.trace",
        "a-20261122T161015Z-2.trace",
        "a-20261122T161015Z-10.trace",
    ];
    assert_eq!(names, expected);
    assert!(history::list(&path("none")).is_err());
}
