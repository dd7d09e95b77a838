//! The main scenario on the oldest pair: Debian 12's libvirt 9.0 with QEMU from its backports.

use anyhow::Result;
use libvirt_hpc_tests::rig::Rig;

use crate::shuttle::Shuttle;

const SATURATED: [&str; 5] = ["--fill", "160", "--workload", "flat:128", "--marked"];
const CONVERGING: [&str; 5] = ["--fill", "160", "--workload", "rate:64@50", "--marked"];

#[test]
#[ignore = "half a minute: make thorough"]
fn libvirt_9_moves_a_saturated_and_a_converging_guest() -> Result<()> {
    let rig = Rig::up(&["--old"])?;
    Shuttle::start(&rig, "saturated", &SATURATED)?.virsh_hpc(&[])?;
    let mut converging = Shuttle::start(&rig, "converging", &CONVERGING)?;
    let virsh = converging.virsh()?;
    let moved = converging.virsh_hpc(&["--p2p"])?;
    anyhow::ensure!(
        moved.pause()? * 2 < virsh.pause()?,
        "{moved:?} against {virsh:?}"
    );
    Ok(())
}
