//! The law over drawn guests, in the plant: what it costs against the best stop there is.
//!
//! ```text
//! cargo run --release -p libvirt-hpc-tests --bin monte-carlo -- --guests 2000 --seed 1
//! cargo run --release -p libvirt-hpc-tests --bin monte-carlo -- --seed 1 --case 257     one, aloud
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::law::{Adaptive, Slowdown};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, Orders, drive};
use libvirt_hpc_tests::draw::{Case, Kind};
use libvirt_hpc_tests::plant::{Outcome, Plant, oracle};

/// What pre-copy costs the application while it runs, in all of these runs.
const DELTA: f64 = 0.1;

/// How many of the worst cases of each kind are named.
const WORST: usize = 3;

/// Least difference from the best that counts as one without the first round, seconds.
const INSTANT_S: f64 = 1e-3;

/// The control law over drawn guests, against the best stop of each.
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
}

/// Prints what happens, or nothing.
struct Listener {
    aloud: bool,
}

impl Publisher for Listener {
    fn publish(&mut self, at: Timestamp, event: Event) {
        if self.aloud {
            println!("{:>10} ms  {event:?}", at.as_nanos() / 1_000_000);
        }
    }
}

impl Observer for Listener {
    fn sampled(&mut self, _: &Sample) {}
    fn sample_failed(&mut self, _: Timestamp, _: &dyn Error) {}
    fn outcome(&mut self, _: Timestamp, _: &Target, _: Result<(), &dyn Error>) {}
    fn aborting(&mut self, _: Timestamp, _: Result<(), &dyn Error>) {}
}

/// Nobody orders anything.
struct Undisturbed;

impl Orders for Undisturbed {
    fn over(&self) -> bool {
        false
    }

    fn abort(&self) -> bool {
        false
    }
}

/// What one guest cost, seconds.
struct Judged {
    kind: Kind,
    number: u64,
    j: f64,
    best: f64,
    first_round: f64,
}

impl Judged {
    fn ratio(&self) -> f64 {
        self.j / self.best
    }

    /// Without what the first round costs every law.
    fn ratio_after_first_round(&self) -> f64 {
        let rest = |j: f64| (j - self.first_round).max(INSTANT_S);
        rest(self.j) / rest(self.best)
    }
}

fn under_control(case: &Case, aloud: bool) -> Outcome {
    let mut plant = Plant::new(&case.config);
    let mut control = Controller::new(Adaptive::new(Slowdown::DEFAULT), Policy::default());
    let mut listener = Listener { aloud };
    drive(
        &mut plant,
        &mut control,
        &mut listener,
        Mode::Steer,
        &Undisturbed,
    );
    plant.outcome()
}

fn judge(case: &Case, aloud: bool) -> Judged {
    let best = oracle(&case.config, DELTA);
    let got = under_control(case, aloud);
    if aloud {
        println!("best {best:?}\ngot  {got:?}");
    }
    let first_round = case.first_round.min(best.precopy).min(got.precopy);
    Judged {
        kind: case.kind,
        number: case.number,
        j: got.j(DELTA),
        best: best.j(DELTA),
        first_round: DELTA * first_round.as_secs_f64(),
    }
}

/// Judges `guests` of them, on every processor.
fn judge_all(seed: u64, guests: u64) -> Vec<Judged> {
    let next = AtomicU64::new(0);
    let work = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        numbers
            .take_while(|number| *number < guests)
            .map(|number| judge(&Case::draw(seed, number), false))
            .collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let judged = workers.into_iter().map(|worker| worker.join());
        // A worker's panic is the program's.
        judged
            .flat_map(|judged| judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn print(name: &str, judged: &[&Judged], ratio: impl Fn(&Judged) -> f64) {
    let mut ratios: Vec<_> = judged.iter().map(|judged| ratio(judged)).collect();
    ratios.sort_by(f64::total_cmp);
    if ratios.is_empty() {
        return;
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let at = |percent: usize| ratios[(ratios.len() * percent / 100).min(ratios.len() - 1)];
    println!(
        "{name:<18} {:>6} {mean:>8.3} {:>8.3} {:>8.3} {:>8.3}",
        ratios.len(),
        at(50),
        at(95),
        at(100)
    );
}

fn print_all(judged: &[Judged]) {
    println!("J over the best     cases     mean      p50      p95     most");
    for kind in Kind::ALL {
        let of_kind: Vec<_> = judged.iter().filter(|judged| judged.kind == kind).collect();
        print(kind.name(), &of_kind, Judged::ratio);
    }
    let mut all: Vec<_> = judged.iter().collect();
    print("all", &all, Judged::ratio);
    print("after first round", &all, Judged::ratio_after_first_round);
    all.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    for kind in Kind::ALL {
        let worst = all.iter().filter(|judged| judged.kind == kind).take(WORST);
        let named: Vec<_> = worst
            .map(|judged| format!("{} ({:.2})", judged.number, judged.ratio()))
            .collect();
        println!("worst {:<12} {}", kind.name(), named.join(", "));
    }
}

fn main() {
    let args = Args::parse();
    if let Some(number) = args.case {
        judge(&Case::draw(args.seed, number), true);
    } else {
        print_all(&judge_all(args.seed, args.guests));
    }
}
