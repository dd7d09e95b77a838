//! How a migration is found, over a job that is a script.

use super::*;
use crate::agent::config::Config;
use crate::agent::script::{Script, assignment, look};

/// What is found by looks of a migration that leaves this host.
fn found(script: &mut Script, hand: &Hand) -> Result<First, Verdict> {
    let (plain, policy) = (assignment(Config::default(), false), xml::Policy::default());
    wait_for_memory(script, |_| true, hand, &plain, &policy)
}

fn precopy(iteration: u64) -> Sample {
    Sample {
        iteration,
        ..look(JobState::Precopy, 777)
    }
}

#[test]
fn one_seen_before_its_memory_flows_is_found_at_its_beginning() {
    let mut script = Script::new([look(JobState::Setup, 0), precopy(1)]);
    assert!(found(&mut script, &Hand::new()).expect("found").early);
}

#[test]
fn an_event_that_comes_while_the_thread_looks_is_its_migrations() {
    for at in 1..=3 {
        let hand = Arc::new(Hand::new());
        let mut script = Script::new([precopy(1)]);
        let other = Arc::clone(&hand);
        script.then = Some((at, Box::new(move || other.first_iteration())));
        assert!(
            found(&mut script, &hand).expect("found").early,
            "at look {at}"
        );
        assert!(!hand.take_first_iteration(), "it is taken");
    }
}

#[test]
fn one_that_no_event_has_told_of_is_found_in_its_midst() {
    let mut script = Script::new([precopy(1)]);
    assert!(!found(&mut script, &Hand::new()).expect("found").early);
    let mut script = Script::new([precopy(2)]);
    assert!(!found(&mut script, &Hand::new()).expect("found").early);
    assert_eq!(script.looked, 1, "no event is to come");
}

#[test]
fn an_event_of_a_migration_that_has_ended_does_not_bring_another_thread() {
    let hand = Hand::new();
    hand.first_iteration();
    let mut script = Script::new([look(JobState::Ended, 0)]);
    let end = found(&mut script, &hand);
    assert!(matches!(end, Err(Verdict::NoMigration)));
    assert!(!hand.take_first_iteration());
}
