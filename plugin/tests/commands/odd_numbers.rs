//! Traces whose numbers no migration has, in an order that none has: whoever reads a stranger's trace gets an answer.

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;
use libvirt_hpc_plugin::estimate::earlier::Earlier;
use libvirt_hpc_plugin::flags::ReplayLaw;
use libvirt_hpc_plugin::report::Format;
use libvirt_hpc_plugin::{plot, replay, report, trace};
use serde_json::Value;

use super::committed;

const ODD: [u64; 8] = [
    0,
    1,
    4096,
    1_000_000_007,
    1 << 32,
    1 << 53,
    u64::MAX / 2,
    u64::MAX,
];

/// Of the traces that are recorded: with counters, with XBZRLE and post-copy, and plain.
const RECORDED: [&str; 2] = [
    "tests/traces/flat-law-10.trace",
    "plugin/tests/golden/report/counted.trace",
];

/// Numbers of 32 bits: with others their record would be none.
const SHORT: [&str; 6] = [
    "format",
    "flags",
    "downtime_ms",
    "downtime_max_ms",
    "limit_max_ms",
    "pause_fixed_ms",
];

const FORMATS: [Format; 4] = [Format::Markdown, Format::Html, Format::Csv, Format::Json];

/// Puts odd numbers in the place of one in so many.
fn spoil(random: &mut Rng, value: &mut Value, one_in: usize) {
    match value {
        Value::Number(_) if random.usize(..one_in) == 0 => {
            *value = ODD[random.usize(..ODD.len())].into();
        }
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(name, _)| !SHORT.contains(&name.as_str()))
            .for_each(|(_, value)| spoil(random, value, one_in)),
        _ => {}
    }
}

fn spoilt(text: &str, seed: u64) -> String {
    let mut random = Rng::with_seed(seed);
    let one_in = random.usize(1..=12);
    let lines = text.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        if record["type"] == "begin" {
            record["data"]["policy"]["cache_most_bytes"] = 1.into();
        }
        spoil(&mut random, &mut record, one_in);
        format!("{record}\n")
    });
    lines.collect()
}

#[test]
fn every_reader_of_a_trace_answers_whatever_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let mut drawn = 0;
    for recorded in RECORDED {
        let text = committed(recorded);
        for seed in 0..40 {
            let text = spoilt(&text, seed);
            let broken = trace::read(text.as_bytes()).find_map(Result::err);
            assert!(broken.is_none(), "{recorded} {seed}: {broken:?}");
            let file = path("odd.trace");
            fs::write(&file, &text).unwrap();
            for law in [None, Some(ReplayLaw::All)] {
                for json in [false, true] {
                    let mut out = Vec::new();
                    replay::command(&file, law, json, &mut out).unwrap();
                    assert!(!out.is_empty(), "{recorded} {seed}");
                }
            }
            Earlier::read(trace::read(text.as_bytes())).unwrap();
            let migrations = [report::read(&file).unwrap()];
            for format in FORMATS {
                assert!(!report::render(format, &migrations).unwrap().is_empty());
            }
            drawn += usize::from(plot::command(&file, &path("odd.svg")).is_ok());
        }
    }
    assert!(drawn > 40, "{drawn}");
}
