//! Rates, where a trace may hold any number.

/// Bytes per second; none in no time.
pub(super) fn per_second(bytes: u64, nanos: u64) -> Option<u64> {
    let rate = (u128::from(bytes) * 1_000_000_000).checked_div(nanos.into())?;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// What sending `bytes` takes, milliseconds; none if nobody knows.
pub(super) fn takes_ms(bytes: u64, bytes_per_s: u64) -> Option<u64> {
    let ms = (u128::from(bytes) * 1000).checked_div(bytes_per_s.into())?;
    Some(u64::try_from(ms).unwrap_or(u64::MAX))
}
