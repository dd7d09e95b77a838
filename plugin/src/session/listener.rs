//! Whoever listens to the loop in a session: the trace, the progress line, the tally, the user.

use std::error::Error;
use std::fs::File;
use std::time::Duration;

use libvirt_hpc_control::event::{Cause, Event, Publisher, Release};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

use super::console::Console;
use super::progress::{self, Percent};
use super::tally::{self, Tally};
use crate::drive::Observer;
use crate::text;
use crate::trace::{Record, Writer};

/// How often virsh prints its progress (`virshWatchJob`, `tools/virsh-domain.c`).
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// How long nothing may be sent before the user is told. The keepalive takes half a minute to give a
/// dead peer up; a sync of a large guest takes seconds.
const STALL: Duration = Duration::from_secs(10);

/// Looks in a row that may fail before the user is told: 100 ms each, or a call's deadline.
const SILENT_LOOKS: u32 = 3;

/// Listens.
pub struct Listener {
    console: Console,
    percent: Option<Percent>,
    trace: Option<Writer<File>>,
    tally: Tally,
    last: Sample,
    /// The first look at what was sent last, until the user has been told that it is the last.
    moved_at: Option<Timestamp>,
    printed_at: Option<Timestamp>,
    bytes_per_s: u64,
    pause_ms: Option<u64>,
    cause: Option<Cause>,
    failed_looks: u32,
    warned_refusal: bool,
    warned_unreachable: bool,
    warned_abort: bool,
}

impl Listener {
    /// Says what it hears on `console`; `percent` if progress is wanted.
    #[must_use]
    pub fn new(
        console: Console,
        percent: Option<Percent>,
        trace: Option<Writer<File>>,
        tally: Tally,
    ) -> Self {
        Self {
            console,
            percent,
            trace,
            tally,
            last: Sample::default(),
            moved_at: None,
            printed_at: None,
            bytes_per_s: 0,
            pause_ms: None,
            cause: None,
            failed_looks: 0,
            warned_refusal: false,
            warned_unreachable: false,
            warned_abort: false,
        }
    }

    /// Where to say more.
    pub fn console(&mut self) -> &mut Console {
        &mut self.console
    }

    /// What was counted.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Where the job stood at the last look.
    #[must_use]
    pub fn state(&self) -> JobState {
        self.last.state
    }

    /// Writes to the trace, if there is one. A trace that cannot be written is given up, once and aloud.
    pub fn record(&mut self, record: &Record) {
        let Some(trace) = &mut self.trace else { return };
        if let Err(error) = trace.write(record) {
            self.trace = None;
            self.console.warn(&format!(
                "the trace ends here, the migration goes on: {error}"
            ));
        }
    }

    /// Prints the progress of a migration that has succeeded.
    pub fn finish_progress(&mut self) {
        if let Some(percent) = self.percent {
            self.console.progress(&percent.done(), "");
            self.console.leave_progress();
        }
    }

    fn print_progress(&mut self, sample: &Sample) {
        let Some(percent) = &mut self.percent else {
            return;
        };
        if self
            .printed_at
            .is_some_and(|at| sample.at.since(at) < PROGRESS_EVERY)
        {
            return;
        }
        if let Some(line) = percent.line(sample) {
            let bytes_per_s = match self.bytes_per_s {
                0 => sample.window_bytes_per_s,
                measured => measured,
            };
            let more = progress::details(sample, bytes_per_s, self.pause_ms, self.cause);
            self.console.progress(&line, &more);
            self.printed_at = Some(sample.at);
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Round(round) => {
                self.bytes_per_s = match round.bytes_per_s() {
                    0 => self.last.window_bytes_per_s,
                    measured => measured,
                };
                self.pause_ms = tally::pause_ms(round.remaining_bytes, self.bytes_per_s);
                self.tally
                    .synced(round, self.last.elapsed_ms, self.bytes_per_s);
            }
            Event::Decided { cause, .. } | Event::Targeted { cause, .. } => {
                self.cause = Some(*cause);
            }
            Event::Unreachable { pause, ceiling } => self.unreachable(*pause, *ceiling),
            Event::Released(Release::ByHand {
                downtime_ms,
                speed_mib_per_s,
            }) => {
                self.console.warn(&format!(
                    "downtime or speed was changed by hand (now {downtime_ms} ms, {speed_mib_per_s} \
                     MiB/s): those values count, and control of this migration ends here"
                ));
            }
            Event::Released(Release::Acted(Action::StartPostcopy)) => {
                self.tally.stopped_otherwise()
            }
            Event::Begun | Event::Refused(_) | Event::Released(_) => {}
        }
    }

