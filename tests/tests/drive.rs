//! The control loop that ships, over the plant, in virtual time; and a replay of its trace.
#![expect(clippy::unwrap_used, reason = "a test ends at what it does not expect")]

use std::error::Error;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::{Deadline, Policy, Then};
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{End as LoopEnd, Mode, Observer, Orders, drive};
use libvirt_hpc_plugin::laws::LawName;
use libvirt_hpc_plugin::replay::{Verdict, replay};
use libvirt_hpc_plugin::trace::{self, Begin, ControllerName, FORMAT, Record, Versions, Writer};
use libvirt_hpc_plugin::version;
use libvirt_hpc_tests::plant::{
    End, Fault, Guest, Link, Outcome, Plant, PlantConfig, Writer as Writes,
};

const SLOWDOWN_PPM: u64 = 100_000;

/// Writes the trace as a session does.
struct Recorder(Writer<Vec<u8>>);

impl Recorder {
    fn put(&mut self, record: &Record) {
        self.0.write(record).unwrap();
    }
}

impl Publisher for Recorder {
    fn publish(&mut self, at: Timestamp, event: Event) {
        self.put(&Record::Event {
            at_ns: at.as_nanos(),
            event: event.into(),
        });
    }
}

impl Observer for Recorder {
    fn sampled(&mut self, sample: &Sample) {
        self.put(&Record::Sample(sample.into()));
    }

    fn sample_failed(&mut self, at: Timestamp, error: &dyn Error) {
        self.put(&Record::SampleFailed {
            at_ns: at.as_nanos(),
            error: error.to_string(),
        });
    }

    fn outcome(&mut self, at: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        let error = result.err().map(ToString::to_string);
        self.put(&Record::Outcome {
            at_ns: at.as_nanos(),
            target: target.into(),
            error,
        });
    }

    fn aborting(&mut self, at: Timestamp, result: Result<(), &dyn Error>) {
        let error = result.err().map(ToString::to_string);
        self.put(&Record::Abort {
            at_ns: at.as_nanos(),
            error,
        });
    }
}

/// No orders; or an abort, after so many polls; and at last the end.
struct After {
    polls: std::cell::Cell<u32>,
    abort: Option<u32>,
    over: u32,
}

impl After {
    const fn over(over: u32) -> Self {
        Self {
            polls: std::cell::Cell::new(0),
            abort: None,
            over,
        }
    }
}

impl Orders for After {
    fn over(&self) -> bool {
        self.polls.set(self.polls.get() + 1);
        self.polls.get() > self.over
    }

    fn abort(&self) -> bool {
        self.abort.is_some_and(|polls| self.polls.get() > polls)
    }
}

fn begin(policy: &Policy, law: LawName) -> Record {
    Record::Begin(Box::new(Begin {
        format: FORMAT,
        versions: Versions {
            libvirt_hpc: version::OURS.to_owned(),
            ..Versions::default()
        },
        domain: "plant".to_owned(),
        uuid: String::new(),
        controller: ControllerName::VirshHpc,
        destination: None,
        flags: Some(1),
        policy: policy.into(),
        slowdown_ppm: SLOWDOWN_PPM,
        law,
        observe: false,
        settings_before: None,
        prior: None,
    }))
}

/// Drives `plant` by the adaptive law; checks that the replay of its trace decides the same.
fn run(mut plant: Plant, policy: Policy, mode: Mode, orders: &After) -> (LoopEnd, Plant) {
    let law = LawName::Adaptive;
    let mut recorder = Recorder(Writer::new(Vec::new()));
    recorder.put(&begin(&policy, law));
    let mut controller = Controller::new(law.build(SLOWDOWN_PPM), policy);
    let end = drive(&mut plant, &mut controller, &mut recorder, mode, orders);
    let bytes = recorder.0.into_inner().unwrap();
    let again = replay(trace::read(bytes.as_slice()), None).unwrap();
    assert_eq!(again.verdict, Verdict::Same);
    (end, plant)
}

fn steer(plant: Plant, policy: Policy) -> Outcome {
    let (end, plant) = run(plant, policy, Mode::Steer, &After::over(100_000));
    assert_eq!(end, LoopEnd::Job);
    plant.outcome()
}

fn saturated() -> Plant {
    let guest = Guest::new(512 << 20)
        .non_zero(400 << 20)
        .with(Writes::flat(128 << 20));
    Plant::new(&PlantConfig::new(guest, Link::gigabit()))
}

#[test]
fn a_guest_that_never_ends_by_itself_ends() {
    assert_eq!(saturated().run(Duration::from_secs(60)).end, End::Never);
    assert_eq!(steer(saturated(), Policy::default()).end, End::Completed);
}

#[test]
fn silence_and_refusals_delay_the_end_and_do_not_prevent_it() {
    let (from, to) = (Duration::from_secs(1), Duration::from_secs(15));
    for fault in [Fault::Deaf, Fault::Refusing] {
        let outcome = steer(saturated().between(from, to, fault), Policy::default());
        assert_eq!(outcome.end, End::Completed, "{fault:?}");
        assert!(outcome.total >= to, "{fault:?}: {outcome:?}");
    }
}

#[test]
fn a_deadline_that_aborts_aborts() {
    let deadline = Deadline {
        after: Duration::from_secs(2),
        then: Then::Abort,
    };
    let policy = Policy {
        deadline: Some(deadline),
        ..Policy::default()
    };
    assert_eq!(steer(saturated(), policy).end, End::Aborted);
}

#[test]
fn an_interrupt_aborts() {
    let orders = After {
        abort: Some(30),
        ..After::over(100_000)
    };
    let (end, plant) = run(saturated(), Policy::default(), Mode::Steer, &orders);
    assert_eq!((end, plant.outcome().end), (LoopEnd::Job, End::Aborted));
}

#[test]
fn an_observer_changes_nothing() {
    let (end, plant) = run(
        saturated(),
        Policy::default(),
        Mode::Observe,
        &After::over(600),
    );
    assert_eq!((end, plant.outcome().end), (LoopEnd::Call, End::Never));
    assert!(plant.applied().is_empty());
}
