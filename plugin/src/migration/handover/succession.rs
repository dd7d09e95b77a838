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

    /// Is the first: the limits in `before` are those to put back. The job began at `began`; none if it has not yet.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::guest::Guest;
    use libvirt_hpc_xml_schemas as xml;

    const BEFORE: Settings = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 20,
    };
    const JOB: Job = Job {
        domain_id: Some(3),
        wall_ms: 1_700_000_060_000,
        elapsed_ms: 60_000,
        at_ns: 90_000_000_000,
    };

    fn claimant(controller: ControllerName, at_s: u64) -> Claimant {
        Claimant {
            controller,
            pid: 7,
            at: Timestamp::from_nanos(at_s * 1_000_000_000),
        }
    }

    #[test]
    fn a_successor_writes_itself_and_keeps_what_its_predecessor_knew() {
        let bounds = Bounds::of_running(&xml::Policy::default(), BEFORE, &Guest::default());
        let began = Timestamp::from_nanos(30_000_000_000);
        let first = claimant(ControllerName::VirshHpc, 20);
        let mut left = first.first(Some(began), &JOB, BEFORE, bounds);
        assert_eq!((left.pid, left.taken_at_ns), (7, 20_000_000_000));
        assert_eq!(left.job_began_ns, Some(30_000_000_000));
        assert_eq!(left.identity, JOB.identity());
        assert_eq!(Settings::from(left.settings_before), BEFORE);
        left.set.downtime_ms = Some(12);
        left.release("asked");

        let second = Claimant {
            pid: 8,
            ..claimant(ControllerName::LibvirtHpcd, 50)
        };
        let later = Job {
            domain_id: Some(4),
            ..JOB
        };
        let told = Timestamp::from_nanos(55_000_000_000);
        let taken = second.succeed(left.clone(), &later, told);
        let expected = LeaseRecord {
            controller: ControllerName::LibvirtHpcd,
            pid: 8,
            taken_at_ns: 50_000_000_000,
            ..left
        };
        assert_eq!(taken, expected);
    }

    /// One that began before its job did, and died before it knew.
    #[test]
    fn a_successor_adds_what_its_predecessor_did_not_know() {
        let bounds = Bounds::of_running(&xml::Policy::default(), BEFORE, &Guest::default());
        let early = Job {
            domain_id: None,
            elapsed_ms: 0,
            ..JOB
        };
        let left = claimant(ControllerName::VirshHpc, 20).first(None, &early, BEFORE, bounds);
        assert_eq!(
            (left.job_began_ns, left.identity.began_wall_ms),
            (None, None)
        );
        let told = Timestamp::from_nanos(30_000_000_000);
        let taken = claimant(ControllerName::LibvirtHpcd, 50).succeed(left, &JOB, told);
        assert_eq!(taken.job_began_ns, Some(30_000_000_000));
        assert_eq!(taken.identity.domain_id, Some(3));
        assert_eq!(taken.identity.began_wall_ms, Some(1_700_000_000_000));
    }
}
