//! The link between the hosts.

use std::time::Duration;

use super::{nanos, random};

/// Each span of this length has its own jitter: QEMU's window (`BUFFER_DELAY`), so that every window sees another
/// bandwidth.
const SLOT_NS: u64 = 100_000_000;

/// Whole of a share in parts per million.
const MILLION: u64 = 1_000_000;

/// The link's rate over time. A rate of 0 is a cut: a write to the socket blocks.
#[derive(Clone, Debug)]
pub struct Link {
    /// Start times, ns, and the rate from then on, bytes/s; in order of time, the first at 0.
    rates: Vec<(u64, u64)>,
    jitter_ppm: u64,
}

impl Link {
    /// A steady link.
    #[must_use]
    pub fn new(bytes_per_s: u64) -> Self {
        Self {
            rates: vec![(0, bytes_per_s)],
            jitter_ppm: 0,
        }
    }

    /// 1 Gbit/s Ethernet as TCP sees it: 117 MB/s.
    #[must_use]
    pub fn gigabit() -> Self {
        Self::new(117_000_000)
    }

    /// Another rate from `at` on.
    #[must_use]
    pub fn then(mut self, at: Duration, bytes_per_s: u64) -> Self {
        self.rates.push((nanos(at), bytes_per_s));
        self.rates.sort_by_key(|(at_ns, _)| *at_ns);
        self
    }

    /// The rate of the beginning for good, with the same jitter.
    #[must_use]
    pub fn steady(mut self) -> Self {
        self.rates.truncate(1);
        self
    }

    /// Nothing passes from `at` on, for `lasting`; after that the rate is as it would be without the cut.
    #[must_use]
    pub fn cut(mut self, at: Duration, lasting: Duration) -> Self {
        let (from_ns, to_ns) = (nanos(at), nanos(at.saturating_add(lasting)));
        let after = self.base(to_ns);
        self.rates
            .retain(|(at_ns, _)| !(from_ns..=to_ns).contains(at_ns));
        self.rates.extend([(from_ns, 0), (to_ns, after)]);
        self.rates.sort_by_key(|(at_ns, _)| *at_ns);
        self
    }

    /// Each 100 ms the rate is multiplied by a factor, uniform in 1 - `percent`/100 to 1 + `percent`/100.
    #[must_use]
    pub fn jitter(self, percent: u8) -> Self {
        Self {
            jitter_ppm: u64::from(percent.min(100)) * MILLION / 100,
            ..self
        }
    }

    /// The rate at `at_ns`, bytes/s, and the moment until which it holds, ns.
    pub(super) fn rate(&self, seed: u64, at_ns: u64) -> (u64, u64) {
        let base = self.base(at_ns);
        let changes = self.rates.iter().map(|(change_ns, _)| *change_ns);
        let change = changes
            .filter(|change_ns| *change_ns > at_ns)
            .min()
            .unwrap_or(u64::MAX);
        if self.jitter_ppm == 0 || base == 0 {
            return (base, change);
        }
        let slot = at_ns / SLOT_NS;
        let draw = random::hash(seed, slot) % (2 * self.jitter_ppm + 1);
        let factor_ppm = MILLION - self.jitter_ppm + draw;
        (
            super::scale(base, factor_ppm, MILLION).max(1),
            change.min((slot + 1) * SLOT_NS),
        )
    }

    /// The rate without jitter.
    fn base(&self, at_ns: u64) -> u64 {
        self.rates
            .iter()
            .rev()
            .find(|(from_ns, _)| *from_ns <= at_ns)
            .map_or(0, |(_, rate)| *rate)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Link;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_cut_ends_with_the_rate_of_its_end() {
        let link = Link::new(100)
            .then(Duration::from_secs(4), 50)
            .cut(Duration::from_secs(3), Duration::from_secs(5));
        assert_eq!(link.rate(0, 0), (100, 3 * S));
        assert_eq!(link.rate(0, 3 * S), (0, 8 * S));
        assert_eq!(link.rate(0, 8 * S), (50, u64::MAX));
    }

    #[test]
    fn jitter_stays_in_its_band_and_has_the_rate_as_its_mean() {
        let link = Link::new(1_000_000).jitter(20);
        let rates: Vec<u64> = (0..2000)
            .map(|slot| link.rate(9, slot * S / 10).0)
            .collect();
        assert!(
            rates
                .iter()
                .all(|rate| (800_000..=1_200_000).contains(rate))
        );
        let mean = rates.iter().sum::<u64>() / 2000;
        // The standard error of the mean is 0.2/sqrt(3)/sqrt(2000) = 0.26 %: four of them.
        assert!(mean.abs_diff(1_000_000) < 10_400, "{mean}");
        assert_ne!(
            rates,
            (0..2000)
                .map(|slot| link.rate(8, slot * S / 10).0)
                .collect::<Vec<_>>()
        );
    }
}
