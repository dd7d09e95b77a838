//! Pending data other than memory: the state of a device, the dirty bitmap of a disk that is copied along.
//!
//! QEMU stops the guest when memory *and everything else* pending is below limit x bandwidth, and it does not even read
//! the dirty log before (`migration_iteration_run`, QEMU `migration/migration.c`; since 9.0). `memory_remaining` shows
//! memory alone. The rest shows in what QEMU does not do:
//!
//! ```text
//!   no memory remains, and QEMU does not sync -----------> the rest is at least limit x bandwidth   (stalled)
//!   a sync finds less than that, and the guest runs on -> the rest is at least the difference       (refused)
//! ```
//! Each time the allowance grows, so that it finds the true value from below, within that factor.

use core::time::Duration;

use super::round::Round;
use crate::sample::Sample;
use crate::time::Timestamp;

/// How long no memory remains before that is a stall: QEMU checks as soon as it has sent the last page, and computes
/// its threshold anew every 100 ms (`BUFFER_DELAY`, `migration/migration.c`).
const STALL: Duration = Duration::from_millis(120);

/// The growth of the allowance in a stall: QEMU sends nothing meanwhile, so few large steps are better than many small.
const STALLED_FOLD: u64 = 4;

/// The growth of the allowance after a refusal.
const REFUSED_FOLD: u64 = 2;

/// A sync must find less than this share of QEMU's threshold to be a refusal, per cent: windows vary.
const REFUSED_PERCENT: u64 = 95;

/// Estimates it.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceState {
    bytes: u64,
    last: Option<Poll>,
    /// Since when no memory remains in this round, or since the last growth of the allowance.
    empty: Option<Timestamp>,
    stalled: bool,
    /// The least that a sync has shown, to be confirmed by the next sample: the guest may be stopping just then.
    refused: Option<u64>,
}

/// QEMU's threshold at one sample.
#[derive(Clone, Copy, Debug)]
struct Poll {
    iteration: u64,
    processed_bytes: u64,
    /// limit x bandwidth, bytes.
    threshold_bytes: u64,
}

impl DeviceState {
    /// Takes in a sample with memory flowing, and the round that it ended. `configured` is the bandwidth configured in QEMU,
    /// bytes per second.
    pub fn update(&mut self, sample: &Sample, round: Option<&Round>, configured: Option<u64>) {
        if let Some(least) = self.refused.take() {
            self.bytes = self.bytes.max(least.saturating_mul(REFUSED_FOLD));
        }
        let Some(poll) = Poll::of(sample, configured) else {
            return;
        };
        let Some(last) = self.last.replace(poll) else {
            return;
        };
        let threshold = poll.threshold_bytes.min(last.threshold_bytes);
        if poll.iteration != last.iteration {
            if core::mem::take(&mut self.stalled) {
                // QEMU has synced: all of it was below the threshold.
                self.bytes = self
                    .bytes
                    .min(poll.threshold_bytes.max(last.threshold_bytes));
            }
            self.empty = None;
            self.refused = round
                .map(|round| round.remaining_bytes)
                .filter(|&found| found < threshold / 100 * REFUSED_PERCENT)
                .map(|found| threshold - found);
            return;
        }
        // If the link is cut, no memory may remain either, but nothing else is sent.
        if sample.remaining_bytes > 0 || poll.processed_bytes == last.processed_bytes {
            self.empty = None;
            return;
        }
        let since = *self.empty.get_or_insert(sample.at);
        if sample.at.since(since) >= STALL {
            self.stalled = true;
            self.empty = Some(sample.at);
            // An allowance above QEMU's largest limit is of no use.
            if threshold >= self.bytes / 2 {
                self.bytes = self.bytes.max(threshold).saturating_mul(STALLED_FOLD);
            }
        }
    }

    /// The allowance, bytes; zero while nothing shows any such data.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether QEMU has no memory to send, and waits for a higher limit. Its windows do not measure the link meanwhile.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Whether a stall may be about to show.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.empty.is_some()
    }
}

