//! A short fault campaign; `make campaign` makes longer ones.

use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_tests::campaign::Campaign;

/// Another seed has other moments, guests and links; this many runs have a fault each of most kinds.
const SEED: u64 = 1;
const RUNS: u64 = 20;

/// On a machine that is busy fewer runs are made.
const BUDGET: Duration = Duration::from_secs(300);

#[test]
fn whatever_strikes_a_migration_its_guest_runs_once_and_nothing_is_left() -> Result<()> {
    let results = tempfile::tempdir()?;
    let campaign = Campaign {
        seed: SEED,
        runs: RUNS,
        only: None,
        budget: Some(BUDGET),
        results: results.path().to_owned(),
    };
    let violated = campaign.make()?;
    ensure!(violated == 0, "{violated} runs with violations");
    Ok(())
}