    fn watch_stall(&mut self, sample: &Sample) {
        if sample.state != JobState::Precopy || sample.processed_bytes != self.last.processed_bytes
        {
            self.moved_at = Some(sample.at);
        } else if self.moved_at.is_some_and(|at| sample.at.since(at) >= STALL) {
            self.moved_at = None;
            self.console.warn(&format!(
                "nothing has been sent for {}: is the destination still there? The guest is still here; \
                 an interrupt (Ctrl-C) aborts the migration",
                text::span(STALL)
            ));
        }
    }

    fn unreachable(&mut self, pause: Duration, ceiling: Duration) {
        if std::mem::replace(&mut self.warned_unreachable, true) {
            return;
        }
        let (pause, ceiling) = (text::span(pause), text::span(ceiling));
        self.console.warn(&format!(
            "what the guest's memory leaves would pause it {pause}, the policy allows {ceiling}: the \
             copy goes on until the guest is quieter. To end it sooner allow a longer pause \
             (--hpc-max-downtime), set a deadline (--hpc-deadline), or interrupt"
        ));
    }
}

impl Publisher for Listener {
    fn publish(&mut self, at: Timestamp, event: Event) {
        self.hear(&event);
        self.record(&Record::Event {
            at_ns: at.as_nanos(),
            event: event.into(),
        });
    }
}

impl Observer for Listener {
    fn sampled(&mut self, sample: &Sample) {
        self.failed_looks = 0;
        self.watch_stall(sample);
        self.last = *sample;
        self.tally.sampled(sample);
        if sample.state == JobState::Postcopy {
            self.tally.stopped_otherwise();
        }
        self.record(&Record::Sample(sample.into()));
        self.print_progress(sample);
    }

    fn sample_failed(&mut self, at: Timestamp, error: &dyn Error) {
        self.failed_looks += 1;
        if self.failed_looks == SILENT_LOOKS {
            self.console
                .warn(&format!("cannot look at the migration for now: {error}"));
        }
        self.record(&Record::SampleFailed {
            at_ns: at.as_nanos(),
            error: error.to_string(),
        });
    }

    fn outcome(&mut self, at: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        if result.is_ok() && target.action == Some(Action::Suspend) {
            self.tally.stopped_otherwise();
        }
        if let Err(error) = result
            && !std::mem::replace(&mut self.warned_refusal, true)
        {
            self.console.warn(&format!(
                "libvirt did not do as told, trying again: {error}"
            ));
        }
        let error = result.err().map(ToString::to_string);
        self.record(&Record::Outcome {
            at_ns: at.as_nanos(),
            target: target.into(),
            error,
        });
    }

    fn aborting(&mut self, at: Timestamp, result: Result<(), &dyn Error>) {
        let too_late = matches!(self.last.state, JobState::Switchover | JobState::Postcopy);
        if let Err(error) = result
            && too_late
            && !std::mem::replace(&mut self.warned_abort, true)
        {
            self.console.warn(&format!(
                "the guest is already going over and may not be called back ({error}): waiting for \
                 the end"
            ));
        }
        let error = result.err().map(ToString::to_string);
        self.record(&Record::Abort {
            at_ns: at.as_nanos(),
            error,
        });
    }
}
