//! The time scale of a law.

use std::time::Duration;

/// The factor of a law as it was published, parts per million.
pub const TIMES_AS_PUBLISHED_PPM: u64 = 1_000_000;

/// How long the first round takes of the guest for which the peers' times are taken to be meant: 64 GiB at 10 Gbit/s.
pub const REFERENCE_ROUND: Duration = Duration::from_nanos(54_975_581_388);

/// The factor for a guest whose first round takes `round_one`, as [`crate::Baseline::times_ppm`] has it; at least 1.
#[must_use]
pub fn times_ppm_for(round_one: Duration) -> u64 {
    let reference = REFERENCE_ROUND.as_nanos();
    let scaled = round_one.as_nanos() * u128::from(TIMES_AS_PUBLISHED_PPM);
    let nearest = (scaled + reference / 2) / reference;
    u64::try_from(nearest).map_or(u64::MAX, |ppm| ppm.max(1))
}

/// By how much the times of a law are multiplied. The same as showing it a clock that runs as many times slower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    ppm: u64,
}

impl Times {
    pub(crate) fn new(ppm: u64) -> Self {
        Self { ppm: ppm.max(1) }
    }

    /// A span as the law's clock shows it.
    pub(crate) fn shown(self, span: Duration) -> Duration {
        let nanos = span.as_nanos() * u128::from(TIMES_AS_PUBLISHED_PPM) / u128::from(self.ppm);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_64_gib_at_10_gbit_per_s() {
        let bits = 8 * (64_u64 << 30);
        assert_eq!(REFERENCE_ROUND.as_nanos(), u128::from(bits / 10));
        assert_eq!(times_ppm_for(REFERENCE_ROUND), TIMES_AS_PUBLISHED_PPM);
        assert_eq!(times_ppm_for(REFERENCE_ROUND / 20), 50_000);
        assert_eq!(times_ppm_for(Duration::ZERO), 1);
    }

    #[test]
    fn a_clock_of_a_tenth_of_the_times_runs_ten_times_as_fast() {
        let shown = Times::new(100_000).shown(Duration::from_secs(3));
        assert_eq!(shown, Duration::from_secs(30));
        assert_eq!(
            Times::new(0).shown(Duration::MAX),
            Duration::from_nanos(u64::MAX)
        );
    }
}
