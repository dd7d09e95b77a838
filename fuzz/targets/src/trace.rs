//! The trace: of a stranger, cut, changed or made up.
//!
//! * Every record that was read is read back equal from what is written of it, and its line is one of the file's.
//! * Replay, comparison of laws, picture, report, history and estimate take whatever was read, and print nothing that drives a
//!   terminal; their JSON is JSON.
//! * A replay by the same law twice decides the same.
//! * W(x) of a prior, from it or from a saved estimate, never falls.

use std::path::Path;

use libvirt_hpc_plugin::estimate::assessment::Known;
use libvirt_hpc_plugin::estimate::earlier::Earlier;
use libvirt_hpc_plugin::flags::ReplayLaw;
use libvirt_hpc_plugin::harmless::printable_lines;
use libvirt_hpc_plugin::report::history::{self, History};
use libvirt_hpc_plugin::report::{self, Format, Migration};
use libvirt_hpc_plugin::trace::Record;
use libvirt_hpc_plugin::{plot, replay, trace};

use crate::scratch;
use crate::text::{assert_line_of, assert_one_line, assert_printable};

/// Reads `data` as a trace's file, in every way that there is.
pub fn run(data: &[u8]) {
    let read = records(data);
    let file = scratch::file("some.trace", data);
    assert!(read.is_none() || Earlier::read(trace::read(data)).is_ok());
    known_before(data);
    replayed(&file, read.is_some());
    drawn(data, read.as_deref());
    reported(&file, read.is_some());
}

/// What `--hpc-prior` makes of it, as a trace or as the output of `hpc-estimate --json`.
fn known_before(data: &[u8]) {
    let traced = Earlier::read(trace::read(data)).map(|earlier| earlier.prior());
    let saved = std::str::from_utf8(data).ok().and_then(|text| {
        let (_, known) = Known::from_json(text).ok()?;
        Some(known.prior())
    });
    for prior in traced.into_iter().chain(saved) {
        let points: Vec<_> = prior.written().collect();
        assert!(points.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1));
    }
}

/// The records, if all of the file can be read.
fn records(data: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    for read in trace::read(data) {
        let (line, record) = read.ok()?;
        assert_line_of(data, line);
        let written = serde_json::to_string(&record).expect("a record");
        assert!(!written.contains('\n'));
        let again: Record = serde_json::from_str(&written).expect("what was written");
        assert_eq!(again, record);
        records.push(record);
    }
    Some(records)
}

fn replayed(file: &Path, whole: bool) {
    for law in [None, Some(ReplayLaw::All)] {
        let [text, again, json] = [false, false, true].map(|json| {
            let mut out = Vec::new();
            let done = replay::command(file, law, json, &mut out);
            assert_eq!(done.is_ok(), whole);
            if let Err(error) = done {
                assert_one_line(
                    "an error of a replay",
                    &printable_lines(&format!("{error:#}")),
                );
            }
            String::from_utf8(out).expect("text")
        });
        assert_eq!(text, again);
        assert_printable("a replay", &text);
        for line in json.lines() {
            assert_one_line("a line of a replay", line);
            assert_json(line);
        }
    }
}

fn drawn(data: &[u8], read: Option<&[Record]>) {
    let picture = scratch::directory().join("picture.svg");
    match plot::plot(data, &picture) {
        Ok(()) => {
            let svg = std::fs::read_to_string(picture).expect("a picture");
            assert_printable("a picture", &svg);
            assert!(read.is_some() && svg.trim_end().ends_with("</svg>"));
        }
        Err(error) => assert_one_line(
            "an error of a picture",
            &printable_lines(&format!("{error:#}")),
        ),
    }
}

fn reported(file: &Path, whole: bool) {
    const FORMATS: [Format; 5] = [
        Format::Markdown,
        Format::Html,
        Format::Csv,
        Format::Json,
        Format::Svg,
    ];
    let migration = match report::read(file) {
        Ok(migration) => migration,
        Err(error) => {
            assert!(!whole);
            return assert_one_line(
                "an error of a report",
                &printable_lines(&format!("{error:#}")),
            );
        }
    };
    assert!(whole || migration.problem.is_some());
    let migrations = [migration];
    for format in FORMATS {
        match report::render(format, &migrations) {
            Ok(text) => {
                assert_printable("a report", &text);
                if format == Format::Json {
                    assert_json(&text);
                }
            }
            Err(error) => assert_eq!(format, Format::Svg, "{error:#}"),
        }
    }
    listed(&migrations[0]);
}

fn listed(migration: &Migration) {
    for format in [
        history::Format::Table,
        history::Format::Csv,
        history::Format::Json,
    ] {
        let mut history = History::default();
        history.push(migration);
        let text = history.render(format).expect("a history");
        assert_printable("a history", &text);
    }
}

fn assert_json(text: &str) {
    let read = serde_json::from_str::<serde_json::Value>(text);
    assert!(read.is_ok(), "{text}");
}
