//! The traces that are kept in this repository.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libvirt_hpc_control::law::Slowdown;
use libvirt_hpc_control::progress::Progress;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_plugin::laws::LawName;
use libvirt_hpc_plugin::trace::{self, EventRecord, Record};

use crate::watched::{Judged, Watched};

fn traces() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for directory in ["tests/traces", "docs/benchmark", "docs/benchmark-kvm"] {
        for entry in fs::read_dir(root.join(directory)).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "trace") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What would have been shown, and whether the law decided.
fn watched(path: &Path) -> (Watched, bool) {
    let file = BufReader::new(File::open(path).expect("a trace"));
    let mut watched = Watched::default();
    let mut progress = Progress::new(0, None, None);
    let (mut cause, mut decides) = (None, false);
    for record in trace::read(file) {
        match record.expect("a record").1 {
            Record::Begin(begin) => {
                decides = begin.law == LawName::Adaptive && !begin.observe;
                let slowdown = decides.then(|| Slowdown::from_ppm(begin.slowdown_ppm));
                let deadline = begin.policy.deadline_after_ms.map(Duration::from_millis);
                progress = Progress::new(0, slowdown, deadline);
            }
            Record::Sample(record) => {
                let sample = Sample::from(&record);
                watched.see(&sample, progress.poll(&sample, cause));
            }
            Record::Event { event, .. } => match event {
                EventRecord::Decided { cause: why, .. }
                | EventRecord::Targeted { cause: why, .. } => cause = Some(why),
                EventRecord::ReleasedExternalChange { .. } => cause = None,
                _ => {}
            },
            _ => {}
        }
    }
    (watched, decides)
}

#[test]
fn no_recorded_run_shows_progress_that_runs_backwards_and_eight_of_ten_intervals_hold() {
    let (mut all, mut of_the_law) = (Judged::default(), Judged::default());
    println!("{:24}  {}", "recorded run", Judged::HEAD);
    for path in traces() {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let (watched, decides) = watched(&path);
        watched.never_runs_backwards(&name);
        let Some(judged) = watched.judged() else {
            continue;
        };
        println!("{name:24}  {}", judged.line());
        all.add(&judged);
        if decides {
            of_the_law.add(&judged);
        }
    }
    println!("{:24}  {}", "all", all.line());
    println!("{:24}  {}", "under the adaptive law", of_the_law.line());
    assert!(all.polls > 1000, "{}", all.polls);
    assert!(all.holds() && of_the_law.holds());
}
