//! How a migration is found, over a job that is a script.

use std::sync::Arc;

use super::*;
use crate::agent::process::config::Config;
use crate::agent::takeover::scripted_job::{Script, assignment, sample};

/// What polls find of a migration that leaves this host.
fn found(script: &mut Script, handle: &MigrationHandle) -> Result<FirstSample, Verdict> {
    let (plain, policy) = (assignment(Config::default(), false), xml::Policy::default());
    wait(script, |_| true, handle, &plain, &policy)
}

fn precopy(iteration: u64) -> Sample {
    Sample {
        iteration,
        ..sample(JobState::Precopy, 777)
    }
}

#[test]
fn one_seen_before_its_memory_flows_is_found_at_its_beginning() {
    let mut script = Script::new([sample(JobState::Setup, 0), precopy(1)]);
    assert!(
        found(&mut script, &MigrationHandle::new())
            .expect("found")
            .early
    );
}

#[test]
fn an_event_that_comes_while_the_thread_polls_is_of_its_migration() {
    for at in 1..=3 {
        let handle = Arc::new(MigrationHandle::new());
        let mut script = Script::new([precopy(1)]);
        let other = Arc::clone(&handle);
        script.then = Some((at, Box::new(move || other.first_iteration())));
        assert!(
            found(&mut script, &handle).expect("found").early,
            "at poll {at}"
        );
        assert!(!handle.take_first_iteration(), "it is taken");
    }
}

#[test]
fn one_that_no_event_has_told_of_is_found_in_its_midst() {
    let mut script = Script::new([precopy(1)]);
    assert!(
        !found(&mut script, &MigrationHandle::new())
            .expect("found")
            .early
    );
    let mut script = Script::new([precopy(2)]);
    assert!(
        !found(&mut script, &MigrationHandle::new())
            .expect("found")
            .early
    );
    assert_eq!(script.polls, 1, "no event is to come");
}

#[test]
fn an_event_of_a_migration_that_has_ended_does_not_bring_another_thread() {
    let handle = MigrationHandle::new();
    handle.first_iteration();
    let mut script = Script::new([sample(JobState::Ended, 0)]);
    let end = found(&mut script, &handle);
    assert!(matches!(end, Err(Verdict::NoMigration)));
    assert!(!handle.take_first_iteration());
}

/// Storage is copied, and QEMU takes a while to give up.
#[test]
fn an_abort_at_the_deadline_is_ordered_and_said_once() {
    let copying = sample(JobState::Setup, 0);
    let mut script = Script::new(
        [copying; 20]
            .into_iter()
            .chain([sample(JobState::Ended, 0)]),
    );
    script.aborts = Some(0);
    let deadline = xml::Deadline {
        seconds: 60,
        then: xml::Then::Abort,
    };
    let policy = xml::Policy {
        deadline: Some(deadline),
        ..xml::Policy::default()
    };
    let plain = assignment(Config::default(), false);
    let end = wait(
        &mut script,
        |_| true,
        &MigrationHandle::new(),
        &plain,
        &policy,
    );
    assert!(matches!(end, Err(Verdict::NoMigration)));
    assert_eq!((script.polls, script.aborts), (21, Some(1)));
}
