//! Whether a lease is of the job that goes on now.
//!
//! libvirt counts a job's time by the wall clock, from when it began on it. So that moment is a job's name: a clock that
//! steps moves the time that has passed and the time of day alike. Only while the clock is before it does libvirt
//! not tell it (`qemuDomainJobDataUpdateTime`, libvirt `src/qemu/qemu_domainjob.c`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::LeaseRecord;

/// How far two reckonings of a job's beginning may lie apart, milliseconds: libvirt answers late on a busy host.
const SAME_BEGINNING_MS: u64 = 3_000;

/// How long after a lease was taken its job may begin: the daemons connect in between.
const SOON: Duration = Duration::from_secs(120);

/// By what a lease's job is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// libvirt's number of the domain's run.
    pub domain_id: Option<u32>,
    /// When the job began by the wall clock, milliseconds since 1970; before it began, none.
    pub began_wall_ms: Option<u64>,
    /// When the lease was taken, by the same clock.
    pub taken_wall_ms: u64,
}

/// A job as it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Job {
    /// libvirt's number of the domain's run.
    pub domain_id: Option<u32>,
    /// The wall clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// What libvirt says has passed since it began, milliseconds; zero where it does not know.
    pub elapsed_ms: u64,
    /// When that was asked, on the host's monotonic clock, nanoseconds.
    pub at_ns: u64,
}

impl Job {
    /// The identity that a lease of it has.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            domain_id: self.domain_id,
            began_wall_ms: self.began_wall_ms(),
            taken_wall_ms: self.wall_ms,
        }
    }

    /// None while libvirt's clock is before it.
    fn began_wall_ms(&self) -> Option<u64> {
        (self.elapsed_ms > 0).then(|| self.wall_ms.saturating_sub(self.elapsed_ms))
    }
}

impl LeaseRecord {
    /// Whether this was written about `job`, under whose limits of now, `found`, something of its controllers may still
    /// stand.
    #[must_use]
    pub fn is_of(&self, job: &Job, found: Option<Settings>) -> bool {
        let ids = self.identity.domain_id.zip(job.domain_id);
        if ids.is_some_and(|(then, now)| then != now) {
            return false;
        }
        let began = |began| self.identity.began_at(began) || self.is_first_before(job);
        // Where libvirt does not tell, nothing says that it is another.
        job.began_wall_ms().is_none_or(began) || self.stands_in(found)
    }

    /// When the job began, on the monotonic clock; `told` is what libvirt's clock makes of it now.
    #[must_use]
    pub fn began(&self, told: Timestamp) -> Timestamp {
        let taken = Timestamp::from_nanos(self.taken_at_ns);
        match self.job_began_ns {
            Some(began) => Timestamp::from_nanos(began),
            None => told.clamp(taken, taken.after(SOON)),
        }
    }

    /// Whether this was written shortly before `job` began, by the clock that does not step: the wall clock may have, in
    /// between.
    fn is_first_before(&self, job: &Job) -> bool {
        let elapsed = Duration::from_millis(job.elapsed_ms);
        let began = Timestamp::from_nanos(job.at_ns).before(elapsed);
        let taken = Timestamp::from_nanos(self.taken_at_ns);
        let late = Duration::from_millis(SAME_BEGINNING_MS);
        self.identity.began_wall_ms.is_none()
            && began.after(late) >= taken
            && began.since(taken) <= SOON
    }

    /// libvirt puts a job's limits back when it ends: where one of a controller is still set, its job goes on.
    fn stands_in(&self, found: Option<Settings>) -> bool {
        found.is_some_and(|found| {
            found.downtime_ms != self.settings_before.downtime_ms
                && self.set.has_downtime(found.downtime_ms)
        })
    }
}

impl Identity {
    /// The same, with what is not known of it from `other`.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.domain_id = self.domain_id.or(other.domain_id);
        self.began_wall_ms = self.began_wall_ms.or(other.began_wall_ms);
        self
    }

    /// Whether a job that began then is its own. A lease taken before its job is of the first one after it.
    fn began_at(&self, wall_ms: u64) -> bool {
        if let Some(began_ms) = self.began_wall_ms {
            return began_ms.abs_diff(wall_ms) <= SAME_BEGINNING_MS;
        }
        let earliest = self.taken_wall_ms.saturating_sub(SAME_BEGINNING_MS);
        (earliest..=self.taken_wall_ms.saturating_add(millis(SOON))).contains(&wall_ms)
    }
}

/// A time of the wall clock, milliseconds since 1970.
#[must_use]
pub fn wall_ms(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
