//! KVM's count of the guest's page faults, as a reader would see it, true or false.

use libvirt_hpc_control::sample::Faults;
use libvirt_hpc_control::time::Timestamp;

use super::random::SplitMix64;
use super::{NANOS_PER_S, scale};

/// The least time between two readings, ns: the adapter's pace.
const APART_NS: u64 = 100_000_000;

/// How long a noisy counter has the same error, ns.
const NOISE_NS: u64 = 1_000_000_000;

/// The kind of counter of first writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counter {
    /// Nothing, as without KVM.
    #[default]
    None,
    /// Every one of them.
    Exact,
    /// 80 to 120 of a hundred, another share every second.
    Noisy,
    /// Every one, and others: memory touched for the first time, the host's NUMA balancing.
    Extra {
        /// Faults a second that are no writes.
        per_s: u64,
    },
    /// One of two.
    Half,
    /// None of them, as under Intel's PML.
    Deaf,
}

/// The counter at work.
#[derive(Clone, Debug)]
pub(super) struct FaultCounter {
    counter: Counter,
    seed: u64,
    /// When it was read last, ns, and what had been written then, pages.
    last: Option<(u64, u64)>,
    /// Hundredths of pages.
    counted: u64,
}

impl FaultCounter {
    pub(super) fn new(counter: Counter, seed: u64) -> Self {
        Self {
            counter,
            seed,
            last: None,
            counted: 0,
        }
    }

    /// Whether a reading is due now.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        self.counter != Counter::None
            && self
                .last
                .is_none_or(|(last_ns, _)| now_ns.saturating_sub(last_ns) >= APART_NS)
    }

    /// The reading, with `pages` written for the first time so far.
    pub(super) fn read(&mut self, now_ns: u64, pages: u64) -> Faults {
        let (last_ns, last_pages) = self.last.replace((now_ns, pages)).unwrap_or_default();
        let (span_ns, more) = (now_ns - last_ns, pages.saturating_sub(last_pages));
        self.counted += match self.counter {
            Counter::None | Counter::Deaf => 0,
            Counter::Exact => more * 100,
            Counter::Noisy => more * self.share_percent(now_ns),
            Counter::Extra { per_s } => (more + scale(per_s, span_ns, NANOS_PER_S)) * 100,
            Counter::Half => more * 50,
        };
        Faults {
            at: Timestamp::from_nanos(now_ns),
            pages: self.counted / 100,
        }
    }

    fn share_percent(&self, now_ns: u64) -> u64 {
        let second = now_ns / NOISE_NS;
        let mut random = SplitMix64::new(self.seed ^ second.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        80 + random.below(41) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reading after so many pages, written in two seconds.
    fn read(counter: Counter, pages: u64) -> u64 {
        let mut faults = FaultCounter::new(counter, 7);
        faults.read(0, 0);
        faults.read(NANOS_PER_S, pages / 2);
        faults.read(2 * NANOS_PER_S, pages).pages
    }

    #[test]
    fn each_counter_errs_in_its_own_way() {
        assert_eq!(read(Counter::Exact, 1001), 1001);
        assert_eq!(read(Counter::Half, 1000), 500);
        assert_eq!(read(Counter::Deaf, 1000), 0);
        assert_eq!(read(Counter::Extra { per_s: 10 }, 1000), 1020);
        let noisy = read(Counter::Noisy, 1000);
        assert!((800..=1200).contains(&noisy) && noisy != 1000, "{noisy}");
    }

    #[test]
    fn the_counter_is_read_ten_times_a_second_at_most() {
        let mut faults = FaultCounter::new(Counter::Exact, 0);
        assert!(faults.is_due(0));
        faults.read(0, 0);
        assert!(!faults.is_due(APART_NS - 1) && faults.is_due(APART_NS));
        assert!(!FaultCounter::new(Counter::None, 0).is_due(APART_NS));
    }
}
