//! Bytes, and the time they take.

use core::time::Duration;

const NANOS_PER_S: u128 = 1_000_000_000;

/// `bytes` in `span` as bytes per second; zero for no span.
pub(crate) fn per_second(bytes: u64, span: Duration) -> u64 {
    let nanos = span.as_nanos();
    if nanos == 0 {
        return 0;
    }
    narrow(u128::from(bytes) * NANOS_PER_S / nanos)
}

/// What a rate is in `span`, bytes.
pub(crate) fn in_span(bytes_per_s: u64, span: Duration) -> u64 {
    narrow(u128::from(bytes_per_s).saturating_mul(span.as_nanos()) / NANOS_PER_S)
}

/// How long `bytes` take at a rate; a zero one counts as one byte a second.
pub(crate) fn span_of(bytes: u64, bytes_per_s: u64) -> Duration {
    let nanos = u128::from(bytes) * NANOS_PER_S / u128::from(bytes_per_s.max(1));
    Duration::from_nanos(narrow(nanos))
}

/// `value * by / of`, saturating; a zero `of` counts as one.
pub(crate) fn scale(value: u64, by: u64, of: u64) -> u64 {
    narrow(u128::from(value) * u128::from(by) / u128::from(of.max(1)))
}

fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}
