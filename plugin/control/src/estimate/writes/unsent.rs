//! Memory still to be sent in the present round.

use core::time::Duration;

use crate::rate::{in_span, per_second, scale};
use crate::sample::Sample;
use crate::time::Timestamp;

/// QEMU protects memory in chunks of this size: of the pages waiting to be sent, no more than this can have been
/// written and counted.
pub(super) const PROTECTED_BYTES: u64 = 1 << 30;

/// A guest of no more memory has one such chunk: of 1 GiB, and some MiB of video memory and firmware.
pub(super) const ONE_CHUNK_BYTES: u64 = PROTECTED_BYTES + (64 << 20);

/// The shortest span over which a rate is computed.
pub(super) const RATE_SPAN: Duration = Duration::from_millis(40);

/// How long QEMU sends before it checks whether it can stop the guest (`MAX_WAIT`, `migration/ram.c`).
const TICK: Duration = Duration::from_millis(50);

/// Follows the unsent memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unsent {
    at: Timestamp,
    bytes: u64,
    pub(super) iteration: u64,
    per_s: u64,
    /// The unsent memory when QEMU syncs; none if its limit is not known.
    at_sync_bytes: Option<u64>,
}

impl Unsent {
    pub(super) fn limit(&mut self, sample: &Sample) {
        self.at_sync_bytes = at_sync_bytes(sample).or(self.at_sync_bytes);
    }

    pub(super) fn follow(&mut self, sample: &Sample) {
        let span = sample.at.since(self.at);
        let same = self.iteration == sample.iteration;
        if same && span < RATE_SPAN {
            return;
        }
        if same {
            let gone_bytes = self.bytes.saturating_sub(sample.remaining_bytes);
            self.per_s = per_second(gone_bytes, span);
        }
        self.at = sample.at;
        self.bytes = sample.remaining_bytes;
        self.iteration = sample.iteration;
    }

    /// The unsent memory at `at`, at the present rate.
    pub(super) fn bytes_at(&self, at: Timestamp) -> u64 {
        self.bytes
            .saturating_sub(in_span(self.per_s, at.since(self.at)))
    }

    /// The same if QEMU syncs then.
    pub(super) fn bytes_at_sync(&self, at: Timestamp) -> u64 {
        self.bytes_at(at)
            .min(self.at_sync_bytes.unwrap_or(u64::MAX))
    }
}

/// The mean of the unsent memory when QEMU syncs to see whether it can stop the guest: less than its limit allows at
/// the rate of its last window. It checks each time it has sent for [`TICK`], so it may be that much less
/// (`migration_iteration_run`, `migration/migration.c`).
fn at_sync_bytes(sample: &Sample) -> Option<u64> {
    let limit = Duration::from_millis(sample.settings?.downtime_ms);
    let bytes_per_s = sample.window_bytes_per_s;
    if bytes_per_s == 0 {
        return None;
    }
    let (most, tick) = (
        in_span(bytes_per_s, limit),
        in_span(bytes_per_s, TICK).max(1),
    );
    Some(if most < tick {
        scale(most, most, tick) / 2
    } else {
        most - tick / 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Settings;

    const MB: u64 = 1_000_000;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// What is unsent after samples of so many ms, iteration and MB that remain.
    fn after(samples: &[(u64, u64, u64)]) -> Unsent {
        let mut unsent = Unsent::default();
        for &(at_ms, iteration, remaining_mb) in samples {
            unsent.follow(&Sample {
                at: at(at_ms),
                iteration,
                remaining_bytes: remaining_mb * MB,
                ..Sample::default()
            });
        }
        unsent
    }

    /// A sample with a downtime limit, ms, and QEMU's window, MB/s.
    fn limited(downtime_ms: u64, window_mb_per_s: u64) -> Sample {
        Sample {
            window_bytes_per_s: window_mb_per_s * MB,
            settings: Some(Settings {
                downtime_ms,
                speed_mib_per_s: 1,
            }),
            ..Sample::default()
        }
    }

    #[test]
    fn it_is_sent_at_the_rate_of_the_last_samples_of_a_round() {
        for (samples, at_ms, expected_mb) in [
            (&[(1000, 2, 500)][..], 2000, 500),
            (&[(1000, 2, 500), (1100, 2, 490)], 1100, 490),
            (&[(1000, 2, 500), (1100, 2, 490)], 1600, 440),
            (&[(1000, 2, 500), (1100, 2, 490)], 9000, 0),
            // Too soon to tell, ...
            (&[(1000, 2, 500), (1100, 2, 490), (1139, 2, 20)], 1600, 440),
            // ... and just long enough.
            (&[(1000, 2, 500), (1100, 2, 490), (1140, 2, 484)], 1600, 415),
            // The sync has found more; the link is the same.
            (&[(1000, 2, 500), (1100, 2, 490), (1110, 3, 700)], 1610, 650),
        ] {
            let bytes = after(samples).bytes_at(at(at_ms));
            assert_eq!(bytes, expected_mb * MB, "{samples:?} at {at_ms}");
        }
    }

    #[test]
    fn a_sync_comes_once_no_more_is_unsent_than_the_limit_allows_less_half_a_tick() {
        for (downtime_ms, window_mb_per_s, expected) in [
            (300, 100, Some(27_500_000)),
            (51, 100, Some(2_600_000)),
            // Less than a tick: by chance, the more seldom the less it is.
            (25, 100, Some(625_000)),
            (0, 100, Some(0)),
            (300, 0, None),
        ] {
            let limit = limited(downtime_ms, window_mb_per_s);
            assert_eq!(at_sync_bytes(&limit), expected, "{downtime_ms} ms");
        }
        assert_eq!(at_sync_bytes(&Sample::default()), None, "not read");
    }

    #[test]
    fn the_last_limit_that_was_read_bounds_what_a_sync_leaves_unsent() {
        let mut unsent = after(&[(1000, 2, 500), (1100, 2, 490)]);
        let at_sync = |unsent: &Unsent| unsent.bytes_at_sync(at(1600));
        assert_eq!(at_sync(&unsent), 440 * MB);
        unsent.limit(&limited(300, 100));
        unsent.limit(&Sample::default());
        assert_eq!(at_sync(&unsent), 27_500_000);
        unsent.limit(&limited(8000, 100));
        assert_eq!(at_sync(&unsent), 440 * MB, "less than it allows");
    }
}
