//! Whose a migration is, over a job that is a script.

use super::*;
use crate::agent::process::config::Config;
use crate::agent::takeover::scripted_job::{Script, UUID, assignment, sample};

/// When the job began, by the wall clock, milliseconds since 1970.
const BEGAN_WALL_MS: u64 = 1_700_000_000_000;

/// A host with leases, and an agent that is set up in some way.
struct Host {
    leases: tempfile::TempDir,
    assignment: Assignment,
}

impl Host {
    fn new() -> Self {
        Self::with(Config::default(), false)
    }

    fn with(config: Config, adopted: bool) -> Self {
        Self {
            leases: tempfile::tempdir().expect("a folder"),
            assignment: assignment(config, adopted),
        }
    }

    /// What comes of a migration, with what the script begins with as its limits.
    fn find(&self, job: Script, early: bool) -> Result<Ownership, Verdict> {
        self.find_at(job, early, 0)
    }

    /// The same, where the wall clock has been set by `step_ms` since the job began.
    fn find_at(&self, mut job: Script, early: bool, step_ms: i64) -> Result<Ownership, Verdict> {
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
        wait(
            &mut job,
            &MigrationHandle::new(),
            &self.assignment,
            &found,
            &xml::Policy::default(),
            |_| Guest::default(),
            self.leases.path(),
        )
    }

    fn own(&self, samples: &[Sample], early: bool) -> Ownership {
        let script = Script::new(samples.iter().copied());
        self.find(script, early).expect("ownership")
    }

    /// What a successor makes of a limit of `downtime_ms`, after a step of the wall clock.
    fn succeed(&self, downtime_ms: u64, step_ms: i64) -> Ownership {
        let script = Script::new([precopy(downtime_ms)]);
        self.find_at(script, false, step_ms).expect("ownership")
    }
}

/// Its lease, begun under `record`.
fn hold(lease: Option<Lease>, record: LeaseRecord) -> lease::HeldLease {
    let (held, written) = lease::HeldLease::begin(lease.expect("taken"), record);
    written.expect("written");
    held
}

/// A downtime limit that is as low as it goes.
const LOW: Target = Target {
    downtime_ms: Some(10),
    ..Target::NONE
};

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
    let ownership = Host::new().own(&[precopy(777)], true);
    assert_eq!(ownership.record.released, None);
    assert_eq!(ownership.record.settings_before.downtime_ms, 777);
    assert_eq!(ownership.record.bounds.policy.limit_max_ms, Some(777));
    assert!(ownership.lease.is_some() && ownership.record.bounds.policy.speed_is_order);
}

#[test]
fn one_found_in_its_midst_is_ours_only_if_nobody_moves_its_limits() {
    let end = |host: &Host, samples: &[Sample]| {
        let record = host.own(samples, false).record;
        (record.released.is_some(), record.bounds.policy.limit_max_ms)
    };
    let plain = Host::new();
    assert_eq!(end(&plain, &[precopy(300)]), (false, None), "nobody");
    let before = (false, Some(100));
    let steady = [precopy(100), synced(100)];
    assert_eq!(end(&plain, &steady), before, "it was set before");
    assert_eq!(end(&plain, &[precopy(100)]), before, "no sync comes");
    let moves = [precopy(300), precopy(300), precopy(44)];
    assert!(end(&plain, &moves).0, "somebody does");
    // As a controller does that goes by syncs, from another host.
    let moves_late = [[precopy(10); 40].as_slice(), &[synced(44)]].concat();
    assert!(end(&plain, &moves_late).0, "somebody does, at a sync");
    let insists = Config {
        insist: true,
        ..Config::default()
    };
    assert!(!end(&Host::with(insists, false), &moves).0);
    let adopted = Host::with(Config::default(), true);
    assert!(!end(&adopted, &moves).0, "adopted");
}

#[test]
fn a_predecessors_word_counts_whatever_the_clock_says_since() {
    for step_ms in [0, 5_000, -5_000, 3_600_000, -3_600_000] {
        let host = Host::new();
        let first = host.own(&[precopy(300)], true);
        hold(first.lease, first.record.clone())
            .apply(&LOW)
            .expect("written");
        // The agent has died at 10 ms, and its successor finds that.
        let next = host.succeed(10, step_ms);
        let record = next.record;
        assert_eq!(record.settings_before.downtime_ms, 300, "{step_ms} ms");
        assert_eq!(record.released, None, "{step_ms} ms");
        assert_eq!(record.bounds.policy.limit_max_ms, None, "{step_ms} ms");
        assert_eq!(
            record.job_began_ns, first.record.job_began_ns,
            "{step_ms} ms"
        );
        assert_eq!(record.set.downtime_ms, Some(10), "{step_ms} ms");
        assert_eq!(next.expected.downtime_ms, Some(10), "{step_ms} ms");
    }
}

#[test]
fn an_external_change_that_ended_control_is_obeyed_by_a_successor_whatever_the_clock_says_since() {
    for step_ms in [0, 3_600_000, -3_600_000] {
        let host = Host::new();
        let first = host.own(&[precopy(300)], true);
        hold(first.lease, first.record)
            .release("external change")
            .expect("written");
        let next = host.succeed(15, step_ms);
        assert!(next.record.released.is_some(), "{step_ms} ms");
    }
}

#[test]
fn another_holder_is_waited_for_to_the_end_or_to_its_death() {
    let host = Host::new();
    let held = match lease::take(host.leases.path(), UUID).expect("asked") {
        Taken::Ours(lease, _) => lease,
        Taken::Held(_) => panic!("nobody holds it"),
    };
    let over = Script::new([precopy(12), sample(JobState::Ended, 0)]);
    assert!(matches!(host.find(over, true), Err(Verdict::Over)));
    let mut dies = Script::new([precopy(300)]);
    dies.then = Some((3, Box::new(move || drop(held))));
    let ownership = host.find(dies, true).expect("ownership");
    assert!(ownership.lease.is_some() && ownership.record.released.is_none());
}

#[test]
fn what_a_holder_set_before_it_died_is_known_by_the_limits_of_now() {
    let host = Host::new();
    let first = host.own(&[precopy(300)], true);
    // It took the lease before its job, and the clock was set in between.
    let record = LeaseRecord {
        identity: lease::Identity {
            began_wall_ms: None,
            taken_wall_ms: BEGAN_WALL_MS - 3_600_000,
            ..first.record.identity
        },
        ..first.record
    };
    let mut held = hold(first.lease, record);
    held.apply(&LOW).expect("written");
    let mut dies = Script::new([precopy(300), precopy(300), precopy(10)]);
    dies.then = Some((3, Box::new(move || drop(held))));
    let record = host.find(dies, true).expect("ownership").record;
    assert_eq!(record.released, None, "nobody else has set them");
    assert_eq!(record.settings_before.downtime_ms, 300);
}

#[test]
fn a_guest_that_is_stopped_is_followed_and_one_that_runs_again_is_ours() {
    let host = Host::new();
    let stopped = sample(JobState::Switchover, 0);
    let script = Script::new([stopped, stopped, sample(JobState::Ended, 0)]);
    assert!(matches!(host.find(script, false), Err(Verdict::Over)));
    let record = host.own(&[stopped, stopped, precopy(300)], false).record;
    assert_eq!(record.released, None);
    assert_eq!(record.settings_before.downtime_ms, 300);
}
