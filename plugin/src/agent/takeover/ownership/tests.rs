//! Whose a migration is, over a job that is a script.

use super::*;
use crate::agent::process::config::Config;
use crate::agent::takeover::scripted_job::{Script, UUID, assignment, sample};

/// When the job began, by the wall clock, milliseconds since 1970.
const BEGAN_WALL_MS: u64 = 1_700_000_000_000;

/// What comes of a migration that was found late, with what the script begins with as its limits.
fn found(
    job: Script,
    assignment: &Assignment,
    early: bool,
    leases: &Path,
) -> Result<Ownership, Verdict> {
    under_a_clock(job, assignment, early, leases, 0)
}

/// The same, where the wall clock has been set by `step_ms` since the job began.
fn under_a_clock(
    mut job: Script,
    assignment: &Assignment,
    early: bool,
    leases: &Path,
    step_ms: i64,
) -> Result<Ownership, Verdict> {
    let sample = sample(JobState::Precopy, 300);
    let wall_ms = (BEGAN_WALL_MS + sample.elapsed_ms).saturating_add_signed(step_ms);
    let elapsed_ms = wall_ms.saturating_sub(BEGAN_WALL_MS);
    let first = FirstSample {
        sample: Sample {
            settings: job.samples[0].settings,
            elapsed_ms,
            ..sample
        },
        early,
    };
    let identity = lease::Job {
        domain_id: Some(7),
        wall_ms,
        elapsed_ms,
        at_ns: sample.at.as_nanos(),
    };
    let found = Found {
        first,
        job: identity,
    };
    let policy = xml::Policy::default();
    let guest = |_: &mut Script| Guest::default();
    wait(
        &mut job,
        &MigrationHandle::new(),
        assignment,
        &found,
        &policy,
        guest,
        leases,
    )
}

fn precopy(downtime_ms: u64) -> Sample {
    sample(JobState::Precopy, downtime_ms)
}

/// The same, a sync later.
fn synced(downtime_ms: u64) -> Sample {
    Sample {
        iteration: 10,
        ..precopy(downtime_ms)
    }
}

#[test]
fn a_migration_found_at_its_beginning_is_ours_whatever_its_limit_which_is_an_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let ownership =
        found(Script::new([precopy(777)]), &plain, true, folder.path()).expect("ownership");
    assert_eq!(ownership.record.released, None);
    assert_eq!(ownership.record.settings_before.downtime_ms, 777);
    assert_eq!(ownership.record.bounds.policy.limit_max_ms, Some(777));
    assert!(ownership.lease.is_some() && ownership.record.bounds.policy.speed_is_order);
}

#[test]
fn one_found_in_its_midst_is_ours_only_if_nobody_moves_its_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let end = |samples: &[Sample], assignment: &Assignment| {
        let script = Script::new(samples.iter().copied());
        let ownership = found(script, assignment, false, folder.path()).expect("ownership");
        let order = ownership.record.bounds.policy.limit_max_ms;
        (ownership.record.released.is_some(), order)
    };
    assert_eq!(end(&[precopy(300)], &plain), (false, None), "nobody");
    let steady = [precopy(100), synced(100)];
    assert_eq!(
        end(&steady, &plain),
        (false, Some(100)),
        "it was set before"
    );
    let moves = [precopy(300), precopy(300), precopy(44)];
    assert!(end(&moves, &plain).0, "somebody does");
    // As a controller does that goes by syncs, from another host.
    let moves_late = [[precopy(10); 40].as_slice(), &[synced(44)]].concat();
    assert!(end(&moves_late, &plain).0, "somebody does, at a sync");
    assert_eq!(
        end(&[precopy(100)], &plain),
        (false, Some(100)),
        "no sync comes"
    );
    let insists = Config {
        insist: true,
        ..Config::default()
    };
    assert!(!end(&moves, &assignment(insists, false)).0);
    let adopted = assignment(Config::default(), true);
    assert!(!end(&moves, &adopted).0, "adopted");
}

