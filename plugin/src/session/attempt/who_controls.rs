//! One controller for one job, as seen from the command: this command, or the agent on the source's host.
//!
//! | the command runs | who steers |
//! |---|---|
//! | on the source's host, as root | the command: it takes the domain's lease, and the agent stands by |
//! | on another host, or without the right to the lease | the agent, if it is there: its first target comes within 250 ms of memory flowing, and whoever sees it yields; else the command, a second later than it could |
//!
//! It is the agent that must not yield to a command it cannot see: it sees the job from nearer, and lives
//! on when the command's host or network does not.

use std::io;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::Watcher;

use crate::clock;
use crate::drive::Orders;
use crate::migration::bounds::Bounds;
use crate::migration::handover::search::Search;
use crate::migration::handover::succession::Claimant;
use crate::migration::lease::{self, HeldLease, Lease, Taken};
use crate::session::connect;
use crate::session::prepare::resolve::Resolved;
use crate::session::prepare::takeover::Takeover;
use crate::trace::ControllerName;

/// How often to poll meanwhile.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// How often to try for a lease that another has: the agent may still be putting back what it changed in the
/// migration before, which takes three seconds at most.
const TRIES: u32 = 40;

/// The pause between two tries.
const RETRY: Duration = Duration::from_millis(100);

/// Takes the lease of a migration that is about to begin; none if it cannot be had here, which is no
/// reason not to migrate.
pub(crate) fn take_lease(takeover: &Takeover, resolved: &Resolved) -> Option<HeldLease> {
    let domain = &takeover.domain;
    let uri = domain.connection().uri().ok()?;
    if !connect::is_this_host(&uri) {
        return None;
    }
    let lease = wait(Path::new(lease::DIRECTORY), domain.uuid()).ok()??;
    let command = Claimant {
        controller: ControllerName::VirshHpc,
        pid: process::id(),
        at: takeover.watcher.now(),
    };
    let bounds = Bounds {
        policy: (&resolved.policy).into(),
        slowdown_ppm: resolved.slowdown_ppm,
        law: resolved.law,
    };
    let none_yet = lease::Job {
        domain_id: domain.id(),
        wall_ms: lease::wall_ms(clock::wall()),
        elapsed_ms: 0,
        at_ns: command.at.as_nanos(),
    };
    let record = command.first(None, &none_yet, takeover.before, bounds);
    // A lease that nothing could be written into keeps the agent away all the same.
    Some(HeldLease::begin(lease, record).0)
}

fn wait(directory: &Path, uuid: &str) -> io::Result<Option<Lease>> {
    for _ in 0..TRIES {
        if let Taken::Ours(lease, _) = lease::take(directory, uuid)? {
            return Ok(Some(lease));
        }
        thread::sleep(RETRY);
    }
    Ok(None)
}

/// Polls until another controller shows, or the time for that has passed. Whether one has.
pub(crate) fn another_controls(
    watcher: &mut Watcher,
    before: Settings,
    orders: &dyn Orders,
) -> bool {
    let mut search = Search::new(before);
    while !orders.over() && !orders.abort() {
        watcher.wait(POLL_EVERY);
        let Ok(sample) = watcher.sample(true) else {
            continue;
        };
        if let Some(found) = search.check(&sample) {
            return found;
        }
    }
    false
}
