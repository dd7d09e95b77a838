use std::time::Duration;

use super::super::compare::{Overall, overall};
use super::super::progress::{beats, curve, cycle_began_ns, delay_ms, watched};
use super::super::record::{Line, Run};
use super::super::report;
use super::super::slowdown::SlowdownFit;
use super::super::stats::{geometric_mean, mean, median};
use super::super::store::Store;
use super::super::summary::cells;
use super::super::verdict::verdicts;
use super::fixture::{benchmark, cut_off, run};

fn law(laws: &[Overall], name: &str) -> Overall {
    let found = laws.iter().find(|law| law.law.name == name);
    found.expect("the law was run").clone()
}

fn near(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-9 * expected.abs().max(1.0))
}

#[test]
fn means_are_as_the_books_have_them() {
    assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(median([]), None);
    assert!(near(geometric_mean([1.0, 4.0, 16.0]), 4.0));
    assert_eq!(geometric_mean([1.0, 0.0]), None);
    assert_eq!(mean([1.0, 2.0, 6.0]), Some(3.0));
}

/// Eight runs that delay by the pause, so much of pre-copy's time and eight tenths of post-copy's, but for 10 ms to and
/// fro.
fn slowed_runs(by_precopy: f64, missing_ms: impl Fn(u32) -> f64) -> Vec<Run> {
    let slowed = |repeat| {
        let (missing, precopy) = (missing_ms(repeat), f64::from(repeat) * 1000.0);
        let mut run = run("stock", "stock", repeat, precopy + missing + 300.0, 300.0);
        run.measured.precopy_ms = precopy;
        let noise = if repeat % 2 == 0 { 10.0 } else { -10.0 };
        run.measured.delay_ms = Some(300.0 + by_precopy * precopy + 0.8 * missing + noise);
        run
    };
    (1..=8).map(slowed).collect()
}

#[test]
fn the_slowdown_by_precopy_and_missing_memory_is_fitted() {
    let mut runs = slowed_runs(0.1, |repeat| f64::from(repeat % 3) * 500.0);
    let fit = SlowdownFit::of(runs.iter()).expect("a fit");
    assert_eq!(fit.runs, 8);
    assert!((fit.precopy.value - 0.1).abs() < 2.0 * fit.precopy.error);
    let missing = fit.missing.expect("some had memory missing");
    assert!((missing.value - 0.8).abs() < 2.0 * missing.error);
    assert!(fit.precopy.error < 0.01 && missing.error < 0.02);
    for run in &mut runs {
        run.options = vec!["--auto-converge".to_owned()];
    }
    assert_eq!(SlowdownFit::of(runs.iter()), None, "throttled");
}

/// Runs under pre-copy alone tell nothing of missing memory, but for rounding.
#[test]
fn without_postcopy_only_precopy_is_fitted() {
    let runs = slowed_runs(0.4, |_| 1e-9);
    let fit = SlowdownFit::of(runs.iter()).expect("a fit");
    assert_eq!(fit.missing, None);
    assert!((fit.precopy.value - 0.4).abs() < 2.0 * fit.precopy.error);
    assert!(fit.precopy.error < 0.01);
}

#[test]
fn the_oracle_is_the_best_forced_stop() {
    let runs = benchmark();
    let cells = cells(runs.iter(), &[]);
    assert_eq!(cells.len(), 1);
    // 1000 ms + 10 % of 4000 ms.
    assert_eq!(cells[0].oracle_j_ms(0.1), Some(1400.0));
    assert_eq!(cells[0].oracle_j_ms(0.0), Some(1000.0));
    let laws = overall(&cells);
    assert!(near(law(&laws, "adaptive").regret[0].mean, 1.05));
}

#[test]
fn the_better_variant_of_a_law_counts_and_completing_comes_first() {
    let mut runs = benchmark();
    let better = |runs: &[Run]| {
        let cells = cells(runs.iter(), &[]);
        Some(cells[0].better("proxmox")?.hpc_law.to_owned())
    };
    assert_eq!(better(&runs).as_deref(), Some("proxmox@0.05"));
    let mut faster = runs
        .iter_mut()
        .filter(|run| run.key.hpc_law == "proxmox@0.05");
    let lost = faster.next().expect("a run");
    *lost = cut_off("proxmox", "proxmox@0.05", lost.key.repeat);
    assert_eq!(better(&runs).as_deref(), Some("proxmox"));
}

#[test]
fn a_law_that_never_ends_has_no_j_and_is_said_to_complete_nothing() {
    let runs = benchmark();
    let stock = law(&overall(&cells(runs.iter(), &[])), "stock");
    assert_eq!((stock.completed, stock.cells), ((0, 3), (0, 1)));
    assert_eq!(stock.j_over_adaptive, [None; 3]);
    assert!(!stock.always_completes());
}

