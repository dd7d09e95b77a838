//! What is written into a lease by whoever takes it.

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::time::Timestamp;

use crate::migration::bounds::Bounds;
use crate::migration::lease::{Job, LeaseRecord};
use crate::migration::settings::Set;
use crate::trace::ControllerName;

/// Who takes a lease, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Which program.
    pub controller: ControllerName,
    /// Its process.
    pub pid: u32,
    /// By the monotonic clock.
    pub at: Timestamp,
}

impl Claimant {
    /// Takes over from whoever has `left` a record of this job, which began at `told` as far as libvirt's clock tells:
    /// what was there before, the bounds, and that nobody is to steer it, are its predecessor's.
    #[must_use]
    pub fn succeed(&self, left: LeaseRecord, job: &Job, told: Timestamp) -> LeaseRecord {
        LeaseRecord {
            controller: self.controller,
            pid: self.pid,
            taken_at_ns: self.at.as_nanos(),
            job_began_ns: Some(left.began(told).as_nanos()),
            identity: left.identity.or(&job.identity()),
            ..left
        }
    }

    /// Is the first: the limits of `before` are those to put back. The job began at `began`; none if it has not yet.
    #[must_use]
    pub fn first(
        &self,
        began: Option<Timestamp>,
        job: &Job,
        before: Settings,
        bounds: Bounds,
    ) -> LeaseRecord {
        LeaseRecord {
            controller: self.controller,
            pid: self.pid,
            taken_at_ns: self.at.as_nanos(),
            job_began_ns: began.map(Timestamp::as_nanos),
            identity: job.identity(),
            settings_before: before.into(),
            set: Set::default(),
            bounds,
            released: None,
        }
    }
}
