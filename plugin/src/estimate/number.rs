//! Arithmetic of quantities that are known within a few per cent.

use std::time::Duration;

/// Nanoseconds of a second.
pub(super) const NANOS_PER_S: u64 = 1_000_000_000;

/// `value x by / of`, saturating; a zero `of` counts as one.
pub(super) fn scale(value: u64, by: u64, of: u64) -> u64 {
    let product = u128::from(value) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// A quantity as a whole number; zero if it is less.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and no estimate is exact beyond 2^53"
)]
pub(super) fn whole(quantity: f64) -> u64 {
    quantity as u64
}

/// How long `bytes` take at a rate, ns; a zero rate counts as one byte a second.
pub(super) fn span_ns(bytes: u64, bytes_per_s: u64) -> u64 {
    scale(bytes, NANOS_PER_S, bytes_per_s)
}

/// A span in whole ns.
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
