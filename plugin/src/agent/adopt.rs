//! A migration that somebody else began, on a thread and a connection of its own.
//!
//! ```text
//!   find the domain -> is it ours? -> is there a migration? -> is it free? -> steer -> put back
//!                       | no           | no                     | no: stand by until it is, or over
//!                       +--------------+--> ended
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::{Connection, Domain, Error, Watcher};

use super::config::Config;
use super::hand::Hand;
use super::message::Verdict;
use super::reporter::looked;
use super::{claim, free, steer, watch};
use crate::trace::Versions;

/// How often to look before memory flows.
const LOOK: Duration = Duration::from_millis(50);

/// How often in a row a job is looked for that an event or a poll has told of: for two seconds.
const TRIES: u32 = 40;

/// What a thread is sent to do.
#[derive(Clone)]
pub(super) struct Assignment {
    /// The domain.
    pub(super) id: DomainId,
    /// The configuration as it is now; a later one is for later migrations.
    pub(super) config: Arc<Config>,
    /// A user has adopted the domain.
    pub(super) adopted: bool,
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
                Ok(ended) => ended.unwrap_or_else(Verdict::Failed),
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
    } = assignment;
    let connection = Connection::open(Some(&config.uri), watch::OPTIONS)?;
    let domain = Domain::lookup_by_uuid(&connection, &id.uuid)?;
    let Some(claim) = claim::of(&domain, config, *adopted)? else {
        return Ok(Verdict::Unmarked);
    };
    let mut watcher = Watcher::new(&domain)?;
    hand.attach(watcher.waker());
    let first = match wait_for_memory(&mut watcher, hand) {
        Ok(first) => first,
        Err(verdict) => return Ok(verdict),
    };
    let free = match free::wait(
        &mut watcher,
        hand,
        id,
        config.observe,
        &first,
        &claim.policy,
    ) {
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

/// Waits until memory flows; an end before that ends it all. What libvirt holds then is what was there
/// before us, unless a predecessor has left word.
fn wait_for_memory(watcher: &mut Watcher, hand: &Hand) -> Result<Sample, Verdict> {
    let mut idle = 0;
    while idle < TRIES {
        if hand.leaves() {
            return Err(Verdict::Left);
        }
        idle += 1;
        match watcher.sample(true) {
            Ok(sample) => {
                hand.update(|status| looked(status, &sample));
                match sample.state {
                    JobState::Setup if watcher.stats().is_outgoing_migration() => idle = 0,
                    JobState::Precopy if sample.settings.is_some() => return Ok(sample),
                    JobState::Setup | JobState::Precopy => {}
                    JobState::Switchover | JobState::Postcopy => return Ok(sample),
                    JobState::Ended => return Err(Verdict::NoMigration),
                }
            }
            Err(error) => log::debug!("looking for a migration: {error}"),
        }
        watcher.wait(LOOK);
    }
    Err(Verdict::NoMigration)
}
