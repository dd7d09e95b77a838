use super::super::curve::{Curves, Reading};
use super::*;

const MB: u64 = 1_000_000;
const LINK: u64 = 100 * MB;

fn curve(mb_in_1_s: u64, mb_in_2_s: u64) -> Curve {
    let reading = |seconds, mb| Reading {
        span: Duration::from_secs(seconds),
        written_bytes: mb * MB,
        sampled: false,
    };
    let readings = [reading(1, mb_in_1_s), reading(2, mb_in_2_s)];
    Curves::of(&readings, 1000 * MB, 1000 * MB)
        .expect("a curve")
        .likely
}

fn guest(phases: &[(u64, Curve)]) -> Guest {
    let phase = |(span_s, curve): &(u64, Curve)| Phase {
        span_ns: span_s * NANOS_PER_S,
        curve: curve.clone(),
        works: true,
    };
    Guest {
        total_bytes: 1000 * MB,
        data_bytes: 500 * MB,
        phases: phases.iter().map(phase).collect(),
        into_ns: 0,
        counted: false,
    }
}

/// Runs for so long, ms; the syncs, each with its time in ms and what it found in MB.
fn syncs(guest: &Guest, downtime_ms: u64, ms: u64) -> (Vec<(u64, u64)>, Precopy<'_>) {
    let mut job = Precopy::new(guest, LINK, downtime_ms, 0);
    let mut found = Vec::new();
    while job.now_ns < ms * 1_000_000 && job.end == End::Running {
        let before = job.iteration;
        job.wait(Duration::from_millis(ms));
        if job.iteration > before.max(1) {
            found.push((job.now_ns / 1_000_000, job.found_bytes / MB));
        }
    }
    (found, job)
}

#[test]
fn a_flat_set_is_found_again_each_time() {
    let guest = guest(&[(u64::MAX / NANOS_PER_S, curve(200, 200))]);
    let (found, job) = syncs(&guest, 300, 9000);
    // The last 33 MB of each round are within the limit in a high window: QEMU syncs before it sends them.
    let expected = [(5484, 200), (7186, 200), (8887, 200), (10638, 200)];
    assert_eq!(found, expected);
    assert_eq!(job.end, End::Running);
}

#[test]
fn a_slow_sweep_falls_until_the_limit_stops_it() {
    let guest = guest(&[(u64::MAX / NANOS_PER_S, curve(50, 100))]);
    let (found, job) = syncs(&guest, 300, 60_000);
    assert_eq!(job.end, End::SwitchedOver);
    assert!(job.left_bytes < 30 * MB, "{}", job.left_bytes);
    assert!(
        (8000..9000).contains(&(job.stopped_ns / 1_000_000)),
        "{found:?}"
    );
    assert_eq!(job.flush_ns(), span_ns(job.left_bytes, LINK));
}

/// The first sync leaves 50 MB of zero pages and finds 100 MB: too much. If the zero pages were kept to the end, the next
/// ones would find as much.
#[test]
fn zero_pages_that_a_sync_leaves_are_next_in_turn() {
    let guest = Guest {
        data_bytes: 650 * MB,
        ..guest(&[(u64::MAX / NANOS_PER_S, curve(100, 100))])
    };
    let (found, job) = syncs(&guest, 1100, 60_000);
    assert_eq!(job.end, End::SwitchedOver);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_high_limit_makes_a_sync_on_demand_count_each_page_once() {
    let guest = guest(&[(u64::MAX / NANOS_PER_S, curve(200, 200))]);
    let mut job = Precopy::new(&guest, LINK, 1, 0);
    job.wait(Duration::from_millis(6000));
    job.wait(Duration::from_millis(6000));
    assert_eq!((job.iteration, job.pending_bytes / MB), (2, 200));
    job.advance(job.now_ns + 1_000_000_000, false);
    job.settings.downtime_ms = 1500;
    job.wait(Duration::from_millis(200));
    job.wait(Duration::from_millis(200));
    // Half is unsent, all is written: 200 MB in all, which is above the threshold of 150.
    assert_eq!((job.iteration, job.found_bytes / MB), (3, 200));
}

#[test]
fn phases_take_turns_and_the_vcpus_show_them() {
    let mut guest = guest(&[(3, curve(200, 200)), (2, Curve::idle())]);
    guest.phases[1].works = false;
    guest.into_ns = NANOS_PER_S;
    let s = NANOS_PER_S;
    assert_eq!(guest.written_bytes(0, s), 200 * MB);
    assert_eq!(guest.written_bytes(2 * s, 4 * s), 0);
    assert_eq!(guest.written_bytes(2 * s, 5 * s), 200 * MB);
    assert_eq!(guest.worked_ns(7 * s) / s, 5);
}

#[test]
fn what_ends_it_from_outside_ends_it() {
    let guest = guest(&[(u64::MAX / NANOS_PER_S, curve(200, 200))]);
    for (action, end) in [
        (Action::Abort, End::Aborted),
        (Action::StartPostcopy, End::Postcopy),
        (Action::Suspend, End::SwitchedOver),
    ] {
        let mut job = Precopy::new(&guest, LINK, 300, 0);
        job.advance(6 * NANOS_PER_S, false);
        let target = Target {
            action: Some(action),
            ..Target::NONE
        };
        let Ok(()) = job.apply(&target);
        assert_eq!(job.end, end);
        assert_eq!(job.left_bytes / MB, 200);
    }
}

#[test]
fn nothing_overflows() {
    let mut guest = guest(&[
        (7, curve(200, 200)),
        (u64::MAX / 2 / NANOS_PER_S, Curve::idle()),
    ]);
    (guest.total_bytes, guest.data_bytes) = (u64::MAX, u64::MAX);
    guest.into_ns = u64::MAX;
    for link in [0, u64::MAX] {
        let mut job = Precopy::new(&guest, link, u64::MAX, 0);
        for _ in 0..9 {
            job.wait(Duration::from_secs(1));
            let Ok(_) = job.sample(true);
        }
    }
}
