//! What may be shown of a migration, and what may not.

use super::*;
use crate::sample::Faults;

const MB: u64 = 1_000_000;

/// 1,000 MB at 100 MB/s, of which a tenth of a second has passed at each sample.
struct Migration {
    progress: Progress,
    sample: Sample,
}

impl Migration {
    fn new(deadline_s: Option<u64>) -> Self {
        let deadline = deadline_s.map(Duration::from_secs);
        Self {
            progress: Progress::new(1000 * MB, Some(Slowdown::DEFAULT), deadline),
            sample: Sample {
                state: JobState::Precopy,
                iteration: 1,
                total_bytes: 1000 * MB,
                remaining_bytes: 1000 * MB,
                ..Sample::default()
            },
        }
    }

    fn step(&mut self) {
        let sample = &mut self.sample;
        sample.at = sample.at.after(Duration::from_millis(100));
        sample.elapsed_ms += 100;
    }

    /// So many samples, in each of which 10 MB are sent.
    fn send(&mut self, samples: u64, cause: Cause) -> Shown {
        let mut shown = self.progress.shown;
        for _ in 0..samples {
            self.step();
            self.sample.processed_bytes += 10 * MB;
            self.sample.remaining_bytes = self.sample.remaining_bytes.saturating_sub(10 * MB);
            shown = self.progress.poll(&self.sample, Some(cause));
        }
        shown
    }

    /// A sync that finds so much.
    fn sync(&mut self, found_mb: u64, cause: Cause) -> Shown {
        self.step();
        self.sample.iteration += 1;
        self.sample.remaining_bytes = found_mb * MB;
        self.sample.processed_bytes += 10 * MB;
        self.progress.poll(&self.sample, Some(cause))
    }
}

fn seconds(shown: Shown) -> Option<(u64, u64)> {
    let round = |span: Duration| (span + Duration::from_millis(500)).as_secs();
    shown.remaining.map(|r| (round(r.least), round(r.most)))
}

#[test]
fn the_first_round_bounds_what_is_left_of_it_and_what_may_follow() {
    let mut migration = Migration::new(None);
    assert_eq!(migration.send(1, Cause::FirstRound).remaining, None);
    // 8 s of the round, of which a quarter must be; at most the rest of it, 1.25 times the round, and the last steps.
    let shown = migration.send(20, Cause::FirstRound);
    assert_eq!(seconds(shown), Some((2, 22)));
    assert_eq!((shown.bytes_per_s, shown.pause_now), (100 * MB, None));
}

/// By memory done, or by bytes sent; at first only these are known.
#[test]
fn the_first_round_takes_as_long_as_its_slower_measure_tells() {
    let mut migration = Migration::new(None);
    // 9.7 s of the round, 1.25 times 9.9 s, and the last steps.
    assert_eq!(seconds(migration.send(3, Cause::FirstRound)), Some((2, 23)));
    let mut migration = Migration::new(None);
    let mut shown = Shown::default();
    for _ in 0..2 {
        let sample = &mut migration.sample;
        sample.at = sample.at.after(Duration::from_secs(1));
        sample.processed_bytes += 100 * MB;
        sample.remaining_bytes -= 50 * MB;
        shown = migration.progress.poll(sample, Some(Cause::FirstRound));
    }
    // 18 s at 50 MB/s, 1.25 times 10 s, which it takes at 100 MB/s, and the last steps.
    assert_eq!(seconds(shown), Some((2, 32)));
}

#[test]
fn the_first_round_begins_when_memory_flows() {
    let mut migration = Migration::new(None);
    for state in [JobState::Setup, JobState::Precopy] {
        migration.sample.state = state;
        migration.sample.iteration = u64::from(state == JobState::Setup);
        for _ in 0..50 {
            migration.step();
            migration
                .progress
                .poll(&migration.sample, Some(Cause::FirstRound));
        }
    }
    migration.sample.iteration = 1;
    migration.send(1, Cause::FirstRound);
    let shown = migration.send(20, Cause::FirstRound);
    assert_eq!(seconds(shown), Some((2, 22)), "as if it had begun at once");
}

#[test]
fn there_is_no_pause_to_tell_without_a_link_or_once_it_has_begun() {
    let mut migration = Migration::new(None);
    let pause = |migration: &mut Migration| {
        migration.step();
        let shown = migration
            .progress
            .poll(&migration.sample, Some(Cause::Falling));
        shown.pause_now
    };
    pause(&mut migration);
    migration.sample.iteration = 2;
    assert_eq!(pause(&mut migration), None, "nothing was sent");
    assert!(migration.send(20, Cause::Falling).pause_now.is_some());
    migration.sample.state = JobState::Switchover;
    assert_eq!(pause(&mut migration), None);
}

