//! Runs a peer's cases through virsh and virsh-hpc and writes docs/virsh-cases.md. `make virsh-cases`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use libvirt_hpc_tests::peer::{Compared, Stand, families, left_out, page};
use serde::{Deserialize, Serialize};

/// Runs a peer's cases through virsh and virsh-hpc.
#[derive(Debug, Parser)]
struct Args {
    /// Only cases whose name contains this; may be repeated. The others keep the results they have
    #[arg(long)]
    only: Vec<String>,
    /// Only cases without a result
    #[arg(long)]
    missing: bool,
    /// Only each of this many cases, from the --from'th on: for two rigs at once, with results of their own
    #[arg(long, default_value_t = 1)]
    each: usize,
    /// The first of --each
    #[arg(long, default_value_t = 0)]
    from: usize,
    /// Where results are kept
    #[arg(long, default_value = "target/virsh-cases.json")]
    results: PathBuf,
    /// The page that is written
    #[arg(long, default_value = "docs/virsh-cases.md")]
    page: PathBuf,
}

/// What is kept between runs.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Results {
    made: String,
    cases: BTreeMap<String, Compared>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let (families, left_out) = (families()?, left_out()?);
    let mut results = read(&args.results)?;
    let cases = || families.iter().flat_map(|family| &family.case);
    results
        .cases
        .retain(|name, _| cases().any(|case| case.name == *name));
    let wanted: Vec<_> = cases()
        .filter(|case| args.only.is_empty() || args.only.iter().any(|o| case.name.contains(o)))
        .filter(|case| !args.missing || !results.cases.contains_key(&case.name))
        .skip(args.from)
        .step_by(args.each.max(1))
        .collect();
    if !wanted.is_empty() {
        let stand = Stand::up()?;
        results.made = stand.description()?;
        for case in wanted {
            let both = Compared::run(&stand, case).with_context(|| case.name.clone())?;
            let (virsh, hpc) = (both.nearest().seconds, both.hpc.seconds);
            let verdict = both.verdict(case);
            println!("{virsh:5.1} {hpc:5.1} s  {}: {verdict:?}", case.name);
            results.cases.insert(case.name.clone(), both);
            fs::write(&args.results, serde_json::to_string_pretty(&results)?)?;
        }
    }
    let text = page(&families, &results.cases, &left_out, &results.made);
    fs::write(&args.page, text)?;
    let open = cases()
        .filter_map(|case| Some((case, results.cases.get(&case.name)?)))
        .filter(|(case, both)| !both.verdict(case).is_fine());
    let open = open
        .inspect(|(case, _)| println!("unexplained: {}", case.name))
        .count();
    Ok(if open == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(path: &Path) -> Result<Results> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string()),
        Err(_) => Ok(Results::default()),
    }
}
