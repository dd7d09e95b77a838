//! A lease whose holder has died and whose job is over: what its controllers had set is undone, and it is removed.

use std::path::Path;

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::{Domain, Error, Watcher};

use super::assignment::Assignment;
use crate::migration::lease::{self, Taken};
use crate::migration::settings;

/// Clears the lease of the domain that `watcher` watches, if there is one that nobody holds, and no job goes on.
pub(super) fn clear(watcher: &mut Watcher, assignment: &Assignment, leases: &Path) {
    let (id, observe) = (&assignment.id, assignment.config.observe);
    if !lease::exists(leases, &id.uuid) {
        return;
    }
    let job = watcher.call("virDomainGetJobStats", Domain::job_stats);
    if job.is_ok_and(|job| job.job_type.is_running()) {
        return;
    }
    let cleared = clear_through(leases, &id.uuid, observe, &mut |order| match order {
        None => watcher.call("virDomainMigrateGetMaxDowntime", settings::read),
        Some(wanted) => watcher.call("virDomainMigrateSetMaxDowntime", move |domain| {
            settings::set(domain, wanted)
        }),
    });
    if let Err(error) = cleared {
        let name = &id.name;
        log::debug!("{name}: whether its limits are as before is not known: {error}");
    }
}

/// The same; `ask` reads, or sets and then reads. Whoever only observes sets nothing. Where libvirt does not answer, the
/// lease stays.
fn clear_through(
    leases: &Path,
    uuid: &str,
    observe: bool,
    ask: &mut dyn FnMut(Option<Settings>) -> Result<Settings, Error>,
) -> Result<(), Error> {
    let Ok(Taken::Ours(lease, left)) = lease::take(leases, uuid) else {
        return Ok(());
    };
    if let Some(left) = left.filter(|_| !observe) {
        match settings::undo(left.set, left.settings_before.into(), ask) {
            Err(error) if !error.is_gone() => return Err(error),
            _ => {}
        }
    }
    lease.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_control::target::Target;

    use super::super::scripted_job::UUID;
    use super::*;
    use crate::migration::bounds::Bounds;
    use crate::migration::guest::Guest;
    use crate::migration::handover::succession::Claimant;
    use crate::migration::lease::{HeldLease, Job};
    use crate::trace::ControllerName;
    use libvirt_hpc_control::time::Timestamp;
    use libvirt_hpc_xml_schemas as xml;

    const BEFORE: Settings = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 7_000,
    };

    /// A lease under which a speed limit of 50 MiB/s was set.
    fn held(leases: &Path) -> HeldLease {
        let Ok(Taken::Ours(lease, _)) = lease::take(leases, UUID) else {
            panic!("it can be taken");
        };
        let command = Claimant {
            controller: ControllerName::VirshHpc,
            pid: 1,
            at: Timestamp::default(),
        };
        let bounds = Bounds::of_running(&xml::Policy::default(), BEFORE, &Guest::default());
        let record = command.first(None, &Job::default(), BEFORE, bounds);
        let (mut held_lease, _) = HeldLease::begin(lease, record);
        let target = Target {
            speed_mib_per_s: Some(50),
            ..Target::NONE
        };
        held_lease.apply(&target).expect("written");
        held_lease
    }

    /// What is set where libvirt holds a speed limit of 50 MiB/s, and whether the lease stays.
    fn cleared(leases: &Path, observe: bool, answers: bool) -> (Vec<u64>, bool) {
        let mut orders = Vec::new();
        let _ = clear_through(leases, UUID, observe, &mut |order| {
            orders.extend(order.map(|order| order.speed_mib_per_s));
            let refusal = || Error::NulByte {
                what: "a test".to_owned(),
            };
            let speed_mib_per_s = order.map_or(50, |order| order.speed_mib_per_s);
            let found = Settings {
                speed_mib_per_s,
                ..BEFORE
            };
            answers.then_some(found).ok_or_else(refusal)
        });
        (orders, lease::exists(leases, UUID))
    }

    #[test]
    fn what_a_dead_controller_had_set_is_undone_before_its_lease_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let leases = folder.path();
        let held_lease = held(leases);
        assert_eq!(
            cleared(leases, false, true),
            (vec![], true),
            "its holder lives"
        );
        drop(held_lease);
        assert_eq!(cleared(leases, false, false), (vec![], true), "no answer");
        assert_eq!(cleared(leases, false, true), (vec![7_000], false));
        drop(held(leases));
        assert_eq!(
            cleared(leases, true, true),
            (vec![], false),
            "only observed"
        );
    }
}
