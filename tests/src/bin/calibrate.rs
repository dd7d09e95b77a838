//! Calibration of the plant: records runs on the test bed, and predicts recorded ones.
//!
//! ```text
//! cargo run --release -p libvirt-hpc-tests --bin calibrate -- record tests/traces      what is missing there
//! cargo run --release -p libvirt-hpc-tests --bin calibrate -- judge tests/traces
//! ```
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use libvirt_hpc_tests::calibrate::{SET, constants, judge, load, print, record};
use libvirt_hpc_tests::rig::Rig;

/// Judges the plant against recorded runs of the rig.
#[derive(Parser)]
enum Args {
    /// Record the set on the rig, except what the folder holds already
    Record {
        /// Where to
        folder: PathBuf,
        /// Only runs whose name contains this
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Say what the recorded runs measure of the constants that predictions are made with
    Constants {
        /// Where from
        folder: PathBuf,
    },
    /// Predict every run recorded in the folder; status 1 unless nine in ten of known guests are near
    Judge {
        /// Where from
        folder: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    match Args::parse() {
        Args::Record { folder, only } => record_set(&folder, &only),
        Args::Constants { folder } => {
            print!("{}", constants(&load(&folder)?));
            Ok(ExitCode::SUCCESS)
        }
        Args::Judge { folder } => judge_folder(&folder),
    }
}

fn record_set(folder: &Path, only: &str) -> Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let missing = |name: &str| !folder.join(name).with_extension("json").exists();
    let plans: Vec<_> = SET
        .iter()
        .filter(|plan| plan.name.contains(only) && missing(plan.name))
        .collect();
    if plans.is_empty() {
        println!("nothing is missing");
        return Ok(ExitCode::SUCCESS);
    }
    let rig = Rig::up(&[])?;
    let mut status = ExitCode::SUCCESS;
    for plan in plans {
        match record(&rig, plan, folder) {
            Ok(run) => println!(
                "{}: pause {:.0} ms, total {} ms",
                plan.name, run.pause_ms, run.total_ms
            ),
            // The others are worth recording all the same.
            Err(error) => {
                eprintln!("{}: {error:#}", plan.name);
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

fn judge_folder(folder: &Path) -> Result<ExitCode> {
    let recordings = load(folder)?;
    let (text, tcg, kvm) = print(&judge(&recordings)?);
    print!("{text}");
    Ok(if tcg.known.good() && kvm.known.good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
