//! Whether a migration that was found is free to be steered.
//!
//! It is not while another program holds the domain's lease, nor if its limits move without one: somebody
//! steers it then whom the agent cannot see, from another host.

use std::path::Path;
use std::process;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::Watcher;
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_xml_schemas as xml;

use super::control::Control;
use super::hand::Hand;
use super::message::Verdict;
use super::reporter::looked;
use crate::migration::bounds::Bounds;
use crate::migration::lease::{self, Holding, Lease, Taken};
use crate::trace::ControllerName;

/// How often to look at a migration that is another's.
const LOOK: Duration = Duration::from_millis(500);

/// For how long the limits of a migration found in its midst must stand still before they are ours to set:
/// another's law changes them at every sync.
const GRACE: Duration = Duration::from_secs(3);

/// A migration no older than this, milliseconds, was found at its beginning: nobody else can have begun to
/// steer it but the command that started it, which waits for us (`session::deference`).
const BEGINNING_MS: u64 = 2_000;

/// A migration that is free.
pub(super) struct Free {
    /// None while observing, or where no lease can be had.
    pub(super) lease: Option<Lease>,
    /// What is written in the lease, had or not.
    pub(super) holding: Holding,
}

/// Waits until the migration is free, or over.
pub(super) fn wait(
    watcher: &mut Watcher,
    hand: &Hand,
    id: &DomainId,
    observe: bool,
    first: &Sample,
    policy: &xml::Policy,
) -> Result<Free, Verdict> {
    let began = began(first);
    let (lease, left) = take(watcher, hand, id, observe)?;
    let left = left.filter(|left| left.is_of(began));
    if let Some(left) = left {
        let holding = Holding {
            controller: ControllerName::LibvirtHpcd,
            pid: process::id(),
            taken_at_ns: watcher.now().as_nanos(),
            job_began_ns: Some(began.as_nanos()),
            ..*left
        };
        return Ok(Free { lease, holding });
    }
    let Some(found) = first.settings else {
        // The guest has stopped, and nobody has left word of how it was before.
        return Err(Verdict::NoMigration);
    };
    let is_early = first.elapsed_ms <= BEGINNING_MS;
    let moving = !observe && !is_early && !stand_still(watcher, hand, found)?;
    let holding = Holding {
        controller: ControllerName::LibvirtHpcd,
        pid: process::id(),
        taken_at_ns: watcher.now().as_nanos(),
        job_began_ns: Some(began.as_nanos()),
        settings_before: found.into(),
        bounds: Bounds::of_running(policy, found.speed_mib_per_s),
        released: moving.then(|| "somebody else changes its limits".to_owned()),
    };
    Ok(Free { lease, holding })
}

fn began(sample: &Sample) -> Timestamp {
    let elapsed_ns = sample.elapsed_ms.saturating_mul(1_000_000);
    Timestamp::from_nanos(sample.at.as_nanos().saturating_sub(elapsed_ns))
}

type Taking = (Option<Lease>, Option<Box<Holding>>);

/// Takes the lease, standing by for as long as another holds it. Whoever only observes neither needs it
/// nor keeps anybody from it.
fn take(
    watcher: &mut Watcher,
    hand: &Hand,
    id: &DomainId,
    observe: bool,
) -> Result<Taking, Verdict> {
    let mut said = false;
    loop {
        match lease::take(Path::new(lease::DIRECTORY), &id.uuid) {
            Ok(Taken::Ours(_, left)) if observe => return Ok((None, left)),
            Ok(Taken::Held(_)) if observe => return Ok((None, None)),
            Ok(Taken::Ours(lease, left)) => return Ok((Some(lease), left)),
            Ok(Taken::Held(by)) => {
                let holder = holder(by.as_deref());
                if !std::mem::replace(&mut said, true) {
                    log::info!("{}: {holder} steers its migration: standing by", id.name);
                }
                hand.update(|status| status.control = Control::Other(holder));
            }
            Err(error) => {
                let name = &id.name;
                log::warn!("{name}: its lease cannot be had, going on without: {error}");
                return Ok((None, None));
            }
        }
        stand_by(watcher, hand)?;
    }
}

fn holder(by: Option<&Holding>) -> String {
    by.map_or_else(
        || "another controller".to_owned(),
        |by| format!("{} (process {})", by.controller.as_str(), by.pid),
    )
}

/// One look at a migration that is another's.
fn stand_by(watcher: &mut Watcher, hand: &Hand) -> Result<Option<Sample>, Verdict> {
    watcher.wait(LOOK);
    if hand.leaves() {
        return Err(Verdict::Left);
    }
    let Ok(sample) = watcher.sample(true) else {
        return Ok(None);
    };
    hand.update(|status| looked(status, &sample));
    if sample.state == JobState::Ended {
        return Err(Verdict::Over);
    }
    Ok(Some(sample))
}

/// Whether the limits stay as `found` for the time of grace.
fn stand_still(watcher: &mut Watcher, hand: &Hand, found: Settings) -> Result<bool, Verdict> {
    let since = watcher.now();
    while watcher.now().since(since) < GRACE {
        let settings = stand_by(watcher, hand)?.and_then(|sample| sample.settings);
        if settings.is_some_and(|settings| settings != found) {
            return Ok(false);
        }
    }
    Ok(true)
}
