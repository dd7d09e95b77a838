//! The endurance run: guests moved to and fro with agents on both hosts, and what agents and libvirtd hold meanwhile.
//! `make endurance`.
//!
//! SIGINT or SIGTERM ends it early: what was read until then is judged.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use libvirt_hpc_plugin::agent::process::signals::{self, Signal};
use libvirt_hpc_tests::endurance::{Endurance, judge_again};

/// Guests moved to and fro, and what the agents hold meanwhile.
#[derive(Parser)]
struct Args {
    /// How many guests are moved at least
    #[arg(long, default_value_t = 200)]
    moves: u64,
    /// How many minutes it takes at least
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Move nothing: judge and draw once more what is in the folder
    #[arg(long)]
    again: bool,
    /// The folder of endurance.jsonl and endurance.svg
    #[arg(long, default_value = "target")]
    results: PathBuf,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let violations = match args.again {
        true => judge_again(&args.results)?,
        false => run(args)?,
    };
    for violation in &violations {
        println!("VIOLATION: {violation}");
    }
    Ok(if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run(args: Args) -> Result<Vec<String>> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_stopped);
    signals::catch(move |signal| {
        if signal == Signal::Terminate {
            stop.store(true, Ordering::Relaxed);
        }
    })
    .context("cannot catch signals")?;
    let endurance = Endurance {
        moves: args.moves,
        lasting: Duration::from_secs(60 * args.minutes),
        is_stopped,
        results: args.results,
    };
    endurance.make()
}
