//! The fault campaign: migrations on the test bed, one or two faults in each, and what must hold after it. `make campaign`.
//!
//! It may be interrupted at any moment: a second start makes what is missing.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use libvirt_hpc_tests::campaign::Campaign;

/// Migrations with faults, and what must hold after each.
#[derive(Parser)]
struct Args {
    /// What all runs are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs
    #[arg(long, default_value_t = 85)]
    runs: u64,
    /// Make this run again, and no other
    #[arg(long, value_name = "NUMBER")]
    only: Option<u64>,
    /// Begin no further run after that many minutes; 0 never
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// The folder of campaign.jsonl and campaign.md
    #[arg(long, default_value = "target")]
    results: PathBuf,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let campaign = Campaign {
        seed: args.seed,
        runs: args.runs,
        only: args.only,
        budget: (args.minutes > 0).then(|| Duration::from_secs(60 * args.minutes)),
        results: args.results,
    };
    let violated = campaign.make()?;
    println!("{violated} runs with violations");
    Ok(if violated == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
