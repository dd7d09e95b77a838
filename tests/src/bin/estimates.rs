//! Prints how estimates compare with outcomes over guests drawn at random: `estimates GUESTS SEED [verbose]`.

use std::env;

use libvirt_hpc_tests::estimates::{Compared, table};
use libvirt_hpc_tests::plant::Counter;
use libvirt_hpc_tests::random_cases::Case;

fn main() {
    let mut args = env::args().skip(1);
    let mut number = |default| {
        args.next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (guests, seed): (u64, u64) = (number(200), number(1));
    let verbose = args.next().is_some();
    for (counter, is_told) in [
        (Counter::None, false),
        (Counter::Exact, false),
        (Counter::None, true),
        (Counter::Exact, true),
    ] {
        let cases = (0..guests).map(|number| Case::draw_for_estimates(seed, number));
        let all: Vec<Compared> = cases
            .filter_map(|case| Compared::of(&case, counter, is_told))
            .collect();
        if verbose {
            for one in &all {
                println!(
                    "{:9} first iteration {:8.1?} total {:.2} pause {:?} in {:?} ({}) virsh {} {} {:?}",
                    one.kind.name(),
                    one.first_round,
                    one.total_ratio(),
                    one.outcome.pause,
                    one.forecast.pause_ms,
                    one.pause_is_inside(),
                    one.stock_ended,
                    one.stock_is_right(),
                    one.forecast.total_ms,
                );
            }
        }
        let prior = if is_told { "the estimate" } else { "none" };
        println!(
            "counter of page faults: {counter:?}; prior: {prior}\n\n{}",
            table(&all)
        );
    }
}
