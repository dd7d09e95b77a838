//! Waits until a migration's memory flows: before that there is nothing to steer.

use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_xml_schemas as xml;

use super::assignment::{Assignment, Verdict};
use super::handle::MigrationHandle;
use super::reporter::update_status;

/// How often to poll before memory flows.
const POLL: Duration = Duration::from_millis(50);

/// How often while storage is copied, and from which time of the job that is supposed.
const POLL_STORAGE: Duration = Duration::from_secs(1);
const STORAGE_MS: u64 = 5_000;

/// How often in a row a job is polled that an event or the watch has told of: for two seconds.
const TRIES: u32 = 40;

/// For how many polls the event of a first round is waited for, where the watch has found the round before it.
const EVENT_POLLS: u32 = 4;

/// The first sample of a migration whose memory flows.
pub(super) struct FirstSample {
    /// Its settings are those from before this controller, unless a predecessor has left a lease record.
    pub(super) sample: Sample,
    /// It was found at its beginning: nobody else can have begun to steer it but the command that started
    /// it, which waits for the agent (`session::attempt::who_controls`).
    pub(super) early: bool,
}

/// Waits until memory flows; an end before that ends it all.
pub(super) fn wait<J: Job>(
    job: &mut J,
    is_outgoing: impl Fn(&J) -> bool,
    handle: &MigrationHandle,
    assignment: &Assignment,
    policy: &xml::Policy,
) -> Result<FirstSample, Verdict> {
    let (mut idle, mut early, mut settings) = (0, assignment.early, true);
    let (mut event_polls, mut deadline) = (EVENT_POLLS, DeadlineAbort::default());
    while idle < TRIES {
        if handle.leaves() {
            return Err(Verdict::Left);
        }
        idle += 1;
        let mut wait = POLL;
        let polled = job.sample(settings);
        // The event may come while the thread, sent by the watch, is on its way to the migration.
        early |= handle.take_first_iteration();
        match polled {
            Ok(sample) => {
                handle.update(|status| update_status(status, &sample));
                match sample.state {
                    JobState::Setup if is_outgoing(job) => {
                        // Its settings are read when they are the job's.
                        (idle, early, settings, wait) = (0, true, false, pace(&sample));
                        deadline.ask(job, assignment, policy, &sample);
                    }
                    JobState::Precopy if sample.settings.is_none() => {
                        (settings, wait) = (true, Duration::ZERO);
                    }
                    JobState::Precopy if sample.iteration <= 1 && !early && event_polls > 0 => {
                        event_polls -= 1;
                    }
                    JobState::Precopy | JobState::Switchover | JobState::Postcopy => {
                        return Ok(FirstSample { sample, early });
                    }
                    JobState::Setup => {}
                    JobState::Ended => return Err(Verdict::NoMigration),
                }
            }
            Err(error) => log::debug!("waiting for a migration: {error}"),
        }
        job.wait(wait);
    }
    Err(Verdict::NoMigration)
}

/// How long to wait for memory before the next poll: storage may take hours, and an event tells its end.
fn pace(sample: &Sample) -> Duration {
    if sample.elapsed_ms < STORAGE_MS {
        POLL
    } else {
        POLL_STORAGE
    }
}

/// Gives up at the deadline, if the policy says so, however long storage still takes: asks until libvirt takes the order,
/// which QEMU may be slow to carry out, and says either once.
#[derive(Default)]
struct DeadlineAbort {
    is_ordered: bool,
    was_refused: bool,
}

impl DeadlineAbort {
    fn ask(
        &mut self,
        job: &mut impl Job,
        assignment: &Assignment,
        policy: &xml::Policy,
        sample: &Sample,
    ) {
        let wanted = policy.deadline.filter(|d| d.then == xml::Then::Abort);
        let due = wanted.is_some_and(|d| sample.elapsed_ms >= u64::from(d.seconds) * 1000);
        if !due || assignment.config.observe || self.is_ordered {
            return;
        }
        let target = Target {
            action: Some(Action::Abort),
            ..Target::NONE
        };
        let name = &assignment.id.name;
        match job.apply(&target) {
            Ok(()) => {
                self.is_ordered = true;
                log::warn!(
                    "{name}: its deadline has come before its memory flows: aborted, as its policy says"
                );
            }
            Err(error) if !std::mem::replace(&mut self.was_refused, true) => {
                log::warn!("{name}: cannot be aborted at its deadline, trying again: {error}");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
