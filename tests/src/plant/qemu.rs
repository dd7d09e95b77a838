//! The constants of QEMU and libvirt.

use std::time::Duration;

use super::guest::PAGE_BYTES;
use super::throttle::AutoConverge;

/// libvirt's "unlimited" speed, MiB/s (`QEMU_DOMAIN_MIG_BANDWIDTH_MAX`).
pub const UNLIMITED_MIB_PER_S: u64 = 8_796_093_022_207;

/// Highest limit QEMU takes, milliseconds (`MAX_MIGRATE_DOWNTIME`).
pub(super) const MAX_DOWNTIME_MS: u64 = 2_000_000;

/// The length of a window, ns (`BUFFER_DELAY`, migration/migration.c).
pub(super) const WINDOW_NS: u64 = 100_000_000;

/// How long the sender runs before it returns to the rest of the loop, ns (`MAX_WAIT`, migration/ram.c).
pub(super) const MAX_WAIT_NS: u64 = 50_000_000;

/// The settings of QEMU and libvirt, and the costs of their work on these hosts.
#[derive(Clone, Debug)]
pub struct Qemu {
    /// `downtime-limit` at the start, milliseconds.
    pub downtime_limit_ms: u64,
    /// `max-bandwidth` at the start, MiB/s.
    pub speed_mib_per_s: u64,
    /// `avail-switchover-bandwidth`, bytes/s; none uses the window's.
    pub avail_switchover_bytes_per_s: Option<u64>,
    /// The `postcopy-ram` capability: without it, post-copy is refused.
    pub postcopy: bool,
    /// The `auto-converge` capability: the guest is throttled until it converges.
    pub auto_converge: Option<AutoConverge>,
    /// Pending data other than memory, sent in the pause alone, as QEMU counts it: the bitmap of a disk that is copied
    /// along, a device's state.
    pub device_bytes: u64,
    /// How much less of it there is each second, as when a device sends its state ahead.
    pub device_shrinks_bytes_per_s: u64,
    /// Bytes that a sender without memory to send puts on the wire each time it loops.
    pub spin_bytes_per_s: u64,
    /// From the job's beginning until memory flows.
    pub setup: Duration,
    /// c0: the fixed part of a pause without memory and last sync (vCPU stop, device state, start at the destination).
    pub fixed_pause: Duration,
    /// The pause of switching to post-copy.
    pub postcopy_pause: Duration,
    /// Its growth for each missing GiB.
    pub postcopy_pause_per_gib: Duration,
    /// `max-postcopy-bandwidth` at the start, MiB/s; zero is no limit.
    pub postcopy_speed_mib_per_s: u64,
    /// The highest rate of fetching, bytes/s.
    pub fetch_bytes_per_s: u64,
    /// The least duration of a sync; the sender waits meanwhile.
    pub sync: Duration,
    /// Its growth for each GiB of guest memory.
    pub sync_per_gib: Duration,
    /// How fast zero pages are told from others, bytes/s.
    pub zero_scan_bytes_per_s: u64,
    /// A zero page on the wire, bytes.
    pub zero_page_bytes: u64,
    /// The header of any other page on the wire, bytes.
    pub page_header_bytes: u64,
    /// Memory whose dirty log is cleared at once (`x-clear-bitmap-shift`), bytes.
    pub log_clear_bytes: u64,
    /// How long `virDomainGetJobStats` takes.
    pub monitor_latency: Duration,
}

impl Default for Qemu {
    /// QEMU 10.0's defaults under libvirt; costs as measured on small guests, or reported for big ones.
    fn default() -> Self {
        Self {
            downtime_limit_ms: 300,
            speed_mib_per_s: UNLIMITED_MIB_PER_S,
            avail_switchover_bytes_per_s: None,
            postcopy: false,
            auto_converge: None,
            device_bytes: 0,
            device_shrinks_bytes_per_s: 0,
            spin_bytes_per_s: 2_000_000,
            setup: Duration::from_millis(20),
            fixed_pause: Duration::from_millis(25),
            postcopy_pause: Duration::from_millis(280),
            postcopy_pause_per_gib: Duration::from_millis(16),
            postcopy_speed_mib_per_s: 0,
            fetch_bytes_per_s: 1_125_000_000,
            sync: Duration::from_millis(1),
            sync_per_gib: Duration::from_micros(400),
            zero_scan_bytes_per_s: 6_000_000_000,
            zero_page_bytes: 9,
            page_header_bytes: 8,
            log_clear_bytes: 1 << 30,
            monitor_latency: Duration::from_millis(2),
        }
    }
}

impl Qemu {
    /// An ideal QEMU: only pages cost time or bytes. For closed forms.
    #[must_use]
    pub fn ideal() -> Self {
        Self {
            setup: Duration::ZERO,
            fixed_pause: Duration::ZERO,
            postcopy_pause: Duration::ZERO,
            postcopy_pause_per_gib: Duration::ZERO,
            fetch_bytes_per_s: u64::MAX,
            sync: Duration::ZERO,
            sync_per_gib: Duration::ZERO,
            zero_page_bytes: 0,
            page_header_bytes: 0,
            ..Self::default()
        }
    }

    /// The duration of one sync of `total_bytes` of memory, ns.
    pub(super) fn sync_ns(&self, total_bytes: u64) -> u64 {
        let growing = super::scale(total_bytes, super::nanos(self.sync_per_gib), 1 << 30);
        super::nanos(self.sync).saturating_add(growing)
    }

    /// Pending data other than memory at `now_ns`, bytes.
    pub(super) fn device_bytes(&self, now_ns: u64) -> u64 {
        let gone = super::scale(self.device_shrinks_bytes_per_s, now_ns, super::NANOS_PER_S);
        self.device_bytes.saturating_sub(gone)
    }

    /// The pause of switching to post-copy with so much missing, ns.
    pub(super) fn postcopy_pause_ns(&self, missing_bytes: u64) -> u64 {
        let per_gib = super::nanos(self.postcopy_pause_per_gib);
        let growing = super::scale(missing_bytes, per_gib, 1 << 30);
        super::nanos(self.postcopy_pause).saturating_add(growing)
    }

    /// Bytes on the wire for `raw_bytes` of memory.
    pub(super) fn wire_bytes(&self, raw_bytes: u64, zero: bool) -> u64 {
        let page = if zero {
            self.zero_page_bytes
        } else {
            PAGE_BYTES + self.page_header_bytes
        };
        super::scale(raw_bytes, page, PAGE_BYTES)
    }

    /// The time to find and send `raw_bytes` of memory at `bytes_per_s`, ns; never 0.
    pub(super) fn send_ns(&self, raw_bytes: u64, zero: bool, bytes_per_s: u64) -> u64 {
        let wire = super::scale(
            self.wire_bytes(raw_bytes, zero),
            super::NANOS_PER_S,
            bytes_per_s,
        );
        let scan = if zero {
            super::scale(raw_bytes, super::NANOS_PER_S, self.zero_scan_bytes_per_s)
        } else {
            0
        };
        wire.saturating_add(scan).max(1)
    }
}
