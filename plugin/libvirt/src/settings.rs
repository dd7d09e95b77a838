//! Queries and settings of a migrating domain, from any connection.

use virt_sys as sys;

use crate::domain::Domain;
use crate::error::{Error, Named};
use crate::ffi;
use crate::stats::JobStats;

/// Which speed limit: `virDomainMigrateMaxSpeedFlags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// While the guest runs here, and in the switchover.
    Precopy,
    /// After it has gone ahead; zero is no limit.
    Postcopy,
}

impl Speed {
    fn flags(self) -> u32 {
        match self {
            Self::Precopy => 0,
            Self::Postcopy => sys::VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY,
        }
    }
}

impl Domain {
    /// `virDomainMigrateGetMaxDowntime`, ms.
    ///
    /// # Errors
    /// When the domain does not run, or the driver cannot.
    pub fn max_downtime_ms(&self) -> Result<u64, Error> {
        ffi::max_downtime(self.handle()).named("virDomainMigrateGetMaxDowntime", Some(self.name()))
    }

    /// `virDomainMigrateSetMaxDowntime`, ms. libvirt has no bound of its own; QEMU refuses more than
    /// 2,000,000.
    ///
    /// # Errors
    /// When the domain does not run, or QEMU refuses.
    pub fn set_max_downtime_ms(&self, downtime_ms: u64) -> Result<(), Error> {
        self.handle()
            .migrate_set_max_downtime(downtime_ms, 0)
            .named("virDomainMigrateSetMaxDowntime", Some(self.name()))
    }

    /// `virDomainMigrateGetMaxSpeed`, MiB/s.
    ///
    /// # Errors
    /// When the driver cannot, or for post-copy the domain does not run.
    pub fn max_speed_mib_per_s(&self, speed: Speed) -> Result<u64, Error> {
        self.handle()
            .migrate_max_speed(speed.flags())
            .named("virDomainMigrateGetMaxSpeed", Some(self.name()))
    }

    /// `virDomainMigrateSetMaxSpeed`, MiB/s.
    ///
    /// # Errors
    /// When the number is above libvirt's 8,796,093,022,207, or QEMU refuses.
    pub fn set_max_speed_mib_per_s(&self, speed: Speed, limit: u64) -> Result<(), Error> {
        self.handle()
            .migrate_set_max_speed(limit, speed.flags())
            .named("virDomainMigrateSetMaxSpeed", Some(self.name()))
    }

    /// `virDomainMigrateSetCompressionCache`, bytes: the cache of XBZRLE. QEMU wants a power of two of at least a page.
    ///
    /// # Errors
    /// When the domain does not run, or QEMU refuses.
    pub fn set_compression_cache_bytes(&self, bytes: u64) -> Result<(), Error> {
        self.handle()
            .migrate_set_compression_cache(bytes, 0)
            .named("virDomainMigrateSetCompressionCache", Some(self.name()))
    }

    /// `virDomainAbortJob`: the guest stays where it is.
    ///
    /// # Errors
    /// When there is no job, or it can no longer be aborted.
    pub fn abort_job(&self) -> Result<(), Error> {
        ffi::abort_job(self.handle()).named("virDomainAbortJob", Some(self.name()))
    }

    /// `virDomainMigrateStartPostCopy`: the guest moves now, its memory follows.
    ///
    /// # Errors
    /// When the migration was not started with post-copy, or there is none.
    pub fn start_postcopy(&self) -> Result<(), Error> {
        ffi::start_postcopy(self.handle()).named("virDomainMigrateStartPostCopy", Some(self.name()))
    }

    /// `virDomainSuspend`; libvirt lets the guest run again if the migration then fails.
    ///
    /// # Errors
    /// When the domain does not run.
    pub fn suspend(&self) -> Result<(), Error> {
        self.handle()
            .suspend()
            .named("virDomainSuspend", Some(self.name()))
    }

    /// `virDomainGetJobStats` of the present job; type none without one.
    ///
    /// # Errors
    /// When the domain does not run, or the driver cannot.
    pub fn job_stats(&self) -> Result<JobStats, Error> {
        self.stats(0)
    }

    /// `virDomainGetJobStats` of the last job that succeeded. Reading consumes it, unless it is to be
    /// kept.
    ///
    /// # Errors
    /// As for [`Domain::job_stats`].
    pub fn completed_job_stats(&self, keep: bool) -> Result<JobStats, Error> {
        let keep = if keep {
            sys::VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
        } else {
            0
        };
        self.stats(sys::VIR_DOMAIN_JOB_STATS_COMPLETED | keep)
    }

    fn stats(&self, flags: u32) -> Result<JobStats, Error> {
        ffi::job_stats(self.handle(), flags).named("virDomainGetJobStats", Some(self.name()))
    }
}
