//! A migration that somebody else began, on a thread and a connection of its own.
//!
//! ```text
//!   find the domain -> is it ours? -> is there a migration? -> is it free? -> steer -> put back
//!                       | no           | no                     | no: stand by until it is, or over
//!                       +--------------+--> ended
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::{Connection, Domain, Error, Watcher};
use libvirt_hpc_xml_schemas as xml;

use super::config::Config;
use super::free::{self, Found};
use super::hand::Hand;
use super::message::Verdict;
use super::reporter::looked;
use super::{claim, steer, watch};
use crate::clock;
use crate::migration::guest::Guest;
use crate::migration::lease;
use crate::trace::Versions;

/// How often to look before memory flows.
const LOOK: Duration = Duration::from_millis(50);

/// How often while storage is copied, and from which time of the job that is supposed.
const LOOK_STORAGE: Duration = Duration::from_secs(1);
const STORAGE_MS: u64 = 5_000;

/// How often in a row a job is looked for that an event or a poll has told of: for two seconds.
const TRIES: u32 = 40;

/// For how many looks the event of a first round is waited for that a look has found before it.
const EVENT_LOOKS: u32 = 4;

/// What a thread is sent to do.
#[derive(Clone)]
pub(super) struct Assignment {
    /// The domain.
    pub(super) id: DomainId,
    /// The configuration as it is now; a later one is for later migrations.
    pub(super) config: Arc<Config>,
    /// A user has adopted the domain.
    pub(super) adopted: bool,
    /// The event of the first bitmap sync has just come.
    pub(super) early: bool,
    /// Who takes part, as far as is known: libvirt may have to start a QEMU to tell.
    pub(super) versions: Versions,
}

/// Sends a thread; `done` is told the end.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start(
    assignment: Assignment,
    hand: Arc<Hand>,
    done: impl FnOnce(Verdict) + Send + 'static,
) -> std::io::Result<()> {
    thread::Builder::new()
        .name("migration".to_owned())
        .spawn(move || {
            // A panic has been reported; a domain in no thread's hands must not stay in the agent's.
            let run = AssertUnwindSafe(|| run(&assignment, &hand));
            done(match catch_unwind(run) {
                Ok(Ok(ended)) => ended,
                // It has gone meanwhile.
                Ok(Err(error)) if error.is_no_domain() => Verdict::NoMigration,
                Ok(Err(error)) => Verdict::Failed(error),
                Err(_) => Verdict::Died,
            });
        })
        .map(drop)
}

fn run(assignment: &Assignment, hand: &Arc<Hand>) -> Result<Verdict, Error> {
    let Assignment {
        id,
        config,
        adopted,
        versions,
        ..
    } = assignment;
    let connection = Connection::open(Some(&config.uri), watch::OPTIONS)?;
    let domain = Domain::lookup_by_uuid(&connection, &id.uuid)?;
    let Some(claim) = claim::of(&domain, config, *adopted)? else {
        return Ok(Verdict::Unmarked);
    };
    let mut watcher = Watcher::new(&domain)?;
    hand.attach(watcher.waker());
    let (policy, leases) = (&claim.policy, Path::new(lease::DIRECTORY));
    let is_outgoing = |watcher: &Watcher| watcher.stats().is_outgoing_migration();
    let free =
        wait_for_memory(&mut watcher, is_outgoing, hand, assignment, policy).and_then(|first| {
            let job = lease::Job {
                domain_id: domain.id(),
                wall_ms: lease::wall_ms(clock::wall()),
                elapsed_ms: watcher.stats().time_elapsed_ms.unwrap_or(0),
            };
            let found = Found { first, job };
            let guest = |watcher: &mut Watcher| guest(watcher, policy);
            free::wait(
                &mut watcher,
                hand,
                assignment,
                &found,
                policy,
                guest,
                leases,
            )
        });
    let free = match free {
        Ok(free) => free,
        Err(verdict) => return Ok(verdict),
    };
    Ok(steer::run(
        id,
        config,
        watcher,
        free,
        claim.marked_by,
        versions.clone(),
        hand,
    ))
}

