//! The end of a migration, and its cost.

use std::time::Duration;

/// The end of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The guest runs on the destination, all its memory with it.
    Completed,
    /// The same, by way of post-copy.
    Postcopy,
    /// The job was aborted: the guest runs on the source.
    Aborted,
    /// The job failed: the guest runs on the source.
    Failed,
    /// It had not ended by the horizon.
    Never,
}

/// A sync, with its true values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sync {
    /// When it ended, from the job's begin.
    pub at: Duration,
    /// Remaining bytes right after it.
    pub remaining_bytes: u64,
}

/// The cost of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// From the job's begin to its end.
    pub total: Duration,
    /// How long the guest was paused.
    pub pause: Duration,
    /// How long it ran under pre-copy.
    pub precopy: Duration,
    /// The guest's work lost to throttling, as time at full speed.
    pub throttled: Duration,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bitmap syncs (`memory_iteration`), the first at setup and the last in the pause.
    pub iterations: u64,
}

impl Outcome {
    /// `J = pause + delta x precopy`, seconds (docs/control-law.md, section 1), and the work lost to throttling;
    /// infinite if the guest did not arrive. Without the cost of post-copy after its pause.
    #[must_use]
    pub fn j(&self, delta: f64) -> f64 {
        match self.end {
            End::Completed | End::Postcopy => self.spent(delta),
            End::Aborted | End::Failed | End::Never => f64::INFINITY,
        }
    }

    /// The same so far, whether or not the guest arrives, seconds.
    #[must_use]
    pub fn spent(&self, delta: f64) -> f64 {
        let lost = self.pause + self.throttled;
        lost.as_secs_f64() + delta * self.precopy.as_secs_f64()
    }

    /// How long the guest ran with memory still missing, after post-copy's pause.
    #[must_use]
    pub fn fetch(&self) -> Duration {
        let before = self.precopy.saturating_add(self.pause);
        match self.end {
            End::Postcopy => self.total.saturating_sub(before),
            _ => Duration::ZERO,
        }
    }
}
