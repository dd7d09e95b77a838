//! A short endurance run; `make endurance` makes longer ones.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_tests::endurance::Endurance;

/// Two laps: one by virsh under the agents, one by virsh-hpc.
const MOVES: u64 = 20;

#[test]
#[ignore = "two minutes: make thorough"]
fn guests_that_go_to_and_fro_leave_agents_with_what_they_had() -> Result<()> {
    let results = tempfile::tempdir()?;
    let endurance = Endurance {
        moves: MOVES,
        lasting: Duration::ZERO,
        is_stopped: Arc::default(),
        results: results.path().to_owned(),
    };
    let violations = endurance.make()?;
    ensure!(violations.is_empty(), "{violations:?}");
    Ok(())
}
