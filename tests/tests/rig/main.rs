//! Real libvirt, real QEMU, real guests on two hosts: what the product promises, measured against plain
//! virsh in the same run. Needs root; brings its hosts up and down by itself. Every guest that moves is
//! counted (one running copy) and verified (no corrupt page).

mod adapter;
mod agent_faults;
mod cost;
mod documents;
mod faults;
mod hands;
mod hook;
mod idle;
mod moves;
mod mpi;
mod old;
mod options;
mod package;
mod takeover;

use std::time::Duration;

use anyhow::Result;
use libvirt_hpc_tests::rig::{Move, Rig};

/// A guest started for one migration, moved, verified and ended.
fn one_move(
    rig: &Rig,
    name: &str,
    guest: &[&str],
    migrate: impl FnOnce(&Rig) -> Result<Move>,
) -> Result<Move> {
    rig.guest(name, guest)?;
    let moved = migrate(rig)?;
    rig.whole(name)?;
    rig.destroy(name);
    println!(
        "{name:<12} {:>7.2} s  pause {:>7.0} ms  {}",
        moved.total.as_secs_f64(),
        moved.report.pause_ms.unwrap_or(f64::NAN),
        moved.stderr().lines().last().unwrap_or_default()
    );
    Ok(moved)
}

/// `one_move` by virsh-hpc.
fn ours(rig: &Rig, name: &str, guest: &[&str], options: &[&str]) -> Result<Move> {
    let marked = [guest, &["--marked"]].concat();
    let moved = one_move(rig, name, &marked, |rig| {
        rig.migrate_live("virsh-hpc", name, options)
    })?;
    anyhow::ensure!(
        moved.output.status.success(),
        "virsh-hpc failed: {}",
        moved.stderr()
    );
    Ok(moved)
}

/// `one_move` by virsh.
fn virsh(rig: &Rig, name: &str, guest: &[&str]) -> Result<Move> {
    let moved = one_move(rig, name, guest, |rig| rig.migrate_live("virsh", name, &[]))?;
    anyhow::ensure!(
        moved.output.status.success(),
        "virsh failed: {}",
        moved.stderr()
    );
    Ok(moved)
}

/// The middle value; of an even number, the upper of the two.
fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

fn median_of<T: PartialOrd + Copy>(moves: &[Move], what: impl Fn(&Move) -> Result<T>) -> Result<T> {
    Ok(median(moves.iter().map(what).collect::<Result<Vec<_>>>()?))
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
