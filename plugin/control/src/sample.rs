//! One sample of a migration job.

use crate::time::Timestamp;

/// The state of the outgoing migration, as far as libvirt tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// No job yet, or one that has not begun to send memory: nothing may be set, because settings made now outlive a
    /// failed migration.
    #[default]
    Setup,
    /// Memory is being copied while the guest runs.
    Precopy,
    /// The guest is stopped for the switchover; it is too late to abort.
    Switchover,
    /// The guest runs on the destination and fetches missing pages.
    Postcopy,
    /// The job is over, with any result.
    Ended,
}

/// The two limits that control changes, as libvirt reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// `virDomainMigrateGetMaxDowntime`, milliseconds.
    pub downtime_ms: u64,
    /// `virDomainMigrateGetMaxSpeed`, MiB/s.
    pub speed_mib_per_s: u64,
}

/// KVM's count of the guest's page faults.
///
/// While memory is write-protected for logging, the first write to a page since then takes one fault, and the next sync
/// finds that page. This fails where the processor logs by itself (Intel's PML), and other faults count as well:
/// [`crate::estimate::Writes`] allows for that, and gives no estimate once a sync has refuted the count.
///
/// Source: `pf_taken` of Linux' `arch/x86/kvm/x86.c` (in kernels before 5.19 `pf_fixed` and `pf_fast`), which libvirt
/// from 8.9 on reports as `vcpu.N.pf_taken.sum`, here summed over all virtual processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// When they were read, which is some time before the rest of the sample.
    pub at: Timestamp,
    /// How many so far, pages.
    pub pages: u64,
}

impl Faults {
    /// The size of a counted page, bytes: huge pages are split while memory is logged.
    pub const PAGE_BYTES: u64 = 4096;
}

/// One sample of the job: `virDomainGetJobStats`, events, and sometimes the settings.
///
/// Source of the fields: libvirt `include/libvirt/libvirt-domain.h`, `VIR_DOMAIN_JOB_*`; their meaning:
/// QEMU `migration/ram.c`. Absent fields are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When this was read.
    pub at: Timestamp,
    /// The state of the job.
    pub state: JobState,
    /// `memory_iteration`: bitmap syncs so far; 1 is the first round, which carries no dirty data.
    pub iteration: u64,
    /// When the sync that began `iteration` was announced by `VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION`;
    /// none if only polling saw it.
    pub sync_at: Option<Timestamp>,
    /// The age of the job, milliseconds: `time_elapsed` of the first sample, and the time since.
    pub elapsed_ms: u64,
    /// `memory_total`, bytes of guest memory.
    pub total_bytes: u64,
    /// `memory_processed`, bytes on the wire so far.
    pub processed_bytes: u64,
    /// `memory_remaining`, bytes still to send of the *last* sync: exact only right after one.
    pub remaining_bytes: u64,
    /// `disk_remaining`, bytes of storage still to copy before the memory can end.
    pub disk_remaining_bytes: u64,
    /// `memory_bps`, bytes per second in QEMU's last 100 ms window; zero if unknown.
    pub window_bytes_per_s: u64,
    /// `memory_dirty_rate` x `memory_page_size`, bytes per second. Recorded and not used: in a stall it mirrors the
    /// send rate.
    pub dirty_bytes_per_s: u64,
    /// `auto_converge_throttle`: the share of processor time that QEMU takes from the guest, per cent.
    pub throttle_percent: u64,
    /// `compression_cache`, bytes: the cache of XBZRLE; zero if it is off.
    pub compression_cache_bytes: u64,
    /// CPU time of all virtual processors so far, nanoseconds, if known. It shows phases between the syncs, at which
    /// alone memory is seen.
    pub vcpu_time_ns: Option<u64>,
    /// The guest's page faults, if they were read since the sample before.
    pub faults: Option<Faults>,
    /// The settings as read back with this sample, when they were read.
    pub settings: Option<Settings>,
}

impl Sample {
    /// Bytes sent on the wire since an earlier sample.
    pub(crate) const fn sent_since(&self, last: &Self) -> u64 {
        self.processed_bytes.saturating_sub(last.processed_bytes)
    }
}