#[test]
fn a_round_that_took_no_time_tells_no_dirty_rate() {
    let mut migration = Migration::new(None);
    migration.send(1, Cause::FirstRound);
    migration.sample.sync_at = Some(migration.sample.at);
    assert_eq!(migration.sync(200, Cause::Falling).dirty_bytes_per_s, None);
}

#[test]
fn a_sync_narrows_the_interval_and_tells_the_pause_and_the_dirty_rate() {
    let mut migration = Migration::new(None);
    migration.send(99, Cause::FirstRound);
    let shown = migration.sync(200, Cause::Falling);
    assert_eq!(shown.pause_now, Some(Duration::from_secs(2)));
    assert_eq!(shown.dirty_bytes_per_s.map(|rate| rate / MB), Some(20));
    let shown = migration.send(10, Cause::Falling);
    assert_eq!(
        seconds(shown),
        Some((0, 8)),
        "1 s, 2.75 times 2 s, last steps"
    );
    let shown = migration.send(10, Cause::Reservation);
    assert_eq!(seconds(shown), Some((0, 4)), "2 s and 40 %, last steps");
}

#[test]
fn neither_bound_rises_and_an_interval_that_is_too_short_is_withheld() {
    let mut migration = Migration::new(None);
    migration.send(99, Cause::FirstRound);
    migration.sync(10, Cause::Falling);
    let before = migration.send(10, Cause::Reservation);
    let (done, bounds) = (before.done_hundredths, before.remaining);
    assert!(bounds.is_some_and(|bounds| bounds.most < Duration::from_secs(2)));
    // The guest has begun to write: 800 MB take 8 s more.
    let after = migration.sync(800, Cause::Falling);
    assert_eq!(after.remaining, None);
    assert_eq!(after.done_hundredths, done);
    let again = migration.send(79, Cause::Falling);
    let again = again.remaining.zip(bounds);
    assert!(again.is_some_and(|(now, then)| now.least <= then.least && now.most <= then.most));
}

#[test]
fn what_the_policy_forbids_has_no_end_but_the_deadline() {
    for (deadline_s, expected) in [(None, None), (Some(20), Some((0, 12)))] {
        let mut migration = Migration::new(deadline_s);
        migration.send(99, Cause::FirstRound);
        migration.sync(500, Cause::Ceiling);
        let shown = migration.send(50, Cause::Ceiling);
        // 5 s, a pause of 5 s, and no more than could be shown before.
        assert_eq!(seconds(shown), expected);
        assert!(shown.done_hundredths > 0);
    }
}

#[test]
fn counted_writes_tell_the_pause_of_this_moment() {
    let mut migration = Migration::new(None);
    let mut shown = Shown::default();
    for _ in 0..40 {
        let at = migration.sample.at.after(Duration::from_millis(100));
        let pages = migration.sample.elapsed_ms * 1000;
        migration.sample.faults = Some(Faults { at, pages });
        shown = migration.send(1, Cause::FirstRound);
    }
    // 4.1 GB/s are written, of no more than 1,000 MB: 6 s of the round, 2.75 times 10 s, the last steps twice.
    assert_eq!(seconds(shown), Some((2, 36)));
    assert_eq!(shown.pause_now, Some(Duration::from_secs(10)));
    assert!(shown.dirty_bytes_per_s.is_some_and(|rate| rate > 4000 * MB));
}

#[test]
fn storage_is_expected_at_its_rate_and_the_memory_after_it() {
    let mut progress = Progress::new(1000 * MB, Some(Slowdown::DEFAULT), None);
    let mut shown = Shown::default();
    for tenth in 0..=20 {
        let sample = Sample {
            at: Timestamp::from_nanos(tenth * 100_000_000),
            disk_remaining_bytes: (1000 - 10 * tenth) * MB,
            ..Sample::default()
        };
        shown = progress.poll(&sample, None);
    }
    // 8 s of storage; with a fifth, 10 s of memory, 12.5 s after its first round, and the last steps.
    assert_eq!(seconds(shown), Some((8, 34)));
    assert!((500..1200).contains(&shown.done_hundredths), "{shown:?}");
}

#[test]
fn nothing_is_left_at_the_end_and_a_hundred_per_cent_is_never_shown_before() {
    let mut migration = Migration::new(None);
    migration.send(99, Cause::FirstRound);
    migration.sample.state = JobState::Ended;
    let shown = migration.send(1, Cause::FirstRound);
    assert_eq!(seconds(shown), Some((0, 0)));
    assert_eq!(shown.done_hundredths, 9_999);
}
