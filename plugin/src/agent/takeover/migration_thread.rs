//! The thread of one migration that another client began.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_libvirt::{Connection, Domain, Error, Watcher};
use libvirt_hpc_xml_schemas as xml;

use super::assignment::{Assignment, Verdict};
use super::handle::MigrationHandle;
use super::ownership::{self, Found};
use super::{claim, leftover, memory_flow, steer};
use crate::agent::domains::watch;
use crate::clock::{self, Moment};
use crate::migration::guest::Guest;
use crate::migration::lease;

/// Sends a thread; `done` is told the end.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn start(
    assignment: Assignment,
    handle: Arc<MigrationHandle>,
    done: impl FnOnce(Verdict) + Send + 'static,
) -> std::io::Result<()> {
    thread::Builder::new()
        .name("migration".to_owned())
        .spawn(move || {
            // The panic hook has reported it; without a verdict the main loop would keep the domain for ever.
            let run = AssertUnwindSafe(|| run(&assignment, &handle));
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

fn run(assignment: &Assignment, handle: &Arc<MigrationHandle>) -> Result<Verdict, Error> {
    let Assignment {
        id,
        config,
        adopted,
        idle_at,
        ..
    } = assignment;
    let connection = Connection::open(Some(&config.uri), watch::OPTIONS)?;
    let domain = Domain::lookup_by_uuid(&connection, &id.uuid)?;
    let leases = Path::new(lease::DIRECTORY);
    let mut watcher = Watcher::new(&domain)?;
    if let Some(idle_at) = idle_at {
        let (ago, set_forward) = idle_at.until(&Moment::now());
        watcher.not_before(watcher.now().before(ago), set_forward);
    }
    let Some(claim) = claim::of(&domain, config, *adopted)? else {
        leftover::clear(&mut watcher, assignment, leases);
        return Ok(Verdict::Unmarked);
    };
    handle.attach(watcher.waker());
    let policy = &claim.policy;
    let is_outgoing = |watcher: &Watcher| watcher.stats().is_outgoing_migration();
    let ownership = memory_flow::wait(&mut watcher, is_outgoing, handle, assignment, policy)
        .and_then(|first| {
            let job = lease::Job {
                domain_id: domain.id(),
                wall_ms: lease::wall_ms(clock::wall()),
                elapsed_ms: watcher.stats().time_elapsed_ms.unwrap_or(0),
                at_ns: watcher.now().as_nanos(),
            };
            let found = Found { first, job };
            let guest = |watcher: &mut Watcher| guest(watcher, policy);
            ownership::wait(
                &mut watcher,
                handle,
                assignment,
                &found,
                policy,
                guest,
                leases,
            )
        });
    let ownership = match ownership {
        Ok(ownership) => ownership,
        Err(verdict) => {
            if matches!(verdict, Verdict::NoMigration | Verdict::Over) {
                leftover::clear(&mut watcher, assignment, leases);
            }
            return Ok(verdict);
        }
    };
    Ok(steer::run(
        assignment,
        watcher,
        ownership,
        claim.marked_by,
        handle,
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
