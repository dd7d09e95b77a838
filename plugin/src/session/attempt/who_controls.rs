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
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::Watcher;

use crate::clock;
use crate::drive::Orders;
use crate::migration::bounds::Bounds;
use crate::migration::lease::{self, HeldLease, Identity, Lease, LeaseRecord, Taken};
use crate::migration::settings::Set;
use crate::session::connect;
use crate::session::prepare::resolve::Resolved;
use crate::session::prepare::takeover::Takeover;
use crate::trace::ControllerName;

/// How long memory must flow without a sign of another controller: four times what the agent takes.
const GRACE: Duration = Duration::from_secs(1);

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
    let record = LeaseRecord {
        controller: ControllerName::VirshHpc,
        pid: process::id(),
        taken_at_ns: takeover.watcher.now().as_nanos(),
        job_began_ns: None,
        identity: Identity {
            domain_id: domain.id(),
            began_wall_ms: None,
            taken_wall_ms: lease::wall_ms(clock::wall()),
        },
        settings_before: takeover.before.into(),
        set: Set::default(),
        bounds: Bounds {
            policy: (&resolved.policy).into(),
            slowdown_ppm: resolved.slowdown_ppm,
            law: resolved.law,
        },
        released: None,
    };
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

/// The search for another controller.
struct Search {
    before: Settings,
    since: Option<Timestamp>,
}

impl Search {
    const fn new(before: Settings) -> Self {
        Self {
            before,
            since: None,
        }
    }

    /// What a sample tells: another steers, nobody does, or nothing yet. Command and agent alike set the
    /// downtime limit first; the speed may differ because the migrate call names one.
    fn check(&mut self, sample: &Sample) -> Option<bool> {
        match sample.state {
            JobState::Setup => return None,
            JobState::Precopy => {}
            JobState::Switchover | JobState::Postcopy | JobState::Ended => return Some(false),
        }
        let since = *self.since.get_or_insert(sample.at);
        let changed = sample
            .settings
            .is_some_and(|found| found.downtime_ms != self.before.downtime_ms);
        match changed {
            true => Some(true),
            false if sample.at.since(since) >= GRACE => Some(false),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Settings = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 500,
    };

    fn sample(at_ms: u64, state: JobState, downtime_ms: u64) -> Sample {
        Sample {
            at: Timestamp::from_nanos(at_ms * 1_000_000),
            state,
            settings: Some(Settings {
                downtime_ms,
                speed_mib_per_s: 20,
            }),
            ..Sample::default()
        }
    }

    #[test]
    fn another_controller_shows_by_its_first_target() {
        let mut search = Search::new(BEFORE);
        assert_eq!(search.check(&sample(0, JobState::Setup, 300)), None);
        assert_eq!(search.check(&sample(5_000, JobState::Precopy, 300)), None);
        assert_eq!(
            search.check(&sample(5_250, JobState::Precopy, 12)),
            Some(true)
        );
    }

    #[test]
    fn nobody_shows_within_a_second_of_memory_flowing() {
        let mut search = Search::new(BEFORE);
        search.check(&sample(5_000, JobState::Precopy, 300));
        assert_eq!(search.check(&sample(5_999, JobState::Precopy, 300)), None);
        assert_eq!(
            search.check(&sample(6_000, JobState::Precopy, 300)),
            Some(false)
        );
        let mut ended = Search::new(BEFORE);
        assert_eq!(
            ended.check(&sample(1, JobState::Ended, 300)),
            Some(false),
            "nothing is left to steer"
        );
    }
}
