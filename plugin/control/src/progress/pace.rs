//! How fast the first round goes through memory, zero pages and others.

use core::time::Duration;

use crate::rate::per_second;
use crate::sample::Sample;
use crate::time::Timestamp;

/// The span over which it is measured: QEMU scans zero pages in bursts.
const SPAN: Duration = Duration::from_millis(500);

/// Follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Memory done, bytes per second; zero while unknown.
    pub(super) bytes_per_s: u64,
    from: Option<(Timestamp, u64)>,
}

impl Pace {
    /// Takes in a sample of a round.
    pub(super) fn follow(&mut self, sample: &Sample) {
        let (since, remaining_bytes) =
            *self.from.get_or_insert((sample.at, sample.remaining_bytes));
        let span = sample.at.since(since);
        if span < SPAN {
            return;
        }
        let done_bytes = remaining_bytes.saturating_sub(sample.remaining_bytes);
        self.bytes_per_s = per_second(done_bytes, span);
        self.from = Some((sample.at, sample.remaining_bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_measured_anew_each_half_second() {
        let mut pace = Pace::default();
        for (at_ms, remaining_bytes, bytes_per_s) in [
            (1000, 9000, 0),
            (1499, 8000, 0),
            (1500, 8000, 2000),
            (1999, 4000, 2000),
            (2500, 3000, 5000),
        ] {
            pace.follow(&Sample {
                at: Timestamp::from_nanos(at_ms * 1_000_000),
                remaining_bytes,
                ..Sample::default()
            });
            assert_eq!(pace.bytes_per_s, bytes_per_s, "{at_ms}");
        }
    }
}
