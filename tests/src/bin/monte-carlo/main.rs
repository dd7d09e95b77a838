//! The laws over random guests, in the plant: the cost of each against the best stop.
//!
//! ```text
//! cargo run --release -p libvirt-hpc-tests --bin monte-carlo -- --guests 2000 --seed 1
//! cargo run --release -p libvirt-hpc-tests --bin monte-carlo -- --law adaptive --law vep-248@round
//! cargo run --release -p libvirt-hpc-tests --bin monte-carlo -- --seed 1 --case 257     one, aloud
//! ```
//! Draw -> oracle, and every law under the loop that ships -> costs -> table.
#![forbid(unsafe_code)]

mod contest;
mod cost;
mod entrant;
mod export;
mod figures;
mod print;
mod run;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use contest::{Bounds, judge, judge_all};
use entrant::Entrant;
use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_tests::estimates::surveyed_prior;
use libvirt_hpc_tests::plant::Counter;
use libvirt_hpc_tests::random_cases::Case;

/// As on the test bed: a counter is read before memory flows, as in a real migration.
const SETUP: Duration = Duration::from_millis(520);

/// Faults a second of a host that balances its NUMA nodes: they look like 160 MB/s of writes.
const EXTRA_PER_S: u64 = 40_000;

/// How much further another guest is drawn: of another kind.
const ANOTHER: u64 = 1_000_001;

/// Laws over drawn guests, against the best stop of each.
#[derive(Parser)]
struct Args {
    /// How many guests are drawn
    #[arg(long, default_value_t = 500)]
    guests: u64,
    /// Which guests
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this guest, with every decision
    #[arg(long)]
    case: Option<u64>,
    /// Only this law; may be repeated: `adaptive`, `adaptive-or-postcopy`, or
    /// `NAME[=SETTING][@FACTOR|@round][+auto-converge]`, where `@round` scales its clock to the guest's first iteration
    #[arg(long = "law", value_name = "LAW")]
    laws: Vec<Entrant>,
    /// As if no guest span while it waits, so that processors show all phases: what seeing them is worth
    #[arg(long)]
    no_spinning: bool,
    /// Who counts what the guests write: none, exact, noisy (80 to 120 %), extra (faults that are no writes), half,
    /// deaf
    #[arg(long, value_name = "COUNTER", default_value = "none", value_parser = counter)]
    counter: Counter,
    /// What the law knows of the guest before: nothing, what hpc-estimate tells (surveyed), or what it tells of another
    /// guest (another)
    #[arg(long, value_enum, default_value_t = PriorOf::Nobody)]
    prior: PriorOf,
    /// After so many first iterations, and ten minutes, a law has not completed
    #[arg(long, value_name = "ITERATIONS", default_value_t = 50)]
    horizon: u32,
    /// How many guests at a time; 0: one for each processor
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// The table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Every guest under every law as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Whose prior the law has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PriorOf {
    #[value(name = "none")]
    Nobody,
    Surveyed,
    Another,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let laws = match args.laws.as_slice() {
        [] if args.case.is_some() => vec![Entrant::ADAPTIVE_LAW],
        [] => entrant::everybody(),
        chosen => chosen.to_vec(),
    };
    let bounds = Bounds {
        horizon_rounds: args.horizon,
    };
    let draw = |number| {
        let mut case = Case::draw(args.seed, number);
        if args.counter != Counter::None {
            case.config = case.config.with_counter(args.counter);
            case.config.qemu.setup = SETUP;
        }
        if args.no_spinning {
            case = case.without_spinning();
        }
        case.prior = match args.prior {
            PriorOf::Nobody => Prior::default(),
            PriorOf::Surveyed => surveyed_prior(&case),
            PriorOf::Another => surveyed_prior(&Case::draw(args.seed, number + ANOTHER)),
        };
        case
    };
    if let Some(number) = args.case {
        let judged = judge(&draw(number), &laws, &bounds, true);
        print::print_case(&laws, &judged);
        return Ok(());
    }
    let judged = judge_all(draw, args.guests, args.jobs, &laws, &bounds);
    let tables = table::tables(&laws, &judged);
    print::print_all(&tables, &laws, &judged, &bounds);
    if let Some(path) = &args.json {
        export::json(path, args.seed, args.no_spinning, &bounds, &tables)?;
    }
    if let Some(path) = &args.csv {
        export::csv(path, &laws, &judged)?;
    }
    Ok(())
}

fn counter(name: &str) -> Result<Counter, String> {
    Ok(match name {
        "none" => Counter::None,
        "exact" => Counter::Exact,
        "noisy" => Counter::Noisy,
        "extra" => Counter::Extra { per_s: EXTRA_PER_S },
        "half" => Counter::Half,
        "deaf" => Counter::Deaf,
        _ => {
            return Err(format!(
                "no counter {name}: none, exact, noisy, extra, half, deaf"
            ));
        }
    })
}
