//! Whether a migration that was found is free to be steered.
//!
//! It is not while another program holds the domain's lease. Nor if it was found in its midst, without word
//! from a predecessor, and somebody moves its limits: whom the agent cannot see, from another host. A downtime limit that
//! has been set and stands is the user's order, wherever it is found.

use std::path::Path;
use std::process;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_xml_schemas as xml;

use super::adopt::{Assignment, First};
use super::control::Control;
use super::hand::Hand;
use super::message::Verdict;
use super::reporter::looked;
use crate::migration::bounds::{Bounds, ordered_limit_ms};
use crate::migration::guest::Guest;
use crate::migration::lease::{self, Holding, Lease, Taken};
use crate::migration::settings::Set;
use crate::trace::ControllerName;

/// How often to look at a migration that is another's.
const LOOK: Duration = Duration::from_millis(500);

/// For how long the limits of a migration found in its midst must stand still before they are ours to set.
const GRACE: Duration = Duration::from_secs(3);

/// For how long at most a limit that has been set already is watched over the next sync, which is when a controller on
/// another host would move it.
const GRACE_SET: Duration = Duration::from_secs(60);

/// A migration that was found.
pub(super) struct Found {
    /// The first look.
    pub(super) first: First,
    /// Which job it is.
    pub(super) job: lease::Job,
}

/// A migration that is free.
pub(super) struct Free {
    /// None while observing, or where no lease can be had.
    pub(super) lease: Option<Lease>,
    /// What is written in the lease, had or not.
    pub(super) holding: Holding,
}

/// Waits until the migration is free, or over; `guest` asks what the domain says of itself.
pub(super) fn wait<J: Job>(
    job: &mut J,
    hand: &Hand,
    assignment: &Assignment,
    found: &Found,
    policy: &xml::Policy,
    guest: impl FnOnce(&mut J) -> Guest,
    leases: &Path,
) -> Result<Free, Verdict> {
    let config = &assignment.config;
    let (first, identity) = (&found.first, found.job.identity());
    let told = began(&first.sample);
    let taking = take(job, hand, assignment, leases)?;
    let limits = first.sample.settings;
    let (lease, left) = (
        taking.lease,
        taking.left.filter(|left| left.is_of(&found.job, limits)),
    );
    if let Some(left) = left {
        let holding = Holding {
            controller: ControllerName::LibvirtHpcd,
            pid: process::id(),
            taken_at_ns: job.now().as_nanos(),
            job_began_ns: Some(left.began(told).as_nanos()),
            identity: left.identity.or(&identity),
            ..*left
        };
        return Ok(Free { lease, holding });
    }
    // Without: the guest stands, and nobody has left word of how it was before.
    let (limits, iteration) = match first.sample.settings {
        Some(limits) => (limits, first.sample.iteration),
        None => runs(job, hand)?,
    };
    let may = config.observe || config.insist || assignment.adopted;
    let early = first.early && !taking.stood_by;
    let is_ours = may || early || stand_still(job, hand, limits, iteration)?;
    let holding = Holding {
        controller: ControllerName::LibvirtHpcd,
        pid: process::id(),
        taken_at_ns: job.now().as_nanos(),
        job_began_ns: Some(told.as_nanos()),
        identity,
        settings_before: limits.into(),
        set: Set::default(),
        bounds: Bounds::of_running(policy, limits, &guest(job)),
        released: (!is_ours).then(|| "somebody else sets its limits".to_owned()),
    };
    Ok(Free { lease, holding })
}

fn began(sample: &Sample) -> Timestamp {
    let elapsed = Duration::from_millis(sample.elapsed_ms);
    sample.at.before(elapsed)
}

/// How the lease was had.
#[derive(Default)]
struct Taking {
    lease: Option<Lease>,
    left: Option<Box<Holding>>,
    /// Another held it for a while.
    stood_by: bool,
}

/// Takes the lease, standing by for as long as another holds it. Whoever only observes neither needs it
/// nor keeps anybody from it.
fn take(
    job: &mut impl Job,
    hand: &Hand,
    assignment: &Assignment,
    leases: &Path,
) -> Result<Taking, Verdict> {
    let (id, observe) = (&assignment.id, assignment.config.observe);
    let mut stood_by = false;
    loop {
        match lease::take(leases, &id.uuid) {
            Ok(Taken::Ours(_, left)) if observe => {
                return Ok(Taking {
                    left,
                    ..Taking::default()
                });
            }
            Ok(Taken::Held(_)) if observe => return Ok(Taking::default()),
            Ok(Taken::Ours(lease, left)) => {
                return Ok(Taking {
                    lease: Some(lease),
                    left,
                    stood_by,
                });
            }
            Ok(Taken::Held(by)) => {
                let holder = holder(by.as_deref());
                if !std::mem::replace(&mut stood_by, true) {
                    log::info!("{}: {holder} steers its migration: standing by", id.name);
                }
                hand.update(|status| status.control = Control::Other(holder));
            }
            Err(error) => {
                let name = &id.name;
                log::warn!("{name}: its lease cannot be had, going on without: {error}");
                return Ok(Taking::default());
            }
        }
        stand_by(job, hand)?;
    }
}

fn holder(by: Option<&Holding>) -> String {
    by.map_or_else(
        || "another controller".to_owned(),
        |by| format!("{} (process {})", by.controller.as_str(), by.pid),
    )
}

/// One look at a migration that is another's.
fn stand_by(job: &mut impl Job, hand: &Hand) -> Result<Option<Sample>, Verdict> {
    job.wait(LOOK);
    if hand.leaves() {
        return Err(Verdict::Left);
    }
    let Ok(sample) = job.sample(true) else {
        return Ok(None);
    };
    hand.update(|status| looked(status, &sample));
    if sample.state == JobState::Ended {
        return Err(Verdict::Over);
    }
    Ok(Some(sample))
}

/// Whether the limits stand as they were found, at `iteration`.
fn stand_still(
    job: &mut impl Job,
    hand: &Hand,
    found: Settings,
    iteration: u64,
) -> Result<bool, Verdict> {
    let since = job.now();
    let mut synced = ordered_limit_ms(found.downtime_ms).is_none();
    loop {
        let watched = job.now().since(since);
        if watched >= GRACE && (synced || watched >= GRACE_SET) {
            return Ok(true);
        }
        let Some(sample) = stand_by(job, hand)? else {
            continue;
        };
        if sample.settings.is_some_and(|settings| settings != found) {
            return Ok(false);
        }
        synced |= sample.iteration > iteration;
    }
}

/// Waits for a guest that stands to run again, which one that was suspended may; its limits then, and the iteration.
fn runs(job: &mut impl Job, hand: &Hand) -> Result<(Settings, u64), Verdict> {
    loop {
        if let Some(sample) = stand_by(job, hand)?
            && sample.state == JobState::Precopy
            && let Some(found) = sample.settings
        {
            return Ok((found, sample.iteration));
        }
    }
}

#[cfg(test)]
mod tests;
