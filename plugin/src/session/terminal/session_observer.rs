//! Whoever listens to the loop in a session: the recorder, and the progress.

use std::error::Error;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::progress::Progress;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;

use super::bar::Picture;
use super::console::Console;
use super::progress::Percent;
use crate::backlog::Backlog;
use crate::drive::Observer;
use crate::migration::recorder::{Messages, Recorder};
use crate::migration::tally::Tally;
use crate::notify::{Herald, PROGRAM_PATIENCE};
use crate::trace::Trace;

/// How often virsh prints its progress (`virshWatchJob`, `tools/virsh-domain.c`).
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

impl Messages for Console<Backlog> {
    fn warn(&mut self, text: &str) {
        Self::warn(self, text);
    }

    fn how_to_abort(&self) -> &'static str {
        "an interrupt (Ctrl-C) aborts the migration"
    }

    fn how_to_end_sooner(&self) -> &'static str {
        "To end it sooner allow a longer pause (--hpc-max-downtime), set a deadline (--hpc-deadline), or \
         interrupt"
    }
}

/// Listens.
pub struct SessionObserver {
    recorder: Recorder<Console<Backlog>>,
    percent: Option<Percent>,
    /// None where nothing is drawn.
    progress: Option<Progress>,
    printed_at: Option<Timestamp>,
    problems: Option<Receiver<String>>,
}

impl SessionObserver {
    /// Says what it hears on `console`; `percent` if progress is wanted.
    #[must_use]
    pub fn new(
        console: Console<Backlog>,
        percent: Option<Percent>,
        trace: Option<Trace>,
        tally: Tally,
    ) -> Self {
        Self {
            recorder: Recorder::new(console, trace, tally),
            percent,
            progress: None,
            printed_at: None,
            problems: None,
        }
    }

    /// The same, with the progress drawn, if it is wanted and the terminal can.
    #[must_use]
    pub fn drawing(mut self, progress: Progress) -> Self {
        let draws = self.percent.is_some() && self.console().draws();
        self.progress = draws.then_some(progress);
        self
    }

    /// Where to say more.
    pub fn console(&mut self) -> &mut Console<Backlog> {
        self.recorder.messages()
    }

    /// What it tells first.
    pub fn recorder(&mut self) -> &mut Recorder<Console<Backlog>> {
        &mut self.recorder
    }

    /// Others are told of this migration; what goes wrong with that comes by `problems`.
    pub fn tell_others(&mut self, herald: Herald, problems: Receiver<String>) {
        self.recorder.tell_others(herald);
        self.problems = Some(problems);
    }

    /// Waits until others have been told, for as long as one program may take, and says what went wrong with it. An
    /// interrupt does not end this: others are told of an abort, too.
    pub fn settle_others(&mut self) {
        self.recorder.settle_others(PROGRAM_PATIENCE);
        let Some(problems) = self.problems.take() else {
            return;
        };
        for problem in problems.try_iter() {
            self.console().warn(&problem);
        }
    }

    /// Prints the progress of a migration that has succeeded.
    pub fn finish_progress(&mut self) {
        if let Some(percent) = self.percent {
            self.console().progress(&percent.done());
            self.console().leave_progress();
        }
    }

    fn print_progress(&mut self, sample: &Sample) {
        let outlook = self.recorder.outlook();
        let cause = outlook.cause.filter(|_| self.recorder.steers());
        // Each sample counts for the estimates, shown or not; virsh's line is of those that are shown.
        let shown = self
            .progress
            .as_mut()
            .map(|progress| progress.poll(sample, cause));
        let is_early = self
            .printed_at
            .is_some_and(|at| sample.at.since(at) < PROGRESS_EVERY);
        let Some(percent) = self.percent.as_mut().filter(|_| !is_early) else {
            return;
        };
        let (line, has_storage) = (percent.line(sample), percent.has_storage());
        match (shown, line) {
            (Some(shown), _) => {
                let picture = Picture::new(sample, &shown, cause, has_storage);
                self.console().draw(&picture);
            }
            (None, Some(line)) => self.console().progress(&line),
            (None, None) => return,
        }
        self.printed_at = Some(sample.at);
    }
}

impl Publisher for SessionObserver {
    fn publish(&mut self, at: Timestamp, event: Event) {
        self.recorder.publish(at, event);
    }
}

impl Observer for SessionObserver {
    fn sampled(&mut self, sample: &Sample) {
        self.recorder.sampled(sample);
        self.print_progress(sample);
    }

    fn sample_failed(&mut self, at: Timestamp, error: &dyn Error) {
        self.recorder.sample_failed(at, error);
    }

    fn outcome(&mut self, at: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        self.recorder.outcome(at, target, result);
    }

    fn aborting(&mut self, at: Timestamp, result: Result<(), &dyn Error>) {
        self.recorder.aborting(at, result);
    }
}
