//! Whose a migration is, over a job that is a script.

use super::*;
use crate::agent::config::Config;
use crate::agent::script::{Script, UUID, assignment, look};

/// What comes of a migration that was found late, with `downtime_ms` as its limit.
fn found(
    mut job: Script,
    assignment: &Assignment,
    early: bool,
    leases: &Path,
) -> Result<Free, Verdict> {
    let sample = look(JobState::Precopy, 300);
    let first = First {
        sample: Sample {
            settings: job.looks[0].settings,
            ..sample
        },
        early,
    };
    let policy = xml::Policy::default();
    wait(&mut job, &Hand::new(), assignment, &first, &policy, leases)
}

fn precopy(downtime_ms: u64) -> Sample {
    look(JobState::Precopy, downtime_ms)
}

#[test]
fn a_migration_found_at_its_beginning_is_ours_whatever_its_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let free = found(Script::new([precopy(777)]), &plain, true, folder.path()).expect("free");
    assert_eq!(free.holding.released, None);
    assert_eq!(free.holding.settings_before.downtime_ms, 777);
    assert!(free.lease.is_some() && free.holding.bounds.policy.speed_is_order);
}

#[test]
fn one_found_in_its_midst_is_ours_only_if_nobody_sets_its_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let released = |looks: &[Sample], assignment: &Assignment| {
        let script = Script::new(looks.iter().copied());
        let free = found(script, assignment, false, folder.path()).expect("free");
        free.holding.released.is_some()
    };
    assert!(!released(&[precopy(300)], &plain), "nobody");
    assert!(released(&[precopy(12)], &plain), "somebody has");
    let moves = [precopy(300), precopy(300), precopy(44)];
    assert!(released(&moves, &plain), "somebody does");
    let insists = Config {
        insist: true,
        ..Config::default()
    };
    assert!(!released(&moves, &assignment(insists, false)));
    assert!(
        !released(&moves, &assignment(Config::default(), true)),
        "adopted"
    );
}

#[test]
fn a_predecessors_word_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let free = found(Script::new([precopy(300)]), &plain, true, folder.path()).expect("free");
    let (tenure, written) = lease::Tenure::begin(free.lease.expect("ours"), free.holding.clone());
    written.expect("written");
    drop(tenure);
    // The agent has died at 12 ms, and its successor finds that.
    let next = found(Script::new([precopy(12)]), &plain, false, folder.path()).expect("free");
    assert_eq!(next.holding.settings_before.downtime_ms, 300);
    assert_eq!(next.holding.released, None);
}

#[test]
fn another_holder_is_waited_for_to_the_end_or_to_its_death() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let hold = || match lease::take(folder.path(), UUID).expect("asked") {
        Taken::Ours(lease, _) => lease,
        Taken::Held(_) => panic!("free"),
    };
    let held = hold();
    let over = Script::new([precopy(12), look(JobState::Ended, 0)]);
    let end = found(over, &plain, true, folder.path());
    assert!(matches!(end, Err(Verdict::Over)));
    let mut dies = Script::new([precopy(300)]);
    dies.then = Some((3, Box::new(move || drop(held))));
    let free = found(dies, &plain, true, folder.path()).expect("free");
    assert!(free.lease.is_some() && free.holding.released.is_none());
}

#[test]
fn a_guest_that_has_stopped_is_followed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = assignment(Config::default(), false);
    let stopped = look(JobState::Switchover, 0);
    let script = Script::new([stopped, stopped, look(JobState::Ended, 0)]);
    let end = found(script, &plain, false, folder.path());
    assert!(matches!(end, Err(Verdict::Over)));
}
