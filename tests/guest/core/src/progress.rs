//! The progress of a program that computes, for the heartbeat.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counters that the program raises and the heartbeat reads.
#[derive(Debug, Default)]
pub struct Progress {
    steps: AtomicU64,
    corrupt: AtomicU64,
    checks: AtomicU64,
    phase: AtomicUsize,
}

impl Progress {
    /// Steps done so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Counts `steps` more.
    pub fn add_steps(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    /// Verifications that failed so far.
    #[must_use]
    pub fn corrupt(&self) -> u64 {
        self.corrupt.load(Ordering::Relaxed)
    }

    /// Verifications completed so far, with any result.
    #[must_use]
    pub fn checks(&self) -> u64 {
        self.checks.load(Ordering::Acquire)
    }

    /// Counts one completed verification.
    pub fn add_check(&self, intact: bool) {
        self.corrupt
            .fetch_add(u64::from(!intact), Ordering::Relaxed);
        self.checks.fetch_add(1, Ordering::Release);
    }

    /// Index of the phase the program is in; 0 if it has none.
    #[must_use]
    pub fn phase(&self) -> usize {
        self.phase.load(Ordering::Relaxed)
    }

    /// The program enters `phase`.
    pub fn enter(&self, phase: usize) {
        self.phase.store(phase, Ordering::Relaxed);
    }
}