#[test]
fn a_law_whose_runs_mostly_failed_is_not_judged_by_the_lucky_one() {
    let runs = [
        cut_off("stock", "stock", 1),
        cut_off("stock", "stock", 2),
        run("stock", "stock", 3, 4000.0, 10.0),
    ];
    let cells = cells(runs.iter(), &[]);
    assert_eq!(cells[0].entries[0].pause_ms(), None);
    assert_eq!(cells[0].entries[0].longest_pause_ms(), Some(10.0));
}

#[test]
fn a_delay_is_time_less_work_done() {
    let runs = benchmark();
    let cells = cells(runs.iter(), &[]);
    // 10 s watched, 900 steps at 100 a second.
    assert_eq!(cells[0].entries[0].delay_ms(), Some(1000.0));
}

/// A machine half as fast on another day is measured against itself.
#[test]
fn a_speed_is_that_of_the_hour() {
    let of = |date: &str, repeat, speed| {
        let mut run = run("adaptive", "adaptive", repeat, 5000.0, 1000.0);
        run.machine.date = date.to_owned();
        run.measured.steps_per_s_before = Some(speed);
        run.measured.steps_per_s_during = Some(0.8 * speed);
        run
    };
    let runs = [
        of("2026-01-31 12:00", 1, 50.0),
        of("2026-02-01 12:00", 2, 90.0),
        of("2026-02-01 12:01", 3, 100.0),
        of("2026-02-01 12:59", 4, 120.0),
    ];
    let cells = cells(runs.iter(), &[]);
    let undisturbed: Vec<_> = runs.iter().map(|run| cells[0].undisturbed(run)).collect();
    assert_eq!(undisturbed, [50.0, 100.0, 100.0, 100.0].map(Some));
    assert_eq!(cells[0].speed_during(&cells[0].entries[0]), Some(0.8));
}

#[test]
fn a_phased_guest_has_only_the_delay_that_it_tells() {
    let mut run = run("adaptive", "adaptive", 1, 5000.0, 1000.0);
    run.workload = "phases:3s=flat:200,3s=idle".to_owned();
    let told = |run: &Run| cells([run].into_iter(), &[])[0].entries[0].delay_ms();
    assert_eq!(told(&run), None);
    run.measured.delay_ms = Some(7.0);
    assert_eq!(told(&run), Some(7.0));
}

/// Its repeats begin at different moments of its cycle.
#[test]
fn no_forced_stop_is_the_best_of_a_guest_with_a_cycle() {
    let mut runs = benchmark();
    assert!(cells(runs.iter(), &[])[0].oracle_j_ms(0.1).is_some());
    for run in &mut runs {
        run.workload = "phased:64@2s,1s,1s".to_owned();
    }
    assert_eq!(cells(runs.iter(), &[])[0].oracle_j_ms(0.1), None);
}

#[test]
fn throttled_work_is_part_of_the_cost_if_known() {
    let mut run = run("proxmox", "proxmox", 1, 5000.0, 1000.0);
    assert_eq!(run.cost_ms(0.1), run.j_ms(0.1), "not throttled");
    run.options = vec!["--auto-converge".to_owned()];
    assert_eq!(run.cost_ms(0.1), None);
    run.measured.throttled_ms = Some(700.0);
    assert_eq!(run.cost_ms(0.1), Some(1000.0 + 400.0 + 700.0));
}

#[test]
fn a_missed_target_is_said_to_be_missed() {
    let met = |runs: &[Run]| -> Vec<_> {
        let verdicts = verdicts(&overall(&cells(runs.iter(), &[])));
        verdicts.into_iter().map(|verdict| verdict.met).collect()
    };
    let mut runs = benchmark();
    let (yes, no) = (Some(true), Some(false));
    // Delays are all the same here: adaptive is not below.
    let expected = [yes, yes, yes, yes, yes, None, yes, None, yes, no, None];
    assert_eq!(met(&runs), expected);
    for own in runs.iter_mut().filter(|run| run.key.law == "adaptive") {
        *own = run("adaptive", "adaptive", own.key.repeat, 12_000.0, 1900.0);
    }
    let expected = [yes, no, no, no, no, None, no, None, no, no, None];
    assert_eq!(met(&runs), expected);
}

#[test]
fn a_rival_that_cannot_be_compared_is_named_with_the_reason() {
    let mut runs = benchmark();
    runs.push(cut_off("proxmox", "proxmox@0.05", 4));
    for repeat in 1..=4 {
        runs.push(run("vep-291", "vep-291", repeat, 8000.0, 1500.0));
    }
    let figures = |runs: &[Run]| -> Vec<_> {
        let verdicts = verdicts(&overall(&cells(runs.iter(), &[])));
        verdicts.into_iter().map(|verdict| verdict.figure).collect()
    };
    let told = figures(&runs);
    let (j, pause, total, delay) = (&told[3], &told[6], &told[8], &told[9]);
    for figure in [j, pause, total, delay] {
        assert!(figure.contains("KubeVirt VEP 248 (not run)"), "{figure}");
        assert!(!figure.contains("VEP 291 ("), "{figure}");
    }
    // Stock did not complete; Proxmox counts with its published times, which always moved the guest.
    assert!(j.contains("stock (most of its runs did not"), "{j}");
    let some = "stock (not every run moved its guest)";
    assert!(pause.contains(some) && total.contains(some), "{told:?}");
    assert!(!pause.contains("Proxmox ("), "{pause}");
    // A phased guest tells no delay.
    for run in &mut runs {
        run.workload = "phases:3s=flat:200,3s=idle".to_owned();
    }
    let delay = &figures(&runs)[9];
    let none = "Proxmox (no guest on a link has this figure of both)";
    assert!(delay.starts_with("no such law; "), "{delay}");
    assert!(delay.contains(none), "{delay}");
}

