//! The control loop that ships: wait, poll, decide, act, until the migration is over.
//!
//! ```text
//!   wait until due -> sample -> decide -> target? -> apply -> outcome
//!        ^               | error: said, and the next poll is as good
//!        +---------------+--------------------------------------------+
//! ```
//! It knows neither libvirt nor a clock: both are behind [`Job`]. What the user orders while it runs
//! (Ctrl-C) and the news that the migrate call has returned come through [`Orders`].

use std::error::Error;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::Publisher;
use libvirt_hpc_control::law::Law;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

/// How often an abort that has not ended the job is asked for again: before the job exists libvirt
/// refuses, and the user has asked for an end, not for an attempt.
const ABORT_EVERY: Duration = Duration::from_millis(200);

/// Whether targets are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Yes.
    #[default]
    Steer,
    /// Settings are left alone; what would have been set counts as set. Actions are carried out, for
    /// in this mode the policy holds no others than the user's own (`--timeout`).
    Observe,
}

/// What is ordered from outside while the loop runs.
pub trait Orders {
    /// The migrate call has returned: nothing is left to steer.
    fn over(&self) -> bool;

    /// The user wants the migration aborted. To ask may end a call that has not been made yet.
    fn abort(&self) -> bool;

    /// Where a poll has found the job.
    fn polled(&self, _state: JobState) {}
}

/// Whoever listens to the loop: to everything that goes into a decision and comes out of it, or to some of that.
pub trait Observer: Publisher {
    /// A sample of the job, before the controller sees it.
    fn sampled(&mut self, _sample: &Sample) {}

    /// A poll that failed. The next one may not.
    fn sample_failed(&mut self, _at: Timestamp, _error: &dyn Error) {}

    /// How the target of the last poll fared.
    fn outcome(&mut self, _at: Timestamp, _target: &Target, _result: Result<(), &dyn Error>) {}

    /// The abort the user ordered was asked for; from now on nothing is decided.
    fn aborting(&mut self, _at: Timestamp, _result: Result<(), &dyn Error>) {}
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The job is over, whatever its end; the migrate call will return soon.
    Job,
    /// The migrate call has returned.
    Call,
}

/// Drives one migration to its end.
///
/// No error ends it: a poll that fails is said and repeated, a target that libvirt refuses is told to the
/// controller. The guest is never worse off than without control.
pub fn drive<J: Job, L: Law>(
    job: &mut J,
    controller: &mut Controller<L>,
    observer: &mut dyn Observer,
    mode: Mode,
    orders: &dyn Orders,
) -> End {
    let mut aborted_at = None;
    loop {
        // In this order: a call that the abort has kept from being made has no job to abort.
        let aborted = orders.abort();
        if orders.over() {
            return End::Call;
        }
        if aborted {
            abort(job, observer, &mut aborted_at);
        }
        job.wait(controller.next_poll());
        let settings = mode == Mode::Steer && controller.wants_settings();
        let sample = match job.sample(settings) {
            Ok(sample) => sample,
            Err(error) => {
                observer.sample_failed(job.now(), &error);
                continue;
            }
        };
        observer.sampled(&sample);
        orders.polled(sample.state);
        if aborted_at.is_none() {
            steer(job, controller, observer, mode, &sample);
        }
        if sample.state == JobState::Ended {
            return End::Job;
        }
    }
}

/// One sample: decides, and carries out what changed.
fn steer<J: Job, L: Law>(
    job: &mut J,
    controller: &mut Controller<L>,
    observer: &mut dyn Observer,
    mode: Mode,
    sample: &Sample,
) {
    let target = controller.poll(sample, observer);
    if target == Target::NONE {
        return;
    }
    let sent = match mode {
        Mode::Steer => target,
        Mode::Observe => Target {
            action: target.action,
            ..Target::NONE
        },
    };
    let result = if sent == Target::NONE {
        Ok(())
    } else {
        job.apply(&sent)
    };
    let at = job.now();
    match &result {
        Ok(()) => observer.outcome(at, &target, Ok(())),
        Err(error) => observer.outcome(at, &target, Err(error)),
    }
    controller.outcome(at, &target, result.is_ok(), observer);
}

/// Asks for the abort, again and again but not at every poll.
fn abort<J: Job>(job: &mut J, observer: &mut dyn Observer, aborted_at: &mut Option<Timestamp>) {
    let now = job.now();
    if aborted_at.is_some_and(|at| now.since(at) < ABORT_EVERY) {
        return;
    }
    *aborted_at = Some(now);
    let target = Target {
        action: Some(Action::Abort),
        ..Target::NONE
    };
    match job.apply(&target) {
        Ok(()) => observer.aborting(now, Ok(())),
        Err(error) => observer.aborting(now, Err(&error)),
    }
}

#[cfg(test)]
mod tests;
