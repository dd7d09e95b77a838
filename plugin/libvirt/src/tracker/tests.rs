//! Tables of libvirt's answers.

use core::time::Duration;

use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

use super::{Reading, Tracker, sample};
use crate::domain::DomainState;
use crate::stats::{FieldValue, JobStats, JobType};

const RUNS: DomainState = state(1, 1);
const PAUSED_BY_USER: DomainState = state(3, 1);
const PAUSED_TO_MIGRATE: DomainState = state(3, 2);
const POSTCOPY: DomainState = state(3, 12);
const POSTCOPY_FAILED: DomainState = state(3, 13);

const fn state(state: u32, reason: u32) -> DomainState {
    DomainState { state, reason }
}

fn stats(job_type: JobType, fields: &[(&str, u64)]) -> JobStats {
    let field =
        |(name, value): &(&str, u64)| ((*name).to_owned(), FieldValue::UnsignedLong(*value));
    JobStats::new(job_type, fields.iter().map(field))
}

fn outgoing(iteration: u64, elapsed: u64, processed: u64) -> JobStats {
    stats(
        JobType::Unbounded,
        &[
            ("operation", 5),
            ("memory_total", 1 << 30),
            ("memory_iteration", iteration),
            ("time_elapsed", elapsed),
            ("memory_processed", processed),
        ],
    )
}

fn follow(readings: &[(JobStats, DomainState)]) -> Vec<JobState> {
    let mut tracker = Tracker::default();
    let observe = |(stats, domain): &(JobStats, DomainState)| {
        tracker.observe(Reading::Present(stats, *domain))
    };
    readings.iter().map(observe).collect()
}

#[test]
fn a_migration_from_setup_to_success() {
    let setup = stats(JobType::Unbounded, &[("operation", 5), ("time_elapsed", 3)]);
    let completed = stats(JobType::Completed, &[("operation", 5)]);
    let states = follow(&[
        (stats(JobType::None, &[]), RUNS),
        (setup, RUNS),
        (outgoing(0, 10, 0), RUNS),
        (outgoing(1, 20, 100), RUNS),
        (outgoing(2, 30, 200), PAUSED_BY_USER),
        (outgoing(3, 40, 300), PAUSED_TO_MIGRATE),
        (completed, PAUSED_TO_MIGRATE),
    ]);
    assert_eq!(states[..3], [JobState::Setup; 3]);
    assert_eq!(states[3..5], [JobState::Precopy; 2]);
    assert_eq!(states[5..], [JobState::Switchover, JobState::Ended]);
}

#[test]
fn every_way_to_end() {
    for job_type in [
        JobType::None,
        JobType::Completed,
        JobType::Failed,
        JobType::Cancelled,
    ] {
        let over = stats(job_type, &[("operation", 5)]);
        let moving = outgoing(1, 9, 9);
        let states = follow(&[(over.clone(), RUNS), (moving, RUNS), (over, RUNS)]);
        let expected = [JobState::Setup, JobState::Precopy, JobState::Ended];
        assert_eq!(states, expected, "{job_type:?}");
    }
}

#[test]
fn jobs_of_another_kind_are_not_followed() {
    let fields = [("operation", 2), ("memory_iteration", 1)];
    let save = stats(JobType::Unbounded, &fields);
    assert_eq!(follow(&[(save.clone(), RUNS)]), [JobState::Setup]);
    let states = follow(&[(outgoing(1, 1, 1), RUNS), (save, RUNS)]);
    assert_eq!(states, [JobState::Precopy, JobState::Ended]);
}

#[test]
fn a_second_migration_is_not_the_first_and_a_clock_set_back_is_no_second() {
    let states = follow(&[
        (outgoing(5, 5000, 500), RUNS),
        (outgoing(5, 4000, 600), RUNS),
        (outgoing(1, 10, 5), RUNS),
        (outgoing(2, 20, 700), RUNS),
    ]);
    assert_eq!(states[..2], [JobState::Precopy; 2]);
    assert_eq!(states[2..], [JobState::Ended; 2]);
}

#[test]
fn steps_of_the_wall_clock_do_not_change_the_age_of_a_job() {
    let at = |seconds: u64| Timestamp::from_nanos(seconds * 1_000_000_000);
    for step_ms in [3_600_000, 0] {
        let mut tracker = Tracker::default();
        let none = stats(JobType::None, &[("time_elapsed", 77)]);
        assert_eq!(tracker.elapsed(at(1), &none).as_millis(), 77, "no job");
        let mut after = |seconds, elapsed_ms| {
            let job = outgoing(1, elapsed_ms, 1);
            tracker.elapsed(at(seconds), &job).as_secs()
        };
        assert_eq!(after(100, 20_000), 20);
        assert_eq!(after(110, step_ms), 30);
    }
    let mut successor = Tracker::default();
    successor.began(at(80));
    let stepped = outgoing(1, 3_600_000, 1);
    assert_eq!(successor.elapsed(at(110), &stepped).as_secs(), 30);
}

