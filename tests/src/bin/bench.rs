//! Every law on the test bed, and the report of it. `make bench`.
//!
//! ```text
//! cargo run --release -p libvirt-hpc-tests --bin bench                       20 minutes into target/bench
//! cargo run --release -p libvirt-hpc-tests --bin bench -- --set full --results docs/benchmark
//! cargo run --release -p libvirt-hpc-tests --bin bench -- --set kvm --results docs/benchmark-kvm
//! cargo run --release -p libvirt-hpc-tests --bin bench -- --report-only --results docs/benchmark
//! ```
//! It may be interrupted at any moment: a second start makes what is missing.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use libvirt_hpc_tests::bench::{Bench, Set, Store, report};

/// Minutes of the default set.
const DEFAULT_MINUTES: u64 = 20;

/// Every law on the real rig, and the report of it.
#[derive(Parser)]
struct Args {
    /// How much is measured
    #[arg(long, value_enum, default_value = "default")]
    set: Set,
    /// How often each run is made
    #[arg(long, default_value_t = 3)]
    repeats: u32,
    /// Stop after that many minutes; 0 never [default: 20 for the default set, 0 for the full one]
    #[arg(long)]
    minutes: Option<u64>,
    /// Only guests on links whose name, such as flat-1gbit, contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Only these laws, as records name them, such as adaptive,stock,forced-stop
    #[arg(long, value_delimiter = ',')]
    laws: Vec<String>,
    /// The folder of results; the report is written beside it, as FOLDER.md
    #[arg(long, default_value = "target/bench")]
    results: PathBuf,
    /// The folder of all traces; the report keeps those it tells of
    #[arg(long, default_value = "target/bench-traces")]
    traces: PathBuf,
    /// Make the runs of that law again, of those that --only names
    #[arg(long, value_name = "LAW")]
    again: Vec<String>,
    /// Only probe each guest on each link: how long iteration 1 takes, whether stock ends
    #[arg(long)]
    probe: bool,
    /// Measure nothing
    #[arg(long)]
    report_only: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut store = Store::open(&args.results)?;
    for law in &args.again {
        println!(
            "{} runs of {law} will be made again",
            store.forget(law, &args.only)?
        );
    }
    if !args.report_only {
        let default = match args.set {
            Set::Default => DEFAULT_MINUTES,
            Set::Full | Set::Kvm | Set::KvmUnshaped => 0,
        };
        let minutes = args.minutes.unwrap_or(default);
        let mut bench = Bench {
            set: args.set,
            repeats: args.repeats,
            only: args.only,
            laws: args.laws,
            probe: args.probe,
            budget: (minutes > 0).then(|| Duration::from_secs(minutes * 60)),
            traces: args.traces.clone(),
            store,
        };
        let missing = bench.run();
        if missing > 0 {
            println!("{missing} runs are missing: begin again, and they are made");
        }
        store = bench.store;
    }
    let page = report::write(&store, &args.traces)?;
    println!("the report: {}", page.display());
    Ok(())
}