impl Poll {
    fn of(sample: &Sample, configured: Option<u64>) -> Option<Self> {
        let limit_ms = sample.settings?.downtime_ms;
        let compared = configured.unwrap_or(sample.window_bytes_per_s);
        let threshold = u128::from(compared) * u128::from(limit_ms) / 1000;
        Some(Self {
            iteration: sample.iteration,
            processed_bytes: sample.processed_bytes,
            threshold_bytes: u64::try_from(threshold).unwrap_or(u64::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Settings;

    const WINDOW: u64 = 100_000_000;

    /// A sample of a job with a limit of 10 ms: 1 MB.
    fn sample(at_ms: u64, iteration: u64, remaining_bytes: u64) -> Sample {
        Sample {
            at: Timestamp::from_nanos(at_ms * 1_000_000),
            iteration,
            processed_bytes: at_ms,
            remaining_bytes,
            window_bytes_per_s: WINDOW,
            settings: Some(Settings {
                downtime_ms: 10,
                speed_mib_per_s: 1,
            }),
            ..Sample::default()
        }
    }

    fn round(remaining_bytes: u64) -> Round {
        Round {
            remaining_bytes,
            ..Round::default()
        }
    }

    /// The same while QEMU's bandwidth is so many times higher.
    fn raised(at_ms: u64, fold: u64) -> Sample {
        Sample {
            window_bytes_per_s: fold * WINDOW,
            ..sample(at_ms, 1, 0)
        }
    }

    #[test]
    fn no_memory_and_no_sync_for_a_window_is_a_stall_and_each_raises_the_allowance() {
        let mut state = DeviceState::default();
        state.update(&sample(0, 1, 5), None, None);
        state.update(&sample(100, 1, 0), None, None);
        assert!(state.is_doubtful() && !state.is_stalled());
        state.update(&sample(230, 1, 0), None, None);
        assert_eq!((state.bytes(), state.is_stalled()), (4_000_000, true));
        state.update(&sample(300, 1, 0), None, None);
        assert_eq!(state.bytes(), 4_000_000, "no new window yet");
        state.update(&sample(360, 1, 0), None, None);
        assert_eq!(state.bytes(), 4_000_000, "the limit is not in force yet");
        state.update(&raised(450, 4), None, None);
        state.update(&raised(490, 4), None, None);
        assert_eq!(state.bytes(), 16_000_000);
        let synced = Sample {
            iteration: 2,
            ..raised(600, 10)
        };
        state.update(&synced, Some(&round(3)), None);
        assert!(!state.is_stalled());
        let most = "QEMU synced at a threshold of 10 MB";
        assert_eq!(state.bytes(), 10_000_000, "{most}");
    }

    #[test]
    fn a_cut_link_is_no_stall() {
        let mut state = DeviceState::default();
        let cut = |at_ms| Sample {
            processed_bytes: 7,
            ..sample(at_ms, 1, 0)
        };
        (0..50).for_each(|n| state.update(&cut(n * 100), None, None));
        assert_eq!((state.bytes(), state.is_stalled()), (0, false));
    }

    #[test]
    fn a_sync_below_the_threshold_is_a_refusal_if_the_guest_runs_on() {
        let mut state = DeviceState::default();
        state.update(&sample(0, 1, 5), None, None);
        state.update(&sample(100, 2, 0), Some(&round(400_000)), None);
        assert_eq!(state.bytes(), 0, "it may be stopping");
        state.update(&sample(200, 2, 100), None, None);
        assert_eq!(state.bytes(), 1_200_000);
        state.update(&sample(300, 3, 0), Some(&round(990_000)), None);
        state.update(&sample(400, 3, 100), None, None);
        assert_eq!(state.bytes(), 1_200_000, "that may be a window");
    }

    #[test]
    fn a_sync_within_a_twentieth_of_the_threshold_is_no_refusal() {
        for (found, bytes) in [(949_999, 100_002), (950_000, 0)] {
            let mut state = DeviceState::default();
            state.update(&sample(0, 1, 5), None, None);
            state.update(&sample(100, 2, 0), Some(&round(found)), None);
            state.update(&sample(200, 2, 100), None, None);
            assert_eq!(state.bytes(), bytes, "{found}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let mut state = DeviceState::default();
        let most = |at_ms, iteration| Sample {
            window_bytes_per_s: u64::MAX,
            settings: Some(Settings {
                downtime_ms: u64::MAX,
                speed_mib_per_s: 0,
            }),
            ..sample(at_ms, iteration, 0)
        };
        (0..9).for_each(|n| state.update(&most(n * 200, 1), None, Some(u64::MAX)));
        assert!(state.bytes() > u64::MAX / 3);
        state.update(&most(9_000, 2), Some(&round(u64::MAX)), None);
        state.update(&most(9_100, 2), None, None);
    }
}