#[test]
fn a_predecessors_word_counts_whatever_the_clock_says_since() {
    for step_ms in [0, 5_000, -5_000, 3_600_000, -3_600_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = assignment(Config::default(), false);
        let ownership =
            found(Script::new([precopy(300)]), &plain, true, folder.path()).expect("ownership");
        let lease = ownership.lease.expect("taken");
        let (mut held_lease, written) = lease::HeldLease::begin(lease, ownership.record.clone());
        written.expect("written");
        let target = Target {
            downtime_ms: Some(10),
            ..Target::NONE
        };
        held_lease.apply(&target).expect("written");
        drop(held_lease);
        // The agent has died at 10 ms, and its successor finds that.
        let script = Script::new([precopy(10)]);
        let next = under_a_clock(script, &plain, false, folder.path(), step_ms).expect("ownership");
        let record = next.record;
        assert_eq!(record.settings_before.downtime_ms, 300, "{step_ms} ms");
        assert_eq!(record.released, None, "{step_ms} ms");
        assert_eq!(record.bounds.policy.limit_max_ms, None, "{step_ms} ms");
        assert_eq!(
            record.job_began_ns, ownership.record.job_began_ns,
            "{step_ms} ms"
        );
        assert_eq!(record.set.downtime_ms, Some(10), "{step_ms} ms");
        assert_eq!(next.expected.downtime_ms, Some(10), "{step_ms} ms");
    }
}

#[test]
fn a_hand_that_ended_control_is_obeyed_by_a_successor_whatever_the_clock_says_since() {
    for step_ms in [0, 3_600_000, -3_600_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = assignment(Config::default(), false);
        let ownership =
            found(Script::new([precopy(300)]), &plain, true, folder.path()).expect("ownership");
        let lease = ownership.lease.expect("taken");
        let (mut held_lease, written) = lease::HeldLease::begin(lease, ownership.record);
        written.expect("written");
        held_lease.release("external change").expect("written");
        drop(held_lease);
        let script = Script::new([precopy(15)]);
        let next = under_a_clock(script, &plain, false, folder.path(), step_ms).expect("ownership");
        assert!(next.record.released.is_some(), "{step_ms} ms");
    }
}

#[test]
fn another_holder_is_waited_for_to_the_end_or_to_its_death() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let hold = || match lease::take(folder.path(), UUID).expect("asked") {
        Taken::Ours(lease, _) => lease,
        Taken::Held(_) => panic!("ownership"),
    };
    let held = hold();
    let over = Script::new([precopy(12), sample(JobState::Ended, 0)]);
    let end = found(over, &plain, true, folder.path());
    assert!(matches!(end, Err(Verdict::Over)));
    let mut dies = Script::new([precopy(300)]);
    dies.then = Some((3, Box::new(move || drop(held))));
    let ownership = found(dies, &plain, true, folder.path()).expect("ownership");
    assert!(ownership.lease.is_some() && ownership.record.released.is_none());
}

#[test]
fn what_a_holder_set_before_it_died_is_known_by_the_limits_of_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let first = found(Script::new([precopy(300)]), &plain, true, folder.path()).expect("ownership");
    // It took the lease before its job, and the clock was set in between.
    let record = LeaseRecord {
        identity: lease::Identity {
            began_wall_ms: None,
            taken_wall_ms: BEGAN_WALL_MS - 3_600_000,
            ..first.record.identity
        },
        ..first.record
    };
    let (mut held_lease, written) = lease::HeldLease::begin(first.lease.expect("taken"), record);
    written.expect("written");
    let target = Target {
        downtime_ms: Some(10),
        ..Target::NONE
    };
    held_lease.apply(&target).expect("written");
    let mut dies = Script::new([precopy(300), precopy(300), precopy(10)]);
    dies.then = Some((3, Box::new(move || drop(held_lease))));
    let record = found(dies, &plain, true, folder.path())
        .expect("ownership")
        .record;
    assert_eq!(record.released, None, "nobody else has set them");
    assert_eq!(record.settings_before.downtime_ms, 300);
}

#[test]
fn a_guest_that_stands_is_followed_and_one_that_runs_again_is_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let stopped = sample(JobState::Switchover, 0);
    let script = Script::new([stopped, stopped, sample(JobState::Ended, 0)]);
    let end = found(script, &plain, false, folder.path());
    assert!(matches!(end, Err(Verdict::Over)));
    let script = Script::new([stopped, stopped, precopy(300)]);
    let ownership = found(script, &plain, false, folder.path()).expect("ownership");
    assert_eq!(ownership.record.released, None);
    assert_eq!(ownership.record.settings_before.downtime_ms, 300);
}
