//! The cost of a call of the hook for the guest that waits for it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::host::{HOOK, domain, marked_at_the_end};

const RUNS: usize = 200;

/// The cheapest process, for comparison.
const NOTHING: &str = "/bin/true";

/// From exec to exit, with the pipe that libvirt makes.
#[expect(clippy::disallowed_methods, reason = "time is what this test is about")]
fn run(program: &str, input: &str) -> Duration {
    let begin = Instant::now();
    let mut child = Command::new(program)
        .args(["rank0", "started", "begin", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut stdin = child.stdin.take().expect("a pipe");
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let status = child.wait().expect("its end");
    let spent = begin.elapsed();
    assert!(status.success(), "{program}: {status}");
    spent
}

fn median(mut spent: Vec<Duration>) -> Duration {
    spent.sort();
    spent[spent.len() / 2]
}

/// Compared with another process in the same minute, because the speed and load of the machine are unknown. The bounds
/// are far above the measured values (2 and 40, not optimised), and below those of reading every element (300).
#[test]
fn a_call_costs_little_more_than_a_process() {
    let (small, large) = (domain("<h:migration/>"), marked_at_the_end(1024 * 1024));
    let calls = [(NOTHING, ""), (HOOK, &small), (HOOK, &large)];
    let mut spent = calls.map(|_| Vec::new());
    for _ in 0..RUNS {
        for ((program, input), spent) in calls.iter().zip(&mut spent) {
            spent.push(run(program, input));
        }
    }
    let [nothing, small, large] = spent.map(median);
    let times = |spent: Duration| spent.as_secs_f64() / nothing.as_secs_f64();
    let (small_times, large_times) = (times(small), times(large));
    println!("medians of {RUNS}: {NOTHING} {nothing:?}");
    println!("a small domain {small:?}, {small_times:.1} times that");
    println!("one of 1 MiB {large:?}, {large_times:.1} times that");
    assert!(small_times < 10.0, "{small:?}, not {nothing:?}");
    assert!(large_times < 150.0, "{large:?}, not {nothing:?}");
}
