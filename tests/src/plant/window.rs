//! QEMU's estimates: the window's bandwidth, the threshold, the dirty rate, the expected downtime
//! (`migration_update_counters`, migration/migration.c; `migration_trigger_throttle` and `migration_update_rates`,
//! migration/ram.c).

use libvirt_hpc_control::sample::Settings;

use super::qemu::{MAX_DOWNTIME_MS, Qemu, WINDOW_NS};
use super::{NANOS_PER_S, scale};

/// Fewest bytes in a window for which QEMU computes an expected downtime.
const EXPECTED_MIN_BYTES: u64 = 10_000;

/// The dirty rate is computed anew at a sync later than this after the last time, ns.
const DIRTY_RATE_MIN_NS: u64 = 1_000_000_000;

/// QEMU's counters.
#[derive(Clone, Debug)]
pub(super) struct Window {
    start_ns: u64,
    sent_bytes: u64,
    limit_bytes: u64,
    pub(super) bytes_per_s: u64,
    pub(super) threshold_bytes: u64,
    pub(super) dirty_bytes_per_s: u64,
    pub(super) expected_downtime_ms: u64,
    dirtied_bytes: u64,
    dirtied_since_ns: u64,
    last_sync_remaining_bytes: u64,
}

impl Window {
    /// Memory begins to flow at `now_ns`: the threshold is 0 until the first window is over.
    pub(super) fn begin(now_ns: u64, settings: Settings, remaining_bytes: u64) -> Self {
        Self {
            start_ns: now_ns,
            sent_bytes: 0,
            limit_bytes: window_limit(settings.speed_mib_per_s),
            bytes_per_s: 0,
            threshold_bytes: 0,
            dirty_bytes_per_s: 0,
            expected_downtime_ms: settings.downtime_ms,
            dirtied_bytes: 0,
            dirtied_since_ns: now_ns,
            last_sync_remaining_bytes: remaining_bytes,
        }
    }

    pub(super) fn sent(&mut self, wire_bytes: u64) {
        self.sent_bytes = self.sent_bytes.saturating_add(wire_bytes);
    }

    /// Bytes that `max-bandwidth` still allows in this window.
    pub(super) fn budget_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(self.sent_bytes)
    }

    /// When it can be over, ns.
    pub(super) fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(WINDOW_NS)
    }

    /// Ends the window if it is at least 100 ms old; the settings now in force are those of the next.
    /// Whether a new one has begun.
    pub(super) fn update(&mut self, now_ns: u64, settings: Settings, qemu: &Qemu) -> bool {
        if now_ns < self.end_ns() {
            return false;
        }
        self.bytes_per_s = scale(self.sent_bytes, NANOS_PER_S, now_ns - self.start_ns);
        let switchover = qemu
            .avail_switchover_bytes_per_s
            .unwrap_or(self.bytes_per_s);
        let limit_ms = settings.downtime_ms.min(MAX_DOWNTIME_MS);
        self.threshold_bytes = scale(switchover, limit_ms, 1000);
        if self.dirty_bytes_per_s != 0 && self.sent_bytes > EXPECTED_MIN_BYTES {
            self.expected_downtime_ms = scale(self.last_sync_remaining_bytes, 1000, switchover);
        }
        self.start_ns = now_ns;
        self.sent_bytes = 0;
        self.limit_bytes = window_limit(settings.speed_mib_per_s);
        true
    }

    /// A sync found `new_bytes` newly dirty and leaves `remaining_bytes`.
    pub(super) fn synced(&mut self, now_ns: u64, new_bytes: u64, remaining_bytes: u64) {
        self.dirtied_bytes = self.dirtied_bytes.saturating_add(new_bytes);
        self.last_sync_remaining_bytes = remaining_bytes;
        let age_ns = now_ns.saturating_sub(self.dirtied_since_ns);
        if age_ns > DIRTY_RATE_MIN_NS {
            self.dirty_bytes_per_s = scale(self.dirtied_bytes, NANOS_PER_S, age_ns);
            self.dirtied_bytes = 0;
            self.dirtied_since_ns = now_ns;
        }
    }
}

/// Bytes a window may carry at `speed_mib_per_s`; 0 is unlimited, as in QEMU.
fn window_limit(speed_mib_per_s: u64) -> u64 {
    if speed_mib_per_s == 0 {
        return u64::MAX;
    }
    scale(
        speed_mib_per_s.saturating_mul(1 << 20),
        WINDOW_NS,
        NANOS_PER_S,
    )
}