/// What the domain says of itself, where the policy has a word on what that bears on.
fn guest(watcher: &mut Watcher, policy: &xml::Policy) -> Guest {
    let bounds_pause = policy.downtime_max_ms.is_some();
    let bounds_speed = policy.bandwidth_max_mib_per_s.is_some();
    if !bounds_pause && !bounds_speed && policy.postcopy_allowed != Some(true) {
        return Guest::default();
    }
    let asked = watcher.call("virDomainGetXMLDesc", Guest::of);
    asked.unwrap_or(Guest::UNKNOWN)
}

/// The first look at a migration whose memory flows.
pub(super) struct First {
    /// What libvirt holds then is what was there before us, unless a predecessor has left word.
    pub(super) sample: Sample,
    /// It was found at its beginning: nobody else can have begun to steer it but the command that started
    /// it, which waits for us (`session::attempt::who_controls`).
    pub(super) early: bool,
}

/// Waits until memory flows; an end before that ends it all.
fn wait_for_memory<J: Job>(
    job: &mut J,
    is_outgoing: impl Fn(&J) -> bool,
    hand: &Hand,
    assignment: &Assignment,
    policy: &xml::Policy,
) -> Result<First, Verdict> {
    let (mut idle, mut early, mut settings) = (0, assignment.early, true);
    let mut event_looks = EVENT_LOOKS;
    while idle < TRIES {
        if hand.leaves() {
            return Err(Verdict::Left);
        }
        idle += 1;
        let mut wait = LOOK;
        let looked_at = job.sample(settings);
        // The event may come while the thread, sent by a look, is on its way to the migration.
        early |= hand.take_first_iteration();
        match looked_at {
            Ok(sample) => {
                hand.update(|status| looked(status, &sample));
                match sample.state {
                    JobState::Setup if is_outgoing(job) => {
                        // Its settings are read when they are the job's.
                        (idle, early, settings, wait) = (0, true, false, pace(&sample));
                        abort_in_time(job, assignment, policy, &sample);
                    }
                    JobState::Precopy if sample.settings.is_none() => {
                        (settings, wait) = (true, Duration::ZERO);
                    }
                    JobState::Precopy if sample.iteration <= 1 && !early && event_looks > 0 => {
                        event_looks -= 1;
                    }
                    JobState::Precopy | JobState::Switchover | JobState::Postcopy => {
                        return Ok(First { sample, early });
                    }
                    JobState::Setup => {}
                    JobState::Ended => return Err(Verdict::NoMigration),
                }
            }
            Err(error) => log::debug!("looking for a migration: {error}"),
        }
        job.wait(wait);
    }
    Err(Verdict::NoMigration)
}

/// How long to wait for memory before the next look: storage may take hours, and an event tells its end.
fn pace(sample: &Sample) -> Duration {
    if sample.elapsed_ms < STORAGE_MS {
        LOOK
    } else {
        LOOK_STORAGE
    }
}

/// Gives up at the deadline, if the policy says so, however long storage still takes.
fn abort_in_time(
    job: &mut impl Job,
    assignment: &Assignment,
    policy: &xml::Policy,
    sample: &Sample,
) {
    let wanted = policy.deadline.filter(|d| d.then == xml::Then::Abort);
    let due = wanted.is_some_and(|d| sample.elapsed_ms >= u64::from(d.seconds) * 1000);
    if !due || assignment.config.observe {
        return;
    }
    let target = Target {
        action: Some(Action::Abort),
        ..Target::NONE
    };
    let name = &assignment.id.name;
    match job.apply(&target) {
        Ok(()) => log::warn!(
            "{name}: its deadline has come before its memory flows: aborted, as its policy says"
        ),
        Err(error) => log::warn!("{name}: cannot be aborted at its deadline, trying on: {error}"),
    }
}

#[cfg(test)]
mod tests;