#[test]
fn a_job_is_no_older_than_the_time_when_there_was_none() {
    let at = |seconds: u64| Timestamp::from_nanos(seconds * 1_000_000_000);
    let age = |elapsed_ms, not_before, set_forward_s| {
        let mut tracker = Tracker::default();
        tracker.not_before(at(not_before), Duration::from_secs(set_forward_s));
        let job = outgoing(1, elapsed_ms, 1);
        tracker.elapsed(at(100), &job).as_secs()
    };
    assert_eq!(age(3_603_000, 90, 3600), 3, "the clock was set forward");
    assert_eq!(age(3_000, 90, 3600), 3, "before it began");
    assert_eq!(age(3_603_000, 90, 0), 10, "nobody saw that it was set");
    assert_eq!(age(3_603_000, 90, 3700), 0);
    assert_eq!(age(50_000, 0, 0), 50);
}

#[test]
fn a_step_of_the_clock_is_not_in_the_final_statistics() {
    let at = |seconds: u64| Timestamp::from_nanos(seconds * 1_000_000_000);
    let completed = |elapsed_ms| {
        let fields = [("operation", 5), ("time_elapsed", elapsed_ms)];
        stats(JobType::Completed, &fields)
    };
    let mut tracker = Tracker::default();
    let unseen = tracker.complete(at(130), completed(7_000));
    assert_eq!(
        unseen.time_elapsed_ms,
        Some(7_000),
        "libvirt's, if no other"
    );
    tracker.elapsed(at(100), &outgoing(1, 20_000, 1));
    for stepped_ms in [3_650_000, 0, 50_000] {
        let told = tracker.complete(at(130), completed(stepped_ms));
        assert_eq!(told.time_elapsed_ms, Some(50_000));
    }
}

#[test]
fn postcopy_is_seen_even_when_it_is_stuck() {
    let job = outgoing(2, 1, 1);
    let states = follow(&[(job.clone(), POSTCOPY), (job, POSTCOPY_FAILED)]);
    assert_eq!(states, [JobState::Postcopy, JobState::Postcopy]);
}

#[test]
fn a_suspend_by_this_program_is_no_switchover() {
    let mut tracker = Tracker::default();
    tracker.suspended();
    let job = outgoing(2, 1, 1);
    let state = tracker.observe(Reading::Present(&job, PAUSED_TO_MIGRATE));
    assert_eq!(state, JobState::Precopy);
}

#[test]
fn a_guest_that_a_user_has_suspended_may_run_again() {
    let states = follow(&[
        (outgoing(1, 20, 100), RUNS),
        (outgoing(1, 30, 200), PAUSED_TO_MIGRATE),
        (outgoing(1, 40, 300), RUNS),
    ]);
    let expected = [JobState::Precopy, JobState::Switchover, JobState::Precopy];
    assert_eq!(states, expected);
}

#[test]
fn a_domain_that_is_gone_has_ended_for_good() {
    let mut tracker = Tracker::default();
    assert_eq!(tracker.observe(Reading::Gone), JobState::Ended);
    let job = outgoing(1, 1, 1);
    let later = tracker.observe(Reading::Present(&job, RUNS));
    assert_eq!(later, JobState::Ended);
}

#[test]
fn absent_fields_are_zero_and_present_ones_arrive() {
    let at = Timestamp::from_nanos(7);
    let empty = sample(at, JobState::Setup, &stats(JobType::None, &[]));
    let expected = Sample {
        at,
        ..Sample::default()
    };
    assert_eq!(empty, expected);
    let fields = [
        ("memory_iteration", 2),
        ("time_elapsed", 3),
        ("memory_total", 4),
        ("memory_processed", 5),
        ("memory_remaining", 6),
        ("disk_remaining", 7),
        ("memory_bps", 8),
        ("memory_dirty_rate", u64::MAX),
        ("auto_converge_throttle", 20),
        ("compression_cache", 30),
        ("memory_page_size", 4096),
    ];
    let expected = Sample {
        at,
        state: JobState::Precopy,
        iteration: 2,
        sync_at: None,
        elapsed_ms: 3,
        total_bytes: 4,
        processed_bytes: 5,
        remaining_bytes: 6,
        disk_remaining_bytes: 7,
        window_bytes_per_s: 8,
        dirty_bytes_per_s: u64::MAX,
        throttle_percent: 20,
        compression_cache_bytes: 30,
        vcpu_time_ns: None,
        faults: None,
        settings: None,
    };
    let stats = stats(JobType::Unbounded, &fields);
    assert_eq!(sample(at, JobState::Precopy, &stats), expected);
}
