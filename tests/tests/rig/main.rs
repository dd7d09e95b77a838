//! Real libvirt, real QEMU, real guests on two hosts: the promises of libvirt-hpc, measured against plain virsh in the
//! same run. Needs root; brings its hosts up and down by itself. Every guest that moves is counted (one running copy)
//! and verified (no corrupt page).

mod adapter;
mod agent_faults;
mod busy;
mod campaign;
mod clients;
mod control;
mod cost;
mod documents;
mod endurance;
mod estimate;
mod faults;
mod hook;
mod idle;
mod kvm;
mod metrics;
mod moves;
mod mpi;
mod notify;
mod old;
mod options;
mod package;
mod peer;
mod postcopy;
mod promises;
mod shuttle;
mod signals;
mod takeover;

use std::time::Duration;

use anyhow::Result;
use libvirt_hpc_tests::rig::{Move, marked};

/// A small guest that plain pre-copy does not end for.
const SMALL_SATURATED: [&str; 7] = marked("256", "64", "flat:64");

/// The middle value; of an even number, the upper of the two.
fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

fn median_of<T: PartialOrd + Copy>(moves: &[Move], what: impl Fn(&Move) -> Result<T>) -> Result<T> {
    Ok(median(moves.iter().map(what).collect::<Result<Vec<_>>>()?))
}

fn least_of(moves: &[Move], what: impl Fn(&Move) -> Result<f64>) -> Result<f64> {
    let values = moves.iter().map(what).collect::<Result<Vec<_>>>()?;
    Ok(values.into_iter().fold(f64::INFINITY, f64::min))
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
