use libvirt_hpc_plugin::estimate::forecast::{Interval, Stock};

use super::super::estimate::Estimate;
use super::super::record::Run;
use super::super::report::estimates;
use super::super::summary::cells;
use super::fixture::{cut_off, run};

/// A total of 5 s, 4 to 6, and a pause of 100 ms, 50 to 200; virsh is not done in 60 s.
fn estimate() -> Estimate {
    let interval = |likely, least, most| Interval {
        likely,
        least,
        most,
    };
    Estimate {
        total_ms: interval(5000, 4000, 6000),
        pause_ms: interval(100, 50, 200),
        stock: Stock {
            limit_ms: 300,
            ends: true,
            sure: true,
            total_ms: Some(70_000),
        },
    }
}

fn estimated(repeat: u32, total_ms: f64, pause_ms: f64) -> Run {
    let law = "adaptive-uncompressed";
    Run {
        estimate: Some(estimate()),
        ..run(law, "adaptive", repeat, total_ms, pause_ms)
    }
}

fn section(runs: &[Run]) -> String {
    estimates::text(&cells(runs.iter(), &[]))
}

#[test]
fn estimates_are_counted_against_their_outcomes() {
    let runs = [
        estimated(1, 5500.0, 120.0),
        estimated(2, 4100.0, 260.0),
        estimated(3, 8000.0, 229.0),
        cut_off("stock", "stock", 1),
    ];
    let text = section(&runs);
    assert!(
        text.contains("| all | - | 1 of 3 | 2 of 3 | 2 of 3 | 3 of 3 |"),
        "{text}"
    );
}

#[test]
fn estimates_with_a_trace_have_a_table_of_their_own() {
    let again = Run {
        estimate_again: Some(estimate()),
        ..run("adaptive-uncompressed", "adaptive", 1, 9000.0, 120.0)
    };
    let text = section(&[estimated(2, 5000.0, 120.0), again]);
    let sums: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| all"))
        .collect();
    assert_eq!(
        sums,
        [
            "| all | - | 1 of 1 | 1 of 1 | 1 of 1 | 0 of 0 |",
            "| all | - | 0 of 1 | 0 of 1 | 1 of 1 | 0 of 0 |"
        ]
    );
}

#[test]
fn a_stock_that_ends_in_time_refutes_an_estimate_that_it_does_not() {
    let runs = [
        estimated(1, 5000.0, 100.0),
        run("stock", "stock", 1, 9000.0, 300.0),
        cut_off("stock", "stock", 2),
    ];
    assert!(section(&runs).contains("| 1 of 2 |"));
}

#[test]
fn without_estimates_there_is_no_section() {
    assert_eq!(
        section(&[run("adaptive", "adaptive", 1, 5000.0, 100.0)]),
        ""
    );
}

#[test]
fn what_hpc_estimate_prints_is_read() {
    let printed = serde_json::json!({ "domain": "g", "estimate": estimate() });
    let read = |text: &str| Estimate::read(text.as_bytes());
    assert_eq!(read(&printed.to_string()).ok().flatten(), Some(estimate()));
    assert_eq!(read("{\"estimate\":null}").ok(), Some(None));
    assert!(read("no JSON").is_err());
}
