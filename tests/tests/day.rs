//! A day of pre-copy, in virtual time, of a guest whose policy never allows the pause that it needs. Controller, recorder
//! and trace need no more memory at its end than after its first hour, and the trace keeps to its size.

use std::cell::RefCell;
use std::error::Error;
use std::io::{self, Write};
use std::rc::Rc;

use allocation_counter::measure;
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, drive};
use libvirt_hpc_plugin::laws::LawName;
use libvirt_hpc_plugin::migration::recorder::{Messages, Recorder};
use libvirt_hpc_plugin::migration::tally::Tally;
use libvirt_hpc_plugin::trace::{Record, Writer};
use libvirt_hpc_tests::patience::Patience;
use libvirt_hpc_tests::plant::{Guest, Link, Plant, PlantConfig, Writer as Writes};

/// Of 100 ms.
const POLLS_A_DAY: u32 = 10 * 60 * 60 * 24;

/// The longest trace (`plugin/src/trace/write.rs`).
const MOST_BYTES: u64 = 256 << 20;

/// A disk that counts.
#[derive(Clone, Default)]
struct Disk(Rc<RefCell<u64>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.borrow_mut() += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what is said.
#[derive(Default)]
struct Said(usize);

impl Messages for Said {
    fn warn(&mut self, _: &str) {
        self.0 += 1;
    }

    fn how_to_abort(&self) -> &'static str {
        ""
    }

    fn how_to_end_sooner(&self) -> &'static str {
        ""
    }
}

/// The recorder and the trace of a migration, and how many bytes they have kept of all that they were told. The plant
/// remembers its day, and is not counted.
struct Measured {
    recorder: Recorder<Said>,
    trace: Writer<Disk>,
    kept_bytes: i64,
    allocated: u64,
    refused: u32,
}

impl Measured {
    fn of(&mut self, hear: impl FnOnce(&mut Recorder<Said>), record: impl FnOnce() -> Record) {
        let (recorder, trace, refused) = (&mut self.recorder, &mut self.trace, &mut self.refused);
        let allocated = measure(|| {
            hear(recorder);
            *refused += u32::from(trace.write(&record()).is_err());
        });
        self.kept_bytes += allocated.bytes_current;
        self.allocated += allocated.count_total;
    }
}

impl Publisher for Measured {
    fn publish(&mut self, at: Timestamp, event: Event) {
        let record = || Record::Event {
            at_ns: at.as_nanos(),
            event: event.into(),
        };
        self.of(|recorder| recorder.publish(at, event), record);
    }
}

impl Observer for Measured {
    fn sampled(&mut self, sample: &Sample) {
        let record = || Record::Sample(sample.into());
        self.of(|recorder| recorder.sampled(sample), record);
    }

    fn sample_failed(&mut self, _: Timestamp, error: &dyn Error) {
        panic!("the plant answers: {error}");
    }

    fn outcome(&mut self, at: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        let error = result.as_ref().err().map(ToString::to_string);
        let record = || Record::Outcome {
            at_ns: at.as_nanos(),
            target: target.into(),
            error,
        };
        self.of(|recorder| recorder.outcome(at, target, result), record);
    }

    fn aborting(&mut self, _: Timestamp, _: Result<(), &dyn Error>) {
        panic!("nobody aborts");
    }
}

#[test]
fn a_day_of_precopy_keeps_no_more_memory_than_its_first_hour_and_its_trace_ends() {
    let guest = Guest::new(512 << 20)
        .non_zero(400 << 20)
        .with(Writes::flat(128 << 20));
    let mut plant = Plant::new(&PlantConfig::new(guest, Link::gigabit().jitter(5)));
    let policy = Policy {
        downtime_max_ms: Some(100),
        ..Policy::default()
    };
    let mut controller = Controller::new(LawName::Adaptive.build(100_000), policy);
    let disk = Disk::default();
    let mut measured = Measured {
        recorder: Recorder::new(Said::default(), None, Tally::new(None)),
        trace: Writer::new(disk.clone()),
        kept_bytes: 0,
        allocated: 0,
        refused: 0,
    };
    let mut polls = |polls: u32| {
        let orders = Patience::of(polls);
        drive(
            &mut plant,
            &mut controller,
            &mut measured,
            Mode::Steer,
            &orders,
        );
        (measured.kept_bytes, measured.allocated)
    };
    let (hour, _) = polls(POLLS_A_DAY / 24);
    let (day, allocated) = polls(POLLS_A_DAY / 24 * 23);
    assert_eq!(day, hour, "bytes kept, of {allocated} allocations");
    assert!(allocated > u64::from(POLLS_A_DAY), "allocations are seen");
    let written = *disk.0.borrow();
    assert!(
        (MOST_BYTES * 9 / 10..=MOST_BYTES).contains(&written),
        "{written}"
    );
    assert_eq!(measured.refused, 1, "it is said once that the trace ends");
    let said = measured.recorder.messages().0;
    assert!((1..10).contains(&said), "{said} messages in a day");
}
