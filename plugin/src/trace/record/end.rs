//! The last record: the result.

use serde::{Deserialize, Serialize};

use super::sample::is_zero;

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Whether the domain was moved.
    pub moved: bool,
    /// libvirt's error, if it was not.
    pub error: Option<String>,
    /// What it took.
    pub totals: Totals,
}

/// What a migration took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// From the migrate call to its return, milliseconds.
    pub total_ms: u64,
    /// The pause, milliseconds, if known.
    pub pause_ms: Option<u64>,
    /// How the pause was measured.
    pub pause_by: Option<PauseBy>,
    /// Why it was not, if the guest was stopped in a way that QEMU does not measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_unknown: Option<PauseUnknown>,
    /// When it switched to post-copy, milliseconds of the job; none if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcopy_after_ms: Option<u64>,
    /// How much later all of its memory was there, milliseconds, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcopy_took_ms: Option<u64>,
    /// The guest's work that auto-converge took, as time at full speed, milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub throttled_ms: u64,
    /// Memory that was sent with XBZRLE, bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub differences_memory_bytes: u64,
    /// What was sent for it, bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub differences_sent_bytes: u64,
    /// Rounds of pre-copy.
    pub iterations: u64,
    /// Bytes of memory on the wire.
    pub sent_bytes: u64,
}

/// How a pause was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseBy {
    /// QEMU's own measure on the source, from the completed job's statistics.
    Qemu,
}

/// Why a pause was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseUnknown {
    /// The guest switched to post-copy: QEMU's `downtime` then ends when the source has sent the guest's
    /// state (`postcopy_start`, `migration/migration.c`), not when the guest runs again, and libvirt's is
    /// its own count from the stop on (`qemuDomainJobDataUpdateDowntime`, `src/qemu/qemu_domainjob.c`).
    Postcopy,
    /// It was suspended for the rest of the copy, before QEMU's switchover.
    Suspended,
}