#[test]
fn without_forced_stops_nothing_is_said_of_the_oracle() {
    let runs = [run("adaptive", "adaptive", 1, 5000.0, 1000.0)];
    let verdicts = verdicts(&overall(&cells(runs.iter(), &[])));
    assert_eq!(verdicts[1].met, None);
}

const BEATS: &str = "\
1000000000 g 0 0 100 0 0 0 1
2000000000 g 1 0 200 0 0 0 1
2500000000 other 1 0 999 0 0 0 1
3000000000 g 2 0 300 0 1 0 1
not a beat
";

const AFTER: &str = "\
5000000000 g 3 0 310 0 1 0 1
6000000000 g 4 0 410 0 1 0 1
";

#[test]
fn progress_is_read_from_heartbeats() {
    let heard = [("alpha", BEATS), ("beta", AFTER)];
    let beats = beats(&heard.map(|(host, lines)| (host, lines.to_owned())), "g");
    assert_eq!(beats.len(), 5);
    let found = watched(&beats, 3_000_000_000).expect("beats");
    assert_eq!(found, (3000.0, 110));
    assert!(watched(&beats, 6_000_000_001).is_err());
    let key = run("adaptive", "adaptive", 1, 1.0, 1.0).key;
    let curve = curve(&key, &beats, 3_000_000_000);
    assert_eq!(curve.phases, [(0, 0), (2000, 1)]);
    let steps = [10, 20, 39].map(|bin: usize| curve.steps[bin]);
    assert_eq!(steps, [100, 200, 200]);
}

#[test]
fn the_last_beginning_of_a_cycle_is_read_from_heartbeats() {
    let began = |phases: &[usize]| {
        let line = |(n, phase): (usize, &usize)| format!("{n} g {n} 0 0 0 {phase} 0 1\n");
        let lines = phases.iter().enumerate().map(line).collect();
        cycle_began_ns(&beats(&[("alpha", lines)], "g"))
    };
    assert_eq!(began(&[0, 0, 1, 2, 0, 0, 1]), Some(4));
    assert_eq!(began(&[2, 0, 2, 0]), Some(3));
    assert_eq!(began(&[0, 0, 1]), None, "it began before");
    assert_eq!(began(&[0, 0]), None, "no phases");
    assert_eq!(began(&[]), None);
}

#[test]
fn a_delay_is_read_from_heartbeats_where_the_guest_was_watched_long_enough() {
    // A step and a beat every 10 ms; it is paused for half a second.
    let line = |n: u64, at_ms: u64| format!("{} g {n} 0 {n} 0 0 0 1\n", at_ms * 1_000_000);
    let source: String = (0..=200).map(|n| line(n, 1000 + n * 10)).collect();
    let target: String = (201..=400).map(|n| line(n, 1500 + n * 10)).collect();
    let beats = beats(&[("alpha", source), ("beta", target)], "g");
    let delay = |seconds| delay_ms(&beats, 2_500_000_000, Duration::from_secs(seconds));
    let of_a_second = delay(1).expect("watched long enough");
    assert!((of_a_second - 500.0).abs() < 20.0, "{of_a_second}");
    assert_eq!(delay(2), None);
}

#[test]
fn the_report_has_every_law_and_says_what_is_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("results")).expect("a folder");
    for mut run in benchmark() {
        run.load = if run.key.repeat == 1 { 9.0 } else { 1.0 };
        store.add(Line::Run(Box::new(run))).expect("written");
    }
    let page = report::write(&store, folder.path()).expect("a report");
    let text = std::fs::read_to_string(&page).expect("a page");
    assert_eq!(page, folder.path().join("results.md"));
    for words in [
        "| adaptive |",
        "Proxmox, times x 0.05",
        "| stock | 0 of 3 |",
        "**no: missed**",
        "stock (most of its runs did not complete)",
        "64 GiB at 10 Gbit/s (55.0 s)",
        "`forced-stop=4.000s`",
        "**7 runs began on a machine with a load above 3",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    for picture in ["regret.svg", "pause-and-total.svg"] {
        let svg = std::fs::read_to_string(store.folder().join(picture)).expect("a picture");
        assert!(svg.contains("Proxmox"), "{picture}");
    }
}
