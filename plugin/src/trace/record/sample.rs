//! One sample of the job.

use libvirt_hpc_control::sample::{Faults, JobState, Sample, Settings};
use libvirt_hpc_control::time::Timestamp;
use serde::{Deserialize, Serialize};

/// [`JobState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", remote = "JobState")]
pub(crate) enum JobStateDef {
    Setup,
    Precopy,
    Switchover,
    Postcopy,
    Ended,
}

/// [`Sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of Sample, which says what they are"
)]
pub struct SampleRecord {
    pub at_ns: u64,
    #[serde(with = "JobStateDef")]
    pub state: JobState,
    pub iteration: u64,
    pub sync_at_ns: Option<u64>,
    pub elapsed_ms: u64,
    pub total_bytes: u64,
    pub processed_bytes: u64,
    pub remaining_bytes: u64,
    pub disk_remaining_bytes: u64,
    pub window_bytes_per_s: u64,
    pub dirty_bytes_per_s: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub throttle_percent: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub compression_cache_bytes: u64,
    pub vcpu_time_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults_at_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults_pages: Option<u64>,
    pub settings_downtime_ms: Option<u64>,
    pub settings_speed_mib_per_s: Option<u64>,
}

/// Most migrations are not throttled, and their traces need not say so in every sample.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(super) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<&Sample> for SampleRecord {
    fn from(sample: &Sample) -> Self {
        Self {
            at_ns: sample.at.as_nanos(),
            state: sample.state,
            iteration: sample.iteration,
            sync_at_ns: sample.sync_at.map(Timestamp::as_nanos),
            elapsed_ms: sample.elapsed_ms,
            total_bytes: sample.total_bytes,
            processed_bytes: sample.processed_bytes,
            remaining_bytes: sample.remaining_bytes,
            disk_remaining_bytes: sample.disk_remaining_bytes,
            window_bytes_per_s: sample.window_bytes_per_s,
            dirty_bytes_per_s: sample.dirty_bytes_per_s,
            throttle_percent: sample.throttle_percent,
            compression_cache_bytes: sample.compression_cache_bytes,
            vcpu_time_ns: sample.vcpu_time_ns,
            faults_at_ns: sample.faults.map(|faults| faults.at.as_nanos()),
            faults_pages: sample.faults.map(|faults| faults.pages),
            settings_downtime_ms: sample.settings.map(|s| s.downtime_ms),
            settings_speed_mib_per_s: sample.settings.map(|s| s.speed_mib_per_s),
        }
    }
}

impl From<&SampleRecord> for Sample {
    fn from(record: &SampleRecord) -> Self {
        let settings = record
            .settings_downtime_ms
            .zip(record.settings_speed_mib_per_s);
        let faults = record.faults_at_ns.zip(record.faults_pages);
        Self {
            at: Timestamp::from_nanos(record.at_ns),
            state: record.state,
            iteration: record.iteration,
            sync_at: record.sync_at_ns.map(Timestamp::from_nanos),
            elapsed_ms: record.elapsed_ms,
            total_bytes: record.total_bytes,
            processed_bytes: record.processed_bytes,
            remaining_bytes: record.remaining_bytes,
            disk_remaining_bytes: record.disk_remaining_bytes,
            window_bytes_per_s: record.window_bytes_per_s,
            dirty_bytes_per_s: record.dirty_bytes_per_s,
            throttle_percent: record.throttle_percent,
            compression_cache_bytes: record.compression_cache_bytes,
            vcpu_time_ns: record.vcpu_time_ns,
            faults: faults.map(|(at_ns, pages)| Faults {
                at: Timestamp::from_nanos(at_ns),
                pages,
            }),
            settings: settings.map(|(downtime_ms, speed_mib_per_s)| Settings {
                downtime_ms,
                speed_mib_per_s,
            }),
        }
    }
}
