//! A real MPI program moves: hpcc under mpich, two ranks in one guest, which check their own results.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::Rig;

use crate::shuttle::Shuttle;

/// The matrices that a pass transposes are 4 MiB, so that one ends soon.
const GUEST: [&str; 3] = ["--workload", "hpcc:4", "--marked"];

/// A shuttle requires that the pass in which the guest moved ends well, on one copy.
#[test]
fn an_mpi_program_runs_on_where_it_was_moved() -> Result<()> {
    let rig = Rig::up(&[])?;
    let moved = Shuttle::start(&rig, "hpcc", &GUEST)?.virsh_hpc(&["--hpc-sync-time"])?;
    ensure!(moved.report.moved, "hpcc is not on the other host");
    let said = moved.stderr();
    ensure!(
        said.contains("the guest agent has set the clock of hpcc"),
        "{said}"
    );
    Ok(())
}
