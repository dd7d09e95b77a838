//! Data carried by the link over time: the shortest duration of a flush, without running it.

use super::{Link, PlantConfig, Qemu};

/// Rounding of the steps to whole nanoseconds and bytes, as a share of a span and in all, seconds.
const ROUNDING_SHARE: f64 = 1e-6;
const ROUNDING_S: f64 = 1e-5;

/// A stretch of one rate.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from_ns: u64,
    to_ns: u64,
    /// Bytes of memory carried before it, and a nanosecond.
    before: f64,
    bytes_per_ns: f64,
}

impl Stretch {
    fn until(&self, at_ns: u64) -> f64 {
        self.before + (at_ns - self.from_ns) as f64 * self.bytes_per_ns
    }
}

/// The link from the job's beginning up to the last query.
#[derive(Debug)]
pub(super) struct Capacity<'a> {
    link: &'a Link,
    qemu: &'a Qemu,
    chunk_bytes: u64,
    seed: u64,
    stretches: Vec<Stretch>,
}

impl<'a> Capacity<'a> {
    pub(super) fn new(config: &'a PlantConfig) -> Self {
        Self {
            link: &config.link,
            qemu: &config.qemu,
            chunk_bytes: config.guest.chunk_bytes,
            seed: config.seed,
            stretches: Vec::new(),
        }
    }

    /// The shortest time for `bytes` of memory that holds data from `from_ns` on, seconds; infinite if they never
    /// arrive.
    pub(super) fn least_s(&mut self, from_ns: u64, bytes: u64) -> f64 {
        if bytes == 0 {
            return 0.0;
        }
        while self.end_ns() <= from_ns && self.extend() {}
        let first = self
            .stretches
            .partition_point(|stretch| stretch.to_ns <= from_ns);
        let Some(stretch) = self.stretches.get(first) else {
            return f64::INFINITY;
        };
        let goal = stretch.until(from_ns) + bytes as f64;
        while self.carried() < goal {
            if !self.extend() {
                return f64::INFINITY;
            }
        }
        let reached = |stretch: &Stretch| stretch.until(stretch.to_ns) >= goal;
        let last = self.stretches.partition_point(|stretch| !reached(stretch));
        let Some(stretch) = self.stretches.get(last) else {
            return f64::INFINITY;
        };
        let into_ns = (goal - stretch.before) / stretch.bytes_per_ns;
        let span_s = ((stretch.from_ns as f64 - from_ns as f64) + into_ns) / 1e9;
        span_s * (1.0 - ROUNDING_SHARE) - ROUNDING_S
    }

    fn end_ns(&self) -> u64 {
        self.stretches.last().map_or(0, |stretch| stretch.to_ns)
    }

    fn carried(&self) -> f64 {
        self.stretches
            .last()
            .map_or(0.0, |stretch| stretch.until(stretch.to_ns))
    }

    /// One stretch more; false at the end of time.
    fn extend(&mut self) -> bool {
        let from_ns = self.end_ns();
        if from_ns == u64::MAX {
            return false;
        }
        let (rate, to_ns) = self.link.rate(self.seed, from_ns);
        let bytes_per_ns = if rate == 0 {
            0.0
        } else {
            // Like the sender, whose nanoseconds are whole.
            self.chunk_bytes as f64 / self.qemu.send_ns(self.chunk_bytes, false, rate) as f64
        };
        self.stretches.push(Stretch {
            from_ns,
            to_ns,
            before: self.carried(),
            bytes_per_ns,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Guest, Link, PlantConfig, Qemu};
    use super::Capacity;

    fn near(found: f64, expected: f64) -> bool {
        (expected - 1e-4..=expected).contains(&found)
    }

    #[test]
    fn bytes_take_what_each_rate_leaves_of_them() {
        let link = Link::new(100_000_000)
            .then(Duration::from_secs(4), 50_000_000)
            .cut(Duration::from_secs(5), Duration::from_secs(2));
        let guest = Guest::new(1 << 30);
        let config = PlantConfig::new(guest, link).with_qemu(Qemu::ideal());
        let mut capacity = Capacity::new(&config);
        // 1 s at 100 MB/s, 1 s at 50 MB/s, 2 s of nothing, and half a second more.
        assert!(near(
            capacity.least_s(3_000_000_000, 175_000_000),
            1.0 + 1.0 + 2.0 + 0.5
        ));
        assert!(near(capacity.least_s(0, 100_000_000), 1.0));
        assert!(near(capacity.least_s(6_000_000_000, 50_000_000), 1.0 + 1.0));
        assert_eq!(capacity.least_s(0, 0), 0.0);
    }

    #[test]
    fn a_link_that_is_cut_for_ever_carries_nothing() {
        let config = PlantConfig::new(Guest::new(1 << 30), Link::new(0));
        assert_eq!(Capacity::new(&config).least_s(7, 1), f64::INFINITY);
    }
}
