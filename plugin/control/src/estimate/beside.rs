//! What is pending beside memory: the dirty bitmap of a disk that is copied along, the state of a device.
//!
//! QEMU stops the guest when memory *and all else* that is pending is below limit x bandwidth, and it does not even look
//! at the dirty log before (`migration_iteration_run`, QEMU `migration/migration.c`; since 9.0). `memory_remaining` shows
//! the memory alone. The rest is told by what QEMU does not do:
//!
//! ```text
//!   no memory is left, and QEMU does not look again ----> the rest is at least limit x bandwidth   (stalled)
//!   a sync finds less than that, and the guest runs on -> the rest is at least the difference       (refused)
//! ```
//! Each time, more is allowed for: what is true is found within a factor, from below.

use core::time::Duration;

use super::round::Round;
use crate::sample::Sample;
use crate::time::Timestamp;

/// How long no memory is left before that tells: QEMU looks as soon as it has sent the last page, and reckons its
/// threshold anew each 100 ms (`BUFFER_DELAY`, `migration/migration.c`).
const STALL: Duration = Duration::from_millis(120);

/// How much more is allowed for while QEMU stalls: it sends nothing meanwhile, so few steps are better than small ones.
const STALLED_FOLD: u64 = 4;

/// How much more is allowed for after a refusal.
const REFUSED_FOLD: u64 = 2;

/// A sync must find less than this share of QEMU's threshold for the rest to show, per cent: windows vary.
const REFUSED_PERCENT: u64 = 95;

/// What is known of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    bytes: u64,
    last: Option<Look>,
    /// Since when no memory is left in this round, or since more was allowed for.
    empty: Option<Timestamp>,
    stalled: bool,
    /// What a sync has shown, to be confirmed by the next look: the guest may be stopping just then.
    refused: Option<u64>,
}

/// What one look showed of QEMU's threshold.
#[derive(Clone, Copy, Debug)]
struct Look {
    iteration: u64,
    processed_bytes: u64,
    /// limit x bandwidth, bytes.
    threshold_bytes: u64,
}

impl Beside {
    /// Takes in a look with memory flowing, and the round that it ended. `told` is the bandwidth that QEMU was told to
    /// reckon with, bytes per second.
    pub fn update(&mut self, sample: &Sample, round: Option<&Round>, told: Option<u64>) {
        if let Some(least) = self.refused.take() {
            self.bytes = self.bytes.max(least.saturating_mul(REFUSED_FOLD));
        }
        let Some(look) = Look::of(sample, told) else {
            return;
        };
        let Some(last) = self.last.replace(look) else {
            return;
        };
        let threshold = look.threshold_bytes.min(last.threshold_bytes);
        if look.iteration != last.iteration {
            if core::mem::take(&mut self.stalled) {
                // QEMU has looked: all of it was below the threshold.
                self.bytes = self
                    .bytes
                    .min(look.threshold_bytes.max(last.threshold_bytes));
            }
            self.empty = None;
            self.refused = round
                .map(|round| round.remaining_bytes)
                .filter(|&found| found < threshold / 100 * REFUSED_PERCENT)
                .map(|found| threshold - found);
            return;
        }
        // Where a link is cut, no memory may be left either, but nothing is sent of anything.
        if sample.remaining_bytes > 0 || look.processed_bytes == last.processed_bytes {
            self.empty = None;
            return;
        }
        let since = *self.empty.get_or_insert(sample.at);
        if sample.at.since(since) >= STALL {
            self.stalled = true;
            self.empty = Some(sample.at);
            // More than QEMU takes for a limit is of no use to allow for.
            if threshold >= self.bytes / 2 {
                self.bytes = self.bytes.max(threshold).saturating_mul(STALLED_FOLD);
            }
        }
    }

    /// What is allowed for, bytes; zero while nothing shows any of it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether QEMU has nothing left to send of memory, and waits for nothing but a higher limit. Its windows measure no
    /// link meanwhile.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Whether that may be about to show.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.empty.is_some()
    }
}

impl Look {
    fn of(sample: &Sample, told: Option<u64>) -> Option<Self> {
        let limit_ms = sample.settings?.downtime_ms;
        let compared = told.unwrap_or(sample.window_bytes_per_s);
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

    /// A look at a job whose limit is 10 ms: 1 MB.
    fn look(at_ms: u64, iteration: u64, remaining_bytes: u64) -> Sample {
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

    /// The same while QEMU compares with so much more.
    fn raised(at_ms: u64, fold: u64) -> Sample {
        Sample {
            window_bytes_per_s: fold * WINDOW,
            ..look(at_ms, 1, 0)
        }
    }

    #[test]
    fn nothing_left_and_no_look_for_a_window_is_a_stall_and_each_window_allows_for_more() {
        let mut beside = Beside::default();
        beside.update(&look(0, 1, 5), None, None);
        beside.update(&look(100, 1, 0), None, None);
        assert!(beside.is_doubtful() && !beside.is_stalled());
        beside.update(&look(230, 1, 0), None, None);
        assert_eq!((beside.bytes(), beside.is_stalled()), (4_000_000, true));
        beside.update(&look(300, 1, 0), None, None);
        assert_eq!(beside.bytes(), 4_000_000, "QEMU has not reckoned anew yet");
        beside.update(&look(360, 1, 0), None, None);
        assert_eq!(beside.bytes(), 4_000_000, "nor is the limit in force");
        beside.update(&raised(450, 4), None, None);
        beside.update(&raised(490, 4), None, None);
        assert_eq!(beside.bytes(), 16_000_000);
        let looked = Sample {
            iteration: 2,
            ..raised(600, 10)
        };
        beside.update(&looked, Some(&round(3)), None);
        assert!(!beside.is_stalled());
        let most = "QEMU looked at a threshold of 10 MB";
        assert_eq!(beside.bytes(), 10_000_000, "{most}");
    }

    #[test]
    fn a_cut_link_is_no_stall() {
        let mut beside = Beside::default();
        let cut = |at_ms| Sample {
            processed_bytes: 7,
            ..look(at_ms, 1, 0)
        };
        (0..50).for_each(|n| beside.update(&cut(n * 100), None, None));
        assert_eq!((beside.bytes(), beside.is_stalled()), (0, false));
    }

    #[test]
    fn a_sync_that_finds_less_than_is_accepted_is_a_refusal_if_the_guest_runs_on() {
        let mut beside = Beside::default();
        beside.update(&look(0, 1, 5), None, None);
        beside.update(&look(100, 2, 0), Some(&round(400_000)), None);
        assert_eq!(beside.bytes(), 0, "it may be stopping");
        beside.update(&look(200, 2, 100), None, None);
        assert_eq!(beside.bytes(), 1_200_000);
        beside.update(&look(300, 3, 0), Some(&round(990_000)), None);
        beside.update(&look(400, 3, 100), None, None);
        assert_eq!(beside.bytes(), 1_200_000, "that may be a window");
    }

    #[test]
    fn nothing_overflows() {
        let mut beside = Beside::default();
        let most = |at_ms, iteration| Sample {
            window_bytes_per_s: u64::MAX,
            settings: Some(Settings {
                downtime_ms: u64::MAX,
                speed_mib_per_s: 0,
            }),
            ..look(at_ms, iteration, 0)
        };
        (0..9).for_each(|n| beside.update(&most(n * 200, 1), None, Some(u64::MAX)));
        assert!(beside.bytes() > u64::MAX / 3);
        beside.update(&most(9_000, 2), Some(&round(u64::MAX)), None);
        beside.update(&most(9_100, 2), None, None);
    }
}
