//! The replay itself.

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use serde::Serialize;

use super::recording;
use crate::laws::{AnyLaw, LawName};
use crate::trace::{Begin, EventRecord, ReadError, Record, TargetRecord};
use crate::version;

/// One event of the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When, nanoseconds since the first sample.
    pub after_ns: u64,
    /// R, bytes: what the last sync left, zero before the first.
    pub remaining_bytes: u64,
    /// What the controller published.
    pub event: EventRecord,
}

/// The first target that is not the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which target, from 1.
    pub number: usize,
    /// When and what the replay targets; none if it has no more.
    pub replayed: Option<(u64, TargetRecord)>,
    /// When and what is recorded; none if there is no more.
    pub recorded: Option<(u64, TargetRecord)>,
}

/// How replay and record compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Target for target.
    Same,
    /// Up to this.
    Differs(Difference),
}

/// A replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The header of the trace.
    pub begin: Begin,
    /// The law that decided now.
    pub law: LawName,
    /// What it made of it, in order.
    pub steps: Vec<Step>,
    /// How that compares with the record.
    pub verdict: Verdict,
    /// Whether the trace tells how the migration ended.
    pub is_whole: bool,
}

impl Replay {
    /// Whether the same is expected: the same law, of the same version.
    #[must_use]
    pub fn comparable(&self) -> bool {
        self.law == self.begin.law && self.begin.versions.libvirt_hpc == version::OURS
    }
}

/// Replays `records` by `law`, or by the law that was recorded.
///
/// The recorded law meets the recorded outcomes and read-backs. Another law takes other targets, to which
/// the record holds no answer: each of them is taken to have been obeyed, and read-backs of settings,
/// which show somebody else's, are left out.
///
/// # Errors
/// When the trace cannot be read.
pub fn replay(
    mut records: impl Iterator<Item = Result<(u64, Record), ReadError>>,
    law: Option<LawName>,
) -> Result<Replay, ReadError> {
    let begin = recording::begin(&mut records)?;
    let law = law.unwrap_or(begin.law);
    let mut run = Run::new(&begin, law);
    for record in records {
        run.take(&record?.1);
    }
    Ok(Replay {
        is_whole: run.ended,
        verdict: compare(&run.log.steps, &run.recorded),
        steps: run.log.steps,
        begin,
        law,
    })
}

struct Run {
    controller: Controller<AnyLaw>,
    log: Log,
    recorded: Vec<(u64, TargetRecord)>,
    same_law: bool,
    aborted: bool,
    ended: bool,
}

impl Run {
    fn new(begin: &Begin, law: LawName) -> Self {
        let policy = Policy::from(&begin.policy);
        Self {
            controller: Controller::new(law.build(begin.slowdown_ppm), policy)
                .knowing(begin.prior()),
            log: Log::default(),
            recorded: Vec::new(),
            same_law: law == begin.law,
            aborted: false,
            ended: false,
        }
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::Sample(sample) if !self.aborted => self.sample(sample.into()),
            Record::Sample(sample) => self.log.start(sample.at_ns),
            Record::Outcome {
                at_ns,
                target,
                error,
            } if self.same_law => {
                let at = Timestamp::from_nanos(*at_ns);
                let done = error.is_none();
                self.controller
                    .outcome(at, &target.into(), done, &mut self.log);
            }
            Record::Event {
                at_ns,
                event: EventRecord::Targeted { target, .. },
            } => self.recorded.push((self.log.after(*at_ns), *target)),
            Record::Abort { .. } => self.aborted = true,
            Record::End(_) => self.ended = true,
            _ => {}
        }
    }

    fn sample(&mut self, mut sample: Sample) {
        self.log.start(sample.at.as_nanos());
        if !self.same_law {
            sample.settings = None;
        }
        let target = self.controller.poll(&sample, &mut self.log);
        if !self.same_law && target != Target::NONE {
            self.controller
                .outcome(sample.at, &target, true, &mut self.log);
        }
    }
}

/// Listens to the controller.
#[derive(Default)]
struct Log {
    start_ns: Option<u64>,
    remaining_bytes: u64,
    steps: Vec<Step>,
}

impl Log {
    fn start(&mut self, at_ns: u64) {
        self.start_ns.get_or_insert(at_ns);
    }

    fn after(&self, at_ns: u64) -> u64 {
        at_ns.saturating_sub(self.start_ns.unwrap_or(at_ns))
    }
}

impl Publisher for Log {
    fn publish(&mut self, at: Timestamp, event: Event) {
        if let Event::Round(round) = &event {
            self.remaining_bytes = round.remaining_bytes;
        }
        self.steps.push(Step {
            after_ns: self.after(at.as_nanos()),
            remaining_bytes: self.remaining_bytes,
            event: event.into(),
        });
    }
}

fn compare(steps: &[Step], recorded: &[(u64, TargetRecord)]) -> Verdict {
    let replayed: Vec<(u64, TargetRecord)> = steps
        .iter()
        .filter_map(|step| match step.event {
            EventRecord::Targeted { target, .. } => Some((step.after_ns, target)),
            _ => None,
        })
        .collect();
    let longest = replayed.len().max(recorded.len());
    let first = (0..longest).find(|&i| replayed.get(i) != recorded.get(i));
    first.map_or(Verdict::Same, |i| {
        Verdict::Differs(Difference {
            number: i + 1,
            replayed: replayed.get(i).copied(),
            recorded: recorded.get(i).copied(),
        })
    })
}
