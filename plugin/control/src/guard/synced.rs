//! The remaining memory that the last sync found.

use crate::sample::Sample;

/// The remaining memory that a sync found, and which sync: between syncs `memory_remaining` is not what a switchover
/// would send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Synced {
    pub(super) iteration: u64,
    pub(super) remaining_bytes: u64,
}

impl Synced {
    pub(super) fn follow(&mut self, sample: &Sample) {
        if sample.iteration != self.iteration {
            *self = Self {
                iteration: sample.iteration,
                remaining_bytes: sample.remaining_bytes,
            };
        }
    }

    /// Memory dirtied in the last round; zero for the first sync, which finds all of memory.
    pub(super) fn dirty_bytes(&self) -> u64 {
        if self.iteration < 2 {
            return 0;
        }
        self.remaining_bytes
    }
}
