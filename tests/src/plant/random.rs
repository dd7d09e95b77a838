//! A small generator, so that a seed means the same run on every machine and release.

/// Increment of the sequence: 2^64 over the golden ratio (Steele, Lea, Flood, OOPSLA'14).
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The `SplitMix64` generator.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Uniform in `0..below`; 0 if `below` is 0.
    pub fn below(&mut self, below: usize) -> usize {
        let product = u128::from(self.bits()) * (below as u128);
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The bits that belong to `index` under `seed`, in whatever order they are asked for.
pub(super) const fn hash(seed: u64, index: u64) -> u64 {
    mix(mix(seed.wrapping_add(GAMMA)) ^ index.wrapping_mul(GAMMA))
}

const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn sequence_is_the_published_one() {
        // First outputs for seed 1234567 of the reference implementation (prng.di.unimi.it).
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn below_keeps_its_bound() {
        let mut random = SplitMix64::new(7);
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
    }
}
