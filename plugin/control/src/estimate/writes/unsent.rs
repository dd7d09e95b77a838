//! Memory still to be sent in the present round.

use core::time::Duration;

use crate::rate::{in_span, per_second, scale};
use crate::sample::Sample;
use crate::time::Timestamp;

/// QEMU protects memory in chunks of this size: of the pages waiting to be sent, no more than this can have been
/// written and counted.
pub(super) const PROTECTED_BYTES: u64 = 1 << 30;

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
