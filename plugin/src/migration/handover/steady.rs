//! Whether the limits of a migration that was found in its midst stay as they were found.
//!
//! A controller on another host shows only by moving them, at a sync. A downtime limit that has been set and does not
//! move is the user's order.

use std::time::Duration;

use libvirt_hpc_control::sample::{Sample, Settings};
use libvirt_hpc_control::time::Timestamp;

use crate::migration::bounds::ordered_limit_ms;

/// For how long the limits of a migration found in its midst must not move before the agent sets them.
const GRACE: Duration = Duration::from_secs(3);

/// For how long at most a limit that has been set already is watched over the next sync, which is when a controller on
/// another host would move it.
const GRACE_SET: Duration = Duration::from_secs(60);

/// The watch over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SteadyLimits {
    found: Settings,
    iteration: u64,
    since: Timestamp,
    synced: bool,
}

impl SteadyLimits {
    /// Begins with what was `found` at `iteration`.
    #[must_use]
    pub fn new(found: Settings, iteration: u64, since: Timestamp) -> Self {
        Self {
            found,
            iteration,
            since,
            synced: ordered_limit_ms(found.downtime_ms).is_none(),
        }
    }

    /// Whether they have stayed for long enough.
    #[must_use]
    pub fn have_stayed(&self, now: Timestamp) -> bool {
        let watched = now.since(self.since);
        watched >= GRACE && (self.synced || watched >= GRACE_SET)
    }

    /// Whether they are as they were found. Without settings nothing tells otherwise.
    pub fn stay(&mut self, sample: &Sample) -> bool {
        self.synced |= sample.iteration > self.iteration;
        sample
            .settings
            .is_none_or(|settings| settings == self.found)
    }
}
