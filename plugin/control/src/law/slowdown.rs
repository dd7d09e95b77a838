//! delta, the one number of the law.

use super::Limit;
use super::observed::{ROUND_MIN, WHOLE_PPM, scale};

/// delta: the share of its speed that pre-copy costs the application, parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowdown {
    ppm: u64,
}

impl Slowdown {
    /// A tenth, for dirty logging, a busy core and a busy link together. An assumption until measured, and the policy's
    /// default.
    pub const DEFAULT: Self = Self { ppm: 100_000 };

    /// A migration that costs nothing would never need to end, so the least is a hundredth.
    const MIN_PPM: u64 = 10_000;

    /// From parts per million, clamped to 1 % and 100 %.
    #[must_use]
    pub fn from_ppm(ppm: u64) -> Self {
        Self {
            ppm: ppm.clamp(Self::MIN_PPM, WHOLE_PPM),
        }
    }

    /// The slowdown of a guest that auto-converge throttles by so many per cent.
    pub(super) fn throttled(self, percent: u64) -> Self {
        Self::from_ppm(self.ppm.saturating_add(percent.saturating_mul(10_000)))
    }

    pub(crate) const fn ppm(self) -> u64 {
        self.ppm
    }

    /// The cost of the shortest round: the same pause at any bandwidth.
    pub(super) fn floor_limit(self) -> Limit {
        let ms = u128::from(self.ppm) * ROUND_MIN.as_millis() / u128::from(WHOLE_PPM);
        Limit::Millis(u32::try_from(ms).unwrap_or(u32::MAX).max(1))
    }

    /// The cost of a time in which so many bytes could be sent, in bytes of pause.
    pub(super) fn of(self, bytes: u64) -> u64 {
        scale(bytes, self.ppm, WHOLE_PPM)
    }
}
