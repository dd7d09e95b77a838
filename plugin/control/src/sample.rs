//! What the sensor reads: one look at a migration job.

use crate::time::Timestamp;

/// Where the outgoing migration stands, as far as libvirt tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// No job yet, or one that has not begun to send memory: nothing may be set, for what is set now
    /// outlives a failed migration.
    #[default]
    Setup,
    /// Memory is being copied while the guest runs.
    Precopy,
    /// The guest is stopped for the switchover; it cannot be called back.
    Switchover,
    /// The guest runs on the destination and fetches what is missing.
    Postcopy,
    /// The job is over, whatever its end.
    Ended,
}

/// The two settings we may change, as they stand in libvirt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `virDomainMigrateGetMaxDowntime`, milliseconds.
    pub downtime_ms: u64,
    /// `virDomainMigrateGetMaxSpeed`, MiB/s.
    pub speed_mib_per_s: u64,
}

/// What KVM had counted of the guest's page faults at a moment.
///
/// While memory is logged by write protection, the first write to a page since it was protected takes one fault: so many pages
/// the next sync will find. Not so where the processor logs by itself (Intel's PML), and other faults count as well:
/// [`crate::estimate::Writes`] reckons with it, and says nothing where the syncs refute it.
///
/// Source: `pf_taken` of Linux' `arch/x86/kvm/x86.c` (in kernels before 5.19 `pf_fixed` and `pf_fast`), which libvirt from 8.9
/// on hands on as `vcpu.N.pf_taken.sum`, here of all virtual processors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// When they were read, which is some time before the rest of the sample.
    pub at: Timestamp,
    /// How many so far, pages.
    pub pages: u64,
}

impl Faults {
    /// Bytes of the pages that are counted: huge ones are split while memory is logged.
    pub const PAGE_BYTES: u64 = 4096;
}

/// One look at the job: `virDomainGetJobStats`, events, and now and then the settings.
///
/// Source of the fields: libvirt `include/libvirt/libvirt-domain.h`, `VIR_DOMAIN_JOB_*`; their meaning:
/// QEMU `migration/ram.c`. Absent fields are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When this was read.
    pub at: Timestamp,
    /// Where the job stands.
    pub state: JobState,
    /// `memory_iteration`: bitmap syncs so far; 1 is the first round, which carries no dirty data.
    pub iteration: u64,
    /// When the sync that began `iteration` was announced by `VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION`;
    /// none if only polling saw it.
    pub sync_at: Option<Timestamp>,
    /// How long the job goes on, milliseconds: `time_elapsed` as it was at the first look, and the time since.
    pub elapsed_ms: u64,
    /// `memory_total`, bytes of guest memory.
    pub total_bytes: u64,
    /// `memory_processed`, bytes on the wire so far.
    pub processed_bytes: u64,
    /// `memory_remaining`, bytes left of the *last* sync: true only right after one.
    pub remaining_bytes: u64,
    /// `disk_remaining`, bytes of storage still to copy before the memory can end.
    pub disk_remaining_bytes: u64,
    /// `memory_bps`, bytes per second in QEMU's last 100 ms window; zero if unknown.
    pub window_bytes_per_s: u64,
    /// `memory_dirty_rate` x `memory_page_size`, bytes per second. Recorded, never decided upon: in a
    /// stall it mirrors our own send rate.
    pub dirty_bytes_per_s: u64,
    /// `auto_converge_throttle`: how much of its processors' time QEMU takes away from the guest, per cent. Recorded, never
    /// decided upon.
    pub throttle_percent: u64,
    /// `compression_cache`, bytes: what XBZRLE may remember of pages it has sent; zero where it is off.
    pub compression_cache_bytes: u64,
    /// CPU time of all virtual processors so far, nanoseconds, if it is known. How busy the guest is tells
    /// of phases between the syncs, which alone tell of its memory.
    pub vcpu_time_ns: Option<u64>,
    /// The guest's page faults, if they were read since the sample before.
    pub faults: Option<Faults>,
    /// The settings as read back with this sample, when they were read.
    pub settings: Option<Settings>,
}
