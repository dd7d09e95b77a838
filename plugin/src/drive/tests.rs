use std::cell::Cell;
use std::collections::VecDeque;

use libvirt_hpc_control::event::Event;
use libvirt_hpc_control::policy::{Deadline, Policy, Then};

use super::*;
use crate::laws::{AnyLaw, LawName};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused by the script")]
struct Scripted;

/// A job that answers from a list, and notes what it is told. Each wait takes what it may.
#[derive(Default)]
struct Script {
    answers: VecDeque<Result<Sample, Scripted>>,
    refuse: bool,
    now: u64,
    asked_settings: Vec<bool>,
    applied: Vec<Target>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<Sample, Scripted>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Job for Script {
    type Error = Scripted;

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    fn sample(&mut self, settings: bool) -> Result<Sample, Scripted> {
        self.asked_settings.push(settings);
        let sample = self.answers.pop_front().unwrap_or(Ok(ended()))?;
        Ok(Sample {
            at: self.now(),
            ..sample
        })
    }

    fn apply(&mut self, target: &Target) -> Result<(), Scripted> {
        self.applied.push(*target);
        if self.refuse { Err(Scripted) } else { Ok(()) }
    }

    fn wait(&mut self, at_most: Duration) {
        self.now += u64::try_from(at_most.as_nanos()).expect("a short wait");
    }
}

/// Hears everything.
#[derive(Default)]
struct Ear {
    events: Vec<Event>,
    samples: usize,
    failures: usize,
    outcomes: Vec<(Target, bool)>,
    aborts: Vec<bool>,
}

impl Publisher for Ear {
    fn publish(&mut self, _: Timestamp, event: Event) {
        self.events.push(event);
    }
}

impl Observer for Ear {
    fn sampled(&mut self, _: &Sample) {
        self.samples += 1;
    }

    fn sample_failed(&mut self, _: Timestamp, _: &dyn Error) {
        self.failures += 1;
    }

    fn outcome(&mut self, _: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        self.outcomes.push((*target, result.is_ok()));
    }

    fn aborting(&mut self, _: Timestamp, result: Result<(), &dyn Error>) {
        self.aborts.push(result.is_ok());
    }
}

/// Orders for polls from one number on.
#[derive(Default)]
struct From {
    abort: Option<u32>,
    over: Option<u32>,
    polls: Cell<u32>,
}

impl Orders for From {
    fn over(&self) -> bool {
        self.polls.set(self.polls.get() + 1);
        self.over.is_some_and(|from| self.polls.get() > from)
    }

    fn abort(&self) -> bool {
        self.abort.is_some_and(|from| self.polls.get() > from)
    }
}

fn flowing(elapsed_ms: u64) -> Sample {
    Sample {
        state: JobState::Precopy,
        iteration: 1,
        elapsed_ms,
        total_bytes: 1 << 29,
        remaining_bytes: 1 << 28,
        window_bytes_per_s: 100_000_000,
        settings: None,
        ..Sample::default()
    }
}

fn ended() -> Sample {
    Sample {
        state: JobState::Ended,
        ..Sample::default()
    }
}

fn ceiling() -> Controller<AnyLaw> {
    let policy = Policy {
        speed_max_mib_per_s: Some(20),
        ..Policy::default()
    };
    Controller::new(LawName::STOCK.build(100_000), policy)
}

/// Drives `job` under [`ceiling`].
fn driven(job: &mut Script, mode: Mode, orders: &impl Orders) -> (End, Ear) {
    let mut ear = Ear::default();
    (drive(job, &mut ceiling(), &mut ear, mode, orders), ear)
}

#[test]
fn a_target_is_applied_once_and_its_fate_told() {
    let mut job = Script::new([Ok(Sample::default()), Ok(flowing(1)), Ok(flowing(101))]);
    let (end, ear) = driven(&mut job, Mode::Steer, &From::default());
    assert_eq!(end, End::Job);
    let target = Target {
        speed_mib_per_s: Some(20),
        ..Target::NONE
    };
    assert_eq!(job.applied, [target]);
    assert_eq!(ear.outcomes, [(target, true)]);
    assert_eq!((ear.samples, ear.failures), (4, 0));
    assert!(job.asked_settings[0]);
}

#[test]
fn a_refusal_is_told_to_the_controller_which_tries_again() {
    let mut job = Script::new([Ok(flowing(1)), Ok(flowing(101))]);
    job.refuse = true;
    let (_, ear) = driven(&mut job, Mode::Steer, &From::default());
    assert_eq!(job.applied.len(), 2);
    assert!(ear.outcomes.iter().all(|(_, done)| !done));
    let is_refusal = |event: &Event| matches!(event, Event::Refused(_));
    assert!(ear.events.iter().any(is_refusal));
}

#[test]
fn a_poll_that_fails_is_repeated() {
    let mut job = Script::new([
        Err(Scripted),
        Ok(flowing(1)),
        Err(Scripted),
        Ok(flowing(101)),
    ]);
    let (_, ear) = driven(&mut job, Mode::Steer, &From::default());
    assert_eq!((ear.samples, ear.failures), (3, 2));
    assert_eq!(job.applied.len(), 1);
}

#[test]
fn observing_sets_nothing_and_asks_for_no_settings() {
    let mut job = Script::new((0..20).map(|i| Ok(flowing(i * 100))));
    let (_, ear) = driven(&mut job, Mode::Observe, &From::default());
    assert!(job.applied.is_empty());
    assert!(job.asked_settings.iter().all(|asked| !asked));
    assert_eq!(ear.outcomes.len(), 1, "decided once, and taken to be done");
}

#[test]
fn observing_still_obeys_the_users_own_action() {
    let deadline = Deadline {
        after: Duration::ZERO,
        then: Then::Abort,
    };
    let policy = Policy {
        deadline: Some(deadline),
        ..Policy::default()
    };
    let mut controller = Controller::new(LawName::STOCK.build(100_000), policy);
    let mut job = Script::new([Ok(flowing(1))]);
    drive(
        &mut job,
        &mut controller,
        &mut Ear::default(),
        Mode::Observe,
        &From::default(),
    );
    assert_eq!(
        job.applied,
        [Target {
            action: Some(Action::Abort),
            ..Target::NONE
        }]
    );
}

#[test]
fn the_return_of_the_call_ends_the_loop() {
    let mut job = Script::new((0..100).map(|_| Ok(Sample::default())));
    let orders = From {
        over: Some(3),
        ..From::default()
    };
    let (end, _) = driven(&mut job, Mode::Steer, &orders);
    assert_eq!((end, job.asked_settings.len()), (End::Call, 3));
}

#[test]
fn an_abort_is_asked_for_until_the_end_and_nothing_is_decided_after_it() {
    let mut answers: Vec<_> = (0..10).map(|_| Ok(Sample::default())).collect();
    answers.extend((0..4).map(|i| Ok(flowing(i * 100))));
    let mut job = Script::new(answers);
    job.refuse = true;
    let orders = From {
        abort: Some(2),
        ..From::default()
    };
    let (_, ear) = driven(&mut job, Mode::Steer, &orders);
    let abort = Target {
        action: Some(Action::Abort),
        ..Target::NONE
    };
    assert!(job.applied.len() > 2 && job.applied.iter().all(|target| *target == abort));
    assert!(job.applied.len() < 10, "not at every poll");
    assert_eq!(ear.aborts.len(), job.applied.len());
    assert!(ear.events.is_empty());
}

mod orders;
