//! Predictions of syncs from KVM's counters, over the recorded KVM runs by libvirt-hpc's law, which lets QEMU sync when next
//! to nothing is unsent.
//!
//! ```text
//! cargo test -p libvirt-hpc-tests --test predictions -- --nocapture      prints the table
//! ```
#![expect(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::fs;
use std::path::{Path, PathBuf};

use libvirt_hpc_control::estimate::Rounds;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_plugin::trace::{self, Record};
use libvirt_hpc_tests::predictions::{FEW_POLLS, Sync, predictions};

fn samples(file: &Path) -> Vec<Sample> {
    let text = fs::read(file).expect("a trace");
    let records = trace::read(text.as_slice()).map(|record| record.expect("a record").1);
    let samples = records.filter_map(|record| match record {
        Record::Sample(sample) => Some(Sample::from(&sample)),
        _ => None,
    });
    samples.collect()
}

/// The syncs of one run that its samples show, from when memory begins to flow.
fn syncs(samples: &[Sample]) -> Vec<Sync> {
    let is_flowing = |sample: &&Sample| sample.state == JobState::Precopy && sample.iteration > 0;
    let begin = samples.iter().find(is_flowing).map(|sample| (sample.at, 0));
    let mut rounds = Rounds::default();
    let ended = samples.iter().filter_map(|sample| rounds.update(sample));
    let found = ended.map(|round| (round.at, round.remaining_bytes));
    begin.into_iter().chain(found).collect()
}

fn recorded() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let files = fs::read_dir(folder).expect("traces");
    let files = files.map(|file| file.expect("a file").path());
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("kvm-") && name.contains("-law-") && name.ends_with(".trace")
    };
    files.filter(is_wanted).collect()
}

#[test]
fn nine_in_ten_syncs_of_recorded_runs_are_predicted_within_five_per_cent() {
    let (mut few, mut enough) = ([0; 3], [0; 3]);
    for file in recorded() {
        let samples = samples(&file);
        let (predictions, _) = predictions(&samples, &syncs(&samples));
        for sync in predictions {
            let row = if sync.round < FEW_POLLS {
                &mut few
            } else {
                &mut enough
            };
            row[0] += usize::from(sync.is_within_percent(5));
            row[1] += usize::from(sync.is_within_percent(25));
            row[2] += 1;
        }
    }
    println!("| iterations of | within 5 % | within 25 % | syncs |");
    for (name, [near, roughly, all]) in [("0.5 s and more", enough), ("less", few)] {
        println!("| {name} | {near} | {roughly} | {all} |");
    }
    let [near, _, all] = enough;
    assert!(all > 30 && near * 10 >= all * 9, "{near} of {all}");
}
