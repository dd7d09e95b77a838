//! Guests under KVM, at native speed: what they rewrite between two looks no emulated guest does. Where there is no KVM
//! the tests say so and pass.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::{Kvm, Rig};

use crate::shuttle::Shuttle;

/// Times to and fro.
const TURNS: usize = 5;

/// The hosts, if they have KVM for the guest without Linux.
fn hosts() -> Result<Option<Rig>> {
    let rig = Rig::up(&[])?;
    let kvm = rig.kvm()?;
    if kvm == Kvm::None {
        println!("skipped: this machine has no KVM");
        return Ok(None);
    }
    println!("{kvm:?}");
    Ok(Some(rig))
}

/// Moves a guest to and fro under its law; it must arrive every time, whole.
fn to_and_fro(rig: &Rig, name: &str, guest: &[&str], options: &[&str]) -> Result<()> {
    let options = [options, &["--accel", "kvm", "--marked"]].concat();
    let mut shuttle = Shuttle::start(rig, name, &[guest, &options].concat())?;
    for _ in 0..2 * TURNS {
        let moved = shuttle.ours(&[])?;
        ensure!(moved.report.corrupt_pages == 0, "{moved:?}");
        ensure!(moved.report.pause_ms.is_some(), "{moved:?}");
    }
    Ok(())
}

#[test]
fn guests_under_kvm_move_to_and_fro_whole() -> Result<()> {
    let Some(rig) = hosts()? else {
        return Ok(());
    };
    let saturated = ["--workload", "flat:128"];
    to_and_fro(&rig, "saturated", &saturated, &[])?;
    to_and_fro(&rig, "two", &saturated, &["--vcpus", "2"])?;
    let spinning = ["--workload", "phases:3s=flat:128,3s=spin"];
    to_and_fro(&rig, "spinning", &spinning, &[])
}
