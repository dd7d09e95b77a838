//! Reproducible random numbers: any thread can compute that of any element again.

/// Number `n` of the sequence `seed` (splitmix64).
#[must_use]
pub fn draw(seed: u64, n: u64) -> u64 {
    let mut z = (seed.wrapping_mul(0xd134_2543_de82_ef95) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The high 52 bits of `word` as a number in 0..1.
#[must_use]
pub fn unit(word: u64) -> f64 {
    f64::from_bits(1.0_f64.to_bits() | word >> 12) - 1.0
}

/// `word` brought into `0..below`; 0 if there is nothing below.
#[must_use]
pub fn index(word: u64, below: usize) -> usize {
    usize::try_from(word % (below as u64).max(1)).unwrap_or(0)
}

/// A count as a floating-point number.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "sides and counts of elements stay far below 2^53"
)]
pub fn float(n: usize) -> f64 {
    n as f64
}
