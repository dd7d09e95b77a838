//! What each sync of the recorded KVM runs found, beside what KVM's page faults had foretold 100 ms before it: runs under
//! libvirt-hpc's law, which lets QEMU sync when next to nothing is unsent.
//!
//! ```text
//! cargo test -p libvirt-hpc-tests --test foretold -- --nocapture      prints the table
//! ```
#![expect(clippy::expect_used, reason = "a test ends at what it does not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libvirt_hpc_control::estimate::{Round, Rounds, Writes};
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_plugin::trace::{self, Record};

/// How long before a sync it is foretold.
const BEFORE: Duration = Duration::from_millis(100);

/// Shorter iterations have few readings of the page faults, one every 100 ms.
const FEW_READINGS: Duration = Duration::from_millis(500);

/// A sync, and what was foretold.
struct Foretold {
    iteration: Duration,
    found_bytes: u64,
    foretold_bytes: Option<u64>,
}

impl Foretold {
    fn is_within_percent(&self, percent: u64) -> bool {
        self.foretold_bytes.is_some_and(|foretold| {
            foretold.abs_diff(self.found_bytes) * 100 <= self.found_bytes * percent
        })
    }
}

fn samples(file: &Path) -> Vec<Sample> {
    let text = fs::read(file).expect("a trace");
    let records = trace::read(text.as_slice()).map(|record| record.expect("a record").1);
    let samples = records.filter_map(|record| match record {
        Record::Sample(sample) => Some(Sample::from(&sample)),
        _ => None,
    });
    samples.collect()
}

/// The syncs of one run, each with what the last sample that was old enough foretold.
fn foretold(samples: &[Sample]) -> Vec<Foretold> {
    let mut rounds = Rounds::default();
    let ended: Vec<Round> = samples
        .iter()
        .filter_map(|sample| rounds.update(sample))
        .filter(|round| round.syncs == 1 && round.duration >= 2 * BEFORE)
        .collect();
    let (mut rounds, mut writes, mut syncs) = (Rounds::default(), Writes::default(), vec![]);
    for pair in samples.windows(2) {
        let (sample, next) = (&pair[0], &pair[1]);
        writes.update(sample, rounds.update(sample).as_ref());
        let is_due = |round: &&Round| {
            let made = round.at.before(BEFORE);
            sample.at <= made && made < next.at
        };
        syncs.extend(ended.iter().find(is_due).map(|round| Foretold {
            iteration: round.duration,
            found_bytes: round.remaining_bytes,
            foretold_bytes: writes.next_sync_bytes(round.at),
        }));
    }
    syncs
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
fn nine_in_ten_syncs_of_recorded_runs_are_foretold_within_five_per_cent() {
    let (mut few, mut enough) = ([0; 3], [0; 3]);
    for file in recorded() {
        for sync in foretold(&samples(&file)) {
            let row = if sync.iteration < FEW_READINGS {
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
