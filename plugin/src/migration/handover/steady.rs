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

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn sample(iteration: u64, downtime_ms: u64) -> Sample {
        Sample {
            iteration,
            settings: Some(limits(downtime_ms)),
            ..Sample::default()
        }
    }

    const fn limits(downtime_ms: u64) -> Settings {
        Settings {
            downtime_ms,
            speed_mib_per_s: 20,
        }
    }

    #[test]
    fn a_limit_that_nobody_has_set_must_stay_for_three_seconds() {
        let watch = SteadyLimits::new(limits(300), 2, at(1_000));
        assert!(!watch.have_stayed(at(3_999)));
        assert!(watch.have_stayed(at(4_000)));
    }

    #[test]
    fn a_limit_that_is_set_is_watched_over_the_next_sync_or_for_a_minute() {
        let mut watch = SteadyLimits::new(limits(50), 2, at(1_000));
        assert!(watch.stay(&sample(2, 50)));
        assert!(!watch.have_stayed(at(60_999)));
        assert!(watch.have_stayed(at(61_000)));
        assert!(watch.stay(&sample(3, 50)));
        assert!(watch.stay(&sample(3, 50)), "it was seen once");
        assert!(watch.have_stayed(at(4_000)));
        assert!(!watch.have_stayed(at(3_999)), "no sooner than any");
    }

    #[test]
    fn limits_that_move_do_not_stay_and_none_tell_nothing() {
        let mut watch = SteadyLimits::new(limits(50), 2, at(0));
        assert!(!watch.stay(&sample(2, 51)));
        let silent = Sample {
            settings: None,
            ..sample(2, 0)
        };
        assert!(watch.stay(&silent));
    }
}
