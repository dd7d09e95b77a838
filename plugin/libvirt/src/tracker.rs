//! From libvirt's answers to the controller's samples.

use core::time::Duration;

use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

use crate::domain::DomainState;
use crate::stats::JobStats;

/// One answer of libvirt about the job.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// The domain is there.
    Present(&'a JobStats, DomainState),
    /// The domain is gone, or does not run.
    Gone,
}

/// How far a job had come: it never falls within one.
#[derive(Clone, Copy, Debug)]
struct Progress {
    elapsed_ms: u64,
    processed: u64,
}

impl Progress {
    fn of(stats: &JobStats) -> Self {
        Self {
            elapsed_ms: stats.time_elapsed_ms.unwrap_or(0),
            processed: stats.memory_processed.unwrap_or(0),
        }
    }

    /// Whether this is of a job that began after `earlier`'s. Both must have fallen: the elapsed time
    /// is from the wall clock, which may be set back.
    fn restarted_since(self, earlier: Self) -> bool {
        self.elapsed_ms < earlier.elapsed_ms && self.processed < earlier.processed
    }
}

/// Follows one outgoing migration from before its beginning to its end.
#[derive(Debug, Default)]
pub struct Tracker {
    seen: Option<Progress>,
    began: Option<Timestamp>,
    not_before: Timestamp,
    set_forward: Duration,
    ended: bool,
    suspended: bool,
}

impl Tracker {
    /// This program has suspended the guest: its pause is no switchover.
    pub fn suspended(&mut self) {
        self.suspended = true;
    }

    /// Whether this program has suspended the guest.
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// The job began then, as seen earlier.
    pub fn began(&mut self, at: Timestamp) {
        self.began = Some(at);
    }

    /// There was no job at that time, since when the wall clock was set forward by so much.
    pub fn not_before(&mut self, at: Timestamp, set_forward: Duration) {
        (self.not_before, self.set_forward) = (at, set_forward);
    }

    /// The age of the job, by a clock that does not step: libvirt follows the wall clock, and counts only at the first
    /// sample. A job that would have begun before it can have is one since whose beginning that clock was set forward.
    pub fn elapsed(&mut self, at: Timestamp, stats: &JobStats) -> Duration {
        let reported = Duration::from_millis(stats.time_elapsed_ms.unwrap_or(0));
        if !stats.is_outgoing_migration() {
            return reported;
        }
        let age = if at.before(reported) < self.not_before {
            let corrected = reported.saturating_sub(self.set_forward);
            corrected.min(at.since(self.not_before))
        } else {
            reported
        };
        at.since(*self.began.get_or_insert(at.before(age)))
    }

    /// The final statistics of the job, which came `at` that time, with its age by the same clock: a wall clock that has
    /// stepped would make it another.
    pub(crate) fn complete(&self, at: Timestamp, stats: JobStats) -> JobStats {
        let age = self.began.map(|began| at.since(began).as_millis());
        JobStats {
            time_elapsed_ms: age
                .and_then(|ms| u64::try_from(ms).ok())
                .or(stats.time_elapsed_ms),
            ..stats
        }
    }

    /// The state of the migration after `reading`. An end is final: a later job is another migration.
    pub fn observe(&mut self, reading: Reading<'_>) -> JobState {
        let state = self.judge(reading);
        self.ended |= state == JobState::Ended;
        state
    }

    fn judge(&mut self, reading: Reading<'_>) -> JobState {
        let Reading::Present(stats, domain) = reading else {
            return JobState::Ended;
        };
        if self.ended {
            return JobState::Ended;
        }
        if !stats.is_outgoing_migration() {
            return if self.seen.is_some() {
                JobState::Ended
            } else {
                JobState::Setup
            };
        }
        let progress = Progress::of(stats);
        if self
            .seen
            .is_some_and(|earlier| progress.restarted_since(earlier))
        {
            return JobState::Ended;
        }
        self.seen = Some(progress);
        self.running(stats, domain)
    }

    fn running(&self, stats: &JobStats, domain: DomainState) -> JobState {
        let flows = stats.memory_total.unwrap_or(0) > 0 && stats.memory_iteration.unwrap_or(0) > 0;
        if domain.is_postcopy() {
            JobState::Postcopy
        } else if domain.is_paused_for_migration() && !self.suspended {
            JobState::Switchover
        } else if flows {
            JobState::Precopy
        } else {
            JobState::Setup
        }
    }
}

/// `stats` in the controller's terms; absent fields are zero.
pub fn sample(at: Timestamp, state: JobState, stats: &JobStats) -> Sample {
    let page_size = stats.memory_page_size.unwrap_or(0);
    Sample {
        at,
        state,
        iteration: stats.memory_iteration.unwrap_or(0),
        sync_at: None,
        elapsed_ms: stats.time_elapsed_ms.unwrap_or(0),
        total_bytes: stats.memory_total.unwrap_or(0),
        processed_bytes: stats.memory_processed.unwrap_or(0),
        remaining_bytes: stats.memory_remaining.unwrap_or(0),
        disk_remaining_bytes: stats.disk_remaining.unwrap_or(0),
        window_bytes_per_s: stats.memory_bps.unwrap_or(0),
        dirty_bytes_per_s: stats
            .memory_dirty_rate
            .unwrap_or(0)
            .saturating_mul(page_size),
        throttle_percent: stats.auto_converge_throttle_percent.unwrap_or(0),
        compression_cache_bytes: stats.compression_cache.unwrap_or(0),
        vcpu_time_ns: None,
        faults: None,
        settings: None,
    }
}

#[cfg(test)]
mod tests;
