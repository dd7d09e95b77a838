//! Settings for libvirt. They are absolute, so that repeating one is harmless and a restarted controller converges.

/// The longest downtime limit QEMU takes (`MAX_MIGRATE_DOWNTIME`, QEMU `migration/options.c`).
pub const DOWNTIME_LIMIT_MAX_MS: u32 = 2_000_000;

/// libvirt's "no limit" (`QEMU_DOMAIN_MIG_BANDWIDTH_MAX`, libvirt `src/qemu/qemu_domain.h`), MiB/s.
pub const SPEED_UNLIMITED_MIB_PER_S: u64 = 8_796_093_022_207;

/// A step that cannot be taken back. At most one of them happens in a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `virDomainAbortJob`: the guest stays where it is.
    Abort,
    /// `virDomainMigrateStartPostCopy`: the guest moves now, its memory follows.
    StartPostcopy,
    /// `virDomainSuspend`: virsh's `--timeout-suspend`.
    Suspend,
}

/// The settings to make now. `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// For `virDomainMigrateSetMaxDowntime`, milliseconds, 1 to 2,000,000.
    pub downtime_ms: Option<u32>,
    /// For `virDomainMigrateSetMaxSpeed`, MiB/s.
    pub speed_mib_per_s: Option<u64>,
    /// For `virDomainMigrateSetMaxSpeed` of post-copy (`VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY`), MiB/s; zero is no
    /// limit.
    pub postcopy_speed_mib_per_s: Option<u64>,
    /// For `virDomainMigrateSetCompressionCache`, bytes, a power of two.
    pub compression_cache_bytes: Option<u64>,
    /// For the calls that end the job, or switch it to post-copy.
    pub action: Option<Action>,
}

impl Target {
    /// Change nothing.
    pub const NONE: Self = Self {
        downtime_ms: None,
        speed_mib_per_s: None,
        postcopy_speed_mib_per_s: None,
        compression_cache_bytes: None,
        action: None,
    };
}
