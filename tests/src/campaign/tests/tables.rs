//! The results, kept and shown.

use crate::campaign::found::{Found, Hit};
use crate::campaign::plan::{Phase, Plan};
use crate::campaign::store::{Run, Store, page};

fn run(number: u64, violations: &[&str]) -> Run {
    let plan = Plan::draw(1, number);
    let hit = Hit {
        phase: Some(Phase::Finish),
        ..Hit::default()
    };
    Run {
        seed: 1,
        number,
        took_ms: 5000,
        found: Found {
            hits: vec![hit; plan.strikes.len()],
            ..Found::default()
        },
        plan,
        violations: violations.iter().map(|v| (*v).to_owned()).collect(),
    }
}

#[test]
fn a_campaign_begun_again_finds_its_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(folder.path()).expect("opened");
    store.add(run(3, &[])).expect("added");
    let store = Store::open(folder.path()).expect("opened again");
    assert!(store.has(1, 3) && !store.has(1, 4) && !store.has(2, 3));
    let table = folder.path().join("campaign.md");
    assert!(table.is_file());
}

#[test]
fn the_table_counts_by_fault_and_phase_and_shows_violations() {
    let bad = run(0, &["the guest is lost"]);
    let fault = bad.plan.strikes[0].fault.name();
    let text = page(&[bad]);
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("| {fault} |")));
    let row = row.expect("a row of the fault");
    assert!(row.ends_with("| 0 | 0 | 0 | 0 | 1 (1) | 0 |"), "{row}");
    assert!(text.contains("1 with violations") && text.contains("VIOLATION: the guest is lost"));
}
