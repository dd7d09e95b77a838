//! Estimates against outcomes: of guests drawn at random in the plant, and of recorded runs of the test bed.
#![expect(clippy::unwrap_used, reason = "a test ends at what it does not expect")]

use std::fs;
use std::path::{Path, PathBuf};

use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_plugin::estimate::earlier::Earlier;
use libvirt_hpc_plugin::estimate::forecast::{Forecast, Input, Link};
use libvirt_hpc_plugin::trace::{self, Begin, Record, Totals};
use libvirt_hpc_tests::estimates::{Compared, percent, table};
use libvirt_hpc_tests::plant::Counter;
use libvirt_hpc_tests::random_cases::{Case, Kind};

const GUESTS: u64 = 120;
const SEED: u64 = 16;

/// QEMU's own part of a pause that sends nothing, ms: traces hold its figure, not what users feel (docs/plant.md).
const FIXED_MS: u64 = 25;

fn compared(counter: Counter, is_told: bool) -> Vec<Compared> {
    let cases = (0..GUESTS).map(|number| Case::draw_for_estimates(SEED, number));
    cases
        .filter_map(|case| Compared::of(&case, counter, is_told))
        .collect()
}

/// Also of a law that is told what was measured. The goals: totals within 20 % and pauses inside their interval for eight in ten. Whether virsh ends: nine in ten
/// where the estimate is sure of it, and of guests that show what they do; phases longer than the survey are not seen
/// (docs/operations.md, section 6).
#[test]
fn eight_in_ten_estimates_hold() {
    for (counter, is_told) in [
        (Counter::None, false),
        (Counter::Exact, false),
        (Counter::Exact, true),
    ] {
        let all = compared(counter, is_told);
        let table = table(&all);
        println!("{table}");
        assert_eq!(all.len() as u64, GUESTS);
        assert!(percent(&all, Compared::total_is_near) >= 80, "\n{table}");
        assert!(percent(&all, Compared::pause_is_inside) >= 80, "\n{table}");
        let of = |is: &dyn Fn(&Compared) -> bool| -> Vec<Compared> {
            all.iter().filter(|one| is(one)).cloned().collect()
        };
        let sure = of(&|one| one.forecast.stock.sure && one.kind != Kind::Spinning);
        assert!(sure.len() as u64 * 2 > GUESTS, "\n{table}");
        assert!(percent(&sure, Compared::stock_is_right) >= 90, "\n{table}");
        assert!(percent(&all, Compared::stock_is_right) >= 80, "\n{table}");
    }
}

/// A recorded run by the law of a guest without phases.
struct Run {
    name: String,
    begin: Begin,
    totals: Totals,
    earlier: Earlier,
}

fn recorded() -> Vec<Run> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "trace"))
        .filter(|path| name(path).contains("-law-") && !name(path).starts_with("phases"))
        .collect();
    files.sort();
    let run = |path: &PathBuf| {
        let text = fs::read(path).unwrap();
        let records: Vec<Record> = trace::read(text.as_slice())
            .map(|record| record.unwrap().1)
            .collect();
        let Some(Record::Begin(begin)) = records.first() else {
            panic!("{}: no beginning", path.display())
        };
        let Some(Record::End(end)) = records.last() else {
            panic!("{}: no end", path.display())
        };
        Run {
            name: name(path),
            begin: (**begin).clone(),
            totals: end.totals.clone(),
            earlier: Earlier::read(trace::read(text.as_slice())).unwrap(),
        }
    };
    files.iter().map(run).collect()
}

/// The model, fed with what each run itself showed, gives its pause and total: what is left is the model's error.
#[test]
fn a_recorded_run_is_estimated_from_its_own_trace() {
    let (mut near, mut inside, mut text) = (0, 0, String::new());
    // A run whose first round was not seen to end tells neither its data nor what was written.
    let mut runs = recorded();
    runs.retain(|run| run.earlier.data_bytes.is_some() && run.totals.pause_ms.is_some());
    for run in &runs {
        let input = Input {
            total_bytes: run.earlier.memory_bytes,
            data_bytes: run.earlier.data_bytes.unwrap(),
            data_tolerance_percent: 0,
            readings: run.earlier.readings.clone(),
            pattern: None,
            counted: false,
            link: Link {
                bytes_per_s: run.earlier.bandwidth_bytes_per_s.unwrap(),
                tolerance_percent: 15,
            },
            law: run.begin.law,
            slowdown_ppm: run.begin.slowdown_ppm,
            policy: Policy::default(),
            limit_ms: 300,
            cache_bytes: 0,
            pause_fixed_ms: FIXED_MS,
            prior: Prior::default(),
        };
        let forecast = Forecast::of(&input).unwrap();
        let pause_ms = run.totals.pause_ms.unwrap();
        let ratio = forecast.total_ms.likely as f64 / run.totals.total_ms as f64;
        near += usize::from((0.8..=1.2).contains(&ratio));
        let interval = forecast.pause_ms;
        inside += usize::from((interval.least..=interval.most).contains(&pause_ms));
        text += &format!(
            "{:18} total {} ms, {ratio:.2} of it estimated; pause {pause_ms} ms in {} to {}\n",
            run.name, run.totals.total_ms, interval.least, interval.most
        );
    }
    println!("{text}");
    assert!(runs.len() >= 5, "\n{text}");
    assert!(
        near * 10 >= runs.len() * 8 && inside * 10 >= runs.len() * 8,
        "\n{text}"
    );
}
