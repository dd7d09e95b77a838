use std::fs::{OpenOptions, read_to_string};
use std::io::Write;

use super::super::record::Line;
use super::super::store::Store;
use super::fixture::{CELL, benchmark, probe, run};

#[test]
fn written_records_are_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path()).expect("an empty folder");
    let first = run("adaptive", "adaptive", 1, 5000.0, 1000.0);
    store.add(Line::Probe(Box::new(probe()))).expect("written");
    store
        .add(Line::Run(Box::new(first.clone())))
        .expect("written");
    let again = Store::open(folder.path()).expect("the same folder");
    assert_eq!(again.probe(&CELL), Some(&probe()));
    assert_eq!(again.runs().collect::<Vec<_>>(), [&first]);
    assert!(again.done().contains(&first.key));
    let table = folder.path().join("results.csv");
    let mut table = csv::Reader::from_path(table).expect("a table");
    let heads = table.headers().expect("heads").clone();
    let place = heads.iter().position(|head| head == "j_10_percent_ms");
    let rows: Vec<_> = table.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(place.and_then(|place| rows[0].get(place)), Some("1400.0"));
}

#[test]
fn a_line_cut_short_by_a_kill_is_measured_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let results = folder.path().join("results.jsonl");
    let mut store = Store::open(folder.path()).expect("an empty folder");
    store
        .add(Line::Run(Box::new(run("stock", "stock", 1, 1.0, 1.0))))
        .expect("written");
    let whole = read_to_string(&results).expect("results");
    let mut file = OpenOptions::new()
        .append(true)
        .open(&results)
        .expect("results");
    file.write_all(&whole.as_bytes()[..whole.len() / 2])
        .expect("half a line");
    let mut again = Store::open(folder.path()).expect("the same folder");
    assert_eq!(again.runs().count(), 1);
    again
        .add(Line::Run(Box::new(run("stock", "stock", 2, 1.0, 1.0))))
        .expect("written");
    assert_eq!(Store::open(folder.path()).expect("again").runs().count(), 2);
}

#[test]
fn a_format_of_another_time_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path()).expect("an empty folder");
    let mut old = run("stock", "stock", 1, 1.0, 1.0);
    old.format = 0;
    store.add(Line::Run(Box::new(old))).expect("written");
    assert!(Store::open(folder.path()).is_err());
}

#[test]
fn the_runs_of_a_law_can_be_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path()).expect("an empty folder");
    for run in benchmark() {
        store.add(Line::Run(Box::new(run))).expect("written");
    }
    assert_eq!(
        store.forget("adaptive", "another-link").expect("written"),
        0
    );
    assert_eq!(store.forget("adaptive", "").expect("written"), 3);
    let again = Store::open(folder.path()).expect("the same folder");
    assert_eq!(again.runs().count(), benchmark().len() - 3);
    assert!(again.runs().all(|run| run.key.law != "adaptive"));
}
