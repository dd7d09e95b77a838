//! Whether a migration that was found is free to be steered.
//!
//! It is not while another program holds the domain's lease. Nor if it was found in its midst, without word
//! from a predecessor, and somebody has set its limits or does: whom the agent cannot see, from another host.

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
use crate::migration::bounds::Bounds;
use crate::migration::lease::{self, Holding, Lease, Taken};
use crate::migration::settings::Set;
use crate::trace::ControllerName;

/// How often to look at a migration that is another's.
const LOOK: Duration = Duration::from_millis(500);

/// For how long the limits of a migration found in its midst must stand still before they are ours to set.
const GRACE: Duration = Duration::from_secs(3);

/// QEMU's downtime limit as long as nobody has set another (`DEFAULT_MIGRATE_SET_DOWNTIME`, QEMU
/// `migration/options.c`), milliseconds.
const DOWNTIME_DEFAULT_MS: u64 = 300;

/// A migration that is free.
pub(super) struct Free {
    /// None while observing, or where no lease can be had.
    pub(super) lease: Option<Lease>,
    /// What is written in the lease, had or not.
    pub(super) holding: Holding,
}

/// Waits until the migration is free, or over.
pub(super) fn wait(
    job: &mut impl Job,
    hand: &Hand,
    assignment: &Assignment,
    first: &First,
    policy: &xml::Policy,
    leases: &Path,
) -> Result<Free, Verdict> {
    let config = &assignment.config;
    let began = began(&first.sample);
    let taking = take(job, hand, assignment, leases)?;
    let (lease, left) = (taking.lease, taking.left.filter(|left| left.is_of(began)));
    if let Some(left) = left {
        let holding = Holding {
            controller: ControllerName::LibvirtHpcd,
            pid: process::id(),
            taken_at_ns: job.now().as_nanos(),
            job_began_ns: Some(began.as_nanos()),
            ..*left
        };
        return Ok(Free { lease, holding });
    }
    let Some(found) = first.sample.settings else {
        // The guest has stopped, and nobody has left word of how it was before: nothing can be done.
        return Err(follow(job, hand));
    };
    let may = config.observe || config.insist || assignment.adopted;
    let is_ours = may || (first.early && !taking.stood_by) || untouched(job, hand, found)?;
    let holding = Holding {
        controller: ControllerName::LibvirtHpcd,
        pid: process::id(),
        taken_at_ns: job.now().as_nanos(),
        job_began_ns: Some(began.as_nanos()),
        settings_before: found.into(),
        set: Set::default(),
        bounds: Bounds::of_running(policy, found.speed_mib_per_s),
        released: (!is_ours).then(|| "somebody else sets its limits".to_owned()),
    };
    Ok(Free { lease, holding })
}

fn began(sample: &Sample) -> Timestamp {
    let elapsed_ns = sample.elapsed_ms.saturating_mul(1_000_000);
    Timestamp::from_nanos(sample.at.as_nanos().saturating_sub(elapsed_ns))
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

/// Whether nobody has set a limit, nor does within the time of grace.
fn untouched(job: &mut impl Job, hand: &Hand, found: Settings) -> Result<bool, Verdict> {
    let since = job.now();
    let mut untouched = found.downtime_ms == DOWNTIME_DEFAULT_MS;
    while untouched && job.now().since(since) < GRACE {
        let settings = stand_by(job, hand)?.and_then(|sample| sample.settings);
        untouched = settings.is_none_or(|settings| settings == found);
    }
    Ok(untouched)
}

/// Follows a migration to its end.
fn follow(job: &mut impl Job, hand: &Hand) -> Verdict {
    hand.update(|status| {
        status.control = Control::Released("it was found too late".to_owned());
    });
    loop {
        if let Err(end) = stand_by(job, hand) {
            return end;
        }
    }
}

#[cfg(test)]
mod tests;
