//! Runs as they are written, made up.

use super::super::guests::{Cell, GUESTS};
use super::super::machine::Machine;
use super::super::record::{FORMAT, Key, Measured, Outcome, Probe, Run};

/// The second guest on its second link.
pub(super) const CELL: Cell = Cell {
    guest: &GUESTS[1],
    link: GUESTS[1].links[1],
};

pub(super) fn probe() -> Probe {
    Probe {
        format: FORMAT,
        guest: CELL.guest.name.to_owned(),
        link: CELL.link.to_owned(),
        round_one_ms: 2935,
        syncs_ms: vec![3000, 4000, 5000, 6000, 7000],
        stock_stop_ms: None,
        ours_stop_ms: Some(4030),
        machine: Machine::default(),
    }
}

/// A run on [`CELL`] that took so long, and with a pause so long.
pub(super) fn run(law: &str, hpc_law: &str, repeat: u32, total_ms: f64, pause_ms: f64) -> Run {
    Run {
        format: FORMAT,
        key: Key {
            guest: CELL.guest.name.to_owned(),
            link: CELL.link.to_owned(),
            law: law.to_owned(),
            hpc_law: hpc_law.to_owned(),
            repeat,
        },
        workload: "flat:128".to_owned(),
        memory_mib: CELL.guest.memory_mib,
        options: Vec::new(),
        from: "alpha".to_owned(),
        booted: false,
        load: 1.0,
        machine: Machine::default(),
        outcome: Outcome::Moved,
        error: None,
        horizon_ms: 60_000,
        measured: Measured {
            pause_ms: Some(pause_ms),
            total_ms,
            precopy_ms: total_ms - pause_ms,
            watched_ms: 10_000.0,
            watched_steps: 900,
            steps_per_s_before: Some(100.0),
            steps_per_s_during: Some(80.0),
            running_copies: 1,
            ..Measured::default()
        },
        estimate: None,
        estimate_again: None,
        took_ms: 10_000,
        trace: None,
    }
}

/// A run that did not move its guest.
pub(super) fn cut_off(law: &str, hpc_law: &str, repeat: u32) -> Run {
    let mut run = run(law, hpc_law, repeat, 60_000.0, 0.0);
    run.outcome = Outcome::CutOff;
    run.measured.pause_ms = None;
    run
}

/// Three forced stops, of which the middle one is the best; adaptive is 5 % worse, and stock never ends.
pub(super) fn benchmark() -> Vec<Run> {
    let mut runs = Vec::new();
    for repeat in 1..=3 {
        runs.push(run(
            "forced-stop",
            "forced-stop=3.000s",
            repeat,
            5000.0,
            2000.0,
        ));
        runs.push(run(
            "forced-stop",
            "forced-stop=4.000s",
            repeat,
            5000.0,
            1000.0,
        ));
        runs.push(run(
            "forced-stop",
            "forced-stop=5.000s",
            repeat,
            7000.0,
            1000.0,
        ));
        runs.push(run("adaptive", "adaptive", repeat, 5070.0, 1070.0));
        runs.push(cut_off("stock", "stock", repeat));
        runs.push(run("proxmox", "proxmox", repeat, 30_000.0, 1100.0));
        runs.push(run("proxmox", "proxmox@0.05", repeat, 9000.0, 1200.0));
    }
    runs
}
