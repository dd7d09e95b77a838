//! Whether another controller steers a migration that was found; the agent waits until none does.
//!
//! A controller on this host holds the domain's lease. One on another host shows only by what it does: it moves the limits
//! of a migration that was found in its midst, of which no predecessor has left a record. A downtime limit that has been
//! set and does not move is the user's order, wherever it is found.

use std::path::Path;
use std::process;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_xml_schemas as xml;

use super::assignment::{Assignment, Verdict};
use super::handle::MigrationHandle;
use super::memory_flow::FirstSample;
use super::reporter::update_status;
use crate::agent::api::Control;
use crate::migration::bounds::Bounds;
use crate::migration::guest::Guest;
use crate::migration::handover::steady::SteadyLimits;
use crate::migration::handover::succession::Claimant;
use crate::migration::lease::{self, Lease, LeaseRecord, Taken};
use crate::trace::ControllerName;

/// How often to poll a migration that another controller steers.
const POLL: Duration = Duration::from_millis(500);

/// A migration that was found.
pub(crate) struct Found {
    pub(crate) first: FirstSample,
    /// Which job it is.
    pub(crate) job: lease::Job,
}

/// A migration that is the agent's.
pub(crate) struct Ownership {
    /// None while observing, or where no lease can be had.
    pub(crate) lease: Option<Lease>,
    /// What is written in the lease, had or not.
    pub(crate) record: LeaseRecord,
    /// The limits that are in force unless another changes them.
    pub(crate) expected: Target,
    /// When its memory began to flow, if the agent saw that, else when its job began.
    pub(crate) flowed_at: Timestamp,
}

/// Waits until no other controller steers the migration, or it is over; `guest` asks what the domain says of itself.
pub(crate) fn wait<J: Job>(
    job: &mut J,
    handle: &MigrationHandle,
    assignment: &Assignment,
    found: &Found,
    policy: &xml::Policy,
    guest: impl FnOnce(&mut J) -> Guest,
    leases: &Path,
) -> Result<Ownership, Verdict> {
    let config = &assignment.config;
    let first = &found.first;
    let told = began(&first.sample);
    let flowed_at = if first.early { first.sample.at } else { told };
    let taking = take(job, handle, assignment, leases)?;
    // What a holder has set since it was found is in force now.
    let seen = taking.seen.as_ref().unwrap_or(&first.sample);
    let limits = seen.settings;
    let (lease, left) = (
        taking.lease,
        taking.left.filter(|left| left.is_of(&found.job, limits)),
    );
    let agent = |at| Claimant {
        controller: ControllerName::LibvirtHpcd,
        pid: process::id(),
        at,
    };
    if let Some(left) = left {
        let record = agent(job.now()).succeed(*left, &found.job, told);
        let expected = record.set.in_force(limits, record.settings_before.into());
        return Ok(Ownership {
            lease,
            record,
            expected,
            flowed_at,
        });
    }
    // Without settings the guest is paused, and nobody has left word of what they were before.
    let (limits, iteration) = match limits {
        Some(limits) => (limits, seen.iteration),
        None => runs(job, handle)?,
    };
    let may = config.observe || config.insist || assignment.adopted;
    let early = first.early && !taking.stood_by;
    let may_steer = may || early || limits_stay(job, handle, limits, iteration)?;
    let bounds = Bounds::of_running(policy, limits, &guest(job));
    let mut record = agent(job.now()).first(Some(told), &found.job, limits, bounds);
    if !may_steer {
        record.release("somebody else sets its limits");
    }
    let expected = Target {
        downtime_ms: u32::try_from(limits.downtime_ms).ok(),
        speed_mib_per_s: Some(limits.speed_mib_per_s),
        ..Target::NONE
    };
    Ok(Ownership {
        lease,
        record,
        expected,
        flowed_at,
    })
}

fn began(sample: &Sample) -> Timestamp {
    let elapsed = Duration::from_millis(sample.elapsed_ms);
    sample.at.before(elapsed)
}

/// How the lease was taken.
#[derive(Default)]
struct Taking {
    lease: Option<Lease>,
    left: Option<Box<LeaseRecord>>,
    /// Another held it for a while.
    stood_by: bool,
    /// The job since then, or since a predecessor died.
    seen: Option<Sample>,
}

/// Takes the lease, standing by for as long as another holds it. Whoever only observes neither needs it
/// nor keeps anybody from it.
fn take(
    job: &mut impl Job,
    handle: &MigrationHandle,
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
                let has_predecessor = stood_by || left.is_some();
                let seen = has_predecessor.then(|| job.sample(true).ok()).flatten();
                return Ok(Taking {
                    lease: Some(lease),
                    left,
                    stood_by,
                    seen,
                });
            }
            Ok(Taken::Held(by)) => {
                let holder = holder(by.as_deref());
                if !std::mem::replace(&mut stood_by, true) {
                    log::info!("{}: {holder} controls its migration: standing by", id.name);
                }
                handle.update(|status| status.control = Control::Other(holder));
            }
            Err(error) => {
                let name = &id.name;
                log::warn!("{name}: its lease cannot be taken, going on without: {error}");
                return Ok(Taking::default());
            }
        }
        stand_by(job, handle)?;
    }
}

fn holder(by: Option<&LeaseRecord>) -> String {
    by.map_or_else(
        || "another controller".to_owned(),
        |by| format!("{} (process {})", by.controller.as_str(), by.pid),
    )
}

/// Polls a migration that another controller steers.
fn stand_by(job: &mut impl Job, handle: &MigrationHandle) -> Result<Option<Sample>, Verdict> {
    job.wait(POLL);
    if handle.leaves() {
        return Err(Verdict::Left);
    }
    let Ok(sample) = job.sample(true) else {
        return Ok(None);
    };
    handle.update(|status| update_status(status, &sample));
    if sample.state == JobState::Ended {
        return Err(Verdict::Over);
    }
    Ok(Some(sample))
}

/// Whether the limits stay as they were found, at `iteration`.
fn limits_stay(
    job: &mut impl Job,
    handle: &MigrationHandle,
    found: Settings,
    iteration: u64,
) -> Result<bool, Verdict> {
    let mut limits = SteadyLimits::new(found, iteration, job.now());
    loop {
        if limits.have_stayed(job.now()) {
            return Ok(true);
        }
        let Some(sample) = stand_by(job, handle)? else {
            continue;
        };
        if !limits.stay(&sample) {
            return Ok(false);
        }
    }
}

/// Waits for a guest that is paused to run again, as one that was suspended may; its limits then, and the iteration.
fn runs(job: &mut impl Job, handle: &MigrationHandle) -> Result<(Settings, u64), Verdict> {
    loop {
        if let Some(sample) = stand_by(job, handle)?
            && sample.state == JobState::Precopy
            && let Some(found) = sample.settings
        {
            return Ok((found, sample.iteration));
        }
    }
}

#[cfg(test)]
mod tests;
