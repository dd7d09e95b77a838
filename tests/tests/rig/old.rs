//! The main scenario on the oldest pair: Debian 12's libvirt 9.0 with QEMU from its backports.

use anyhow::Result;
use libvirt_hpc_tests::rig::Rig;

use crate::{ours, virsh};

#[test]
fn libvirt_9_moves_a_saturated_and_a_converging_guest() -> Result<()> {
    let rig = Rig::up(&["--old"])?;
    ours(&rig, "saturated", &["--workload", "flat:128"], &[])?;
    let theirs = virsh(&rig, "plain", &["--workload", "rate:64@50"])?;
    let moved = ours(
        &rig,
        "converging",
        &["--workload", "rate:64@50"],
        &["--p2p"],
    )?;
    anyhow::ensure!(
        moved.pause()? * 2 < theirs.pause()?,
        "{moved:?} against {theirs:?}"
    );
    Ok(())
}
