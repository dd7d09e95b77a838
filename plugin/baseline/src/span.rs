//! Spans of time and factors as options write them: decimal numbers of plain digits.

/// Reads `3.5s` or `350ms` as milliseconds.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    if let Some(ms) = text.strip_suffix("ms") {
        return parse_decimal(ms, 0);
    }
    parse_decimal(text.strip_suffix('s')?, 3)
}

/// Writes milliseconds as seconds.
pub(crate) fn show_ms(ms: u64) -> String {
    format!("{}s", show_decimal(ms, 3))
}

/// Reads a number with up to `places` decimals, as so many of its smallest unit.
pub(crate) fn parse_decimal(text: &str, places: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let places = usize::try_from(places).ok()?;
    let dangling = text.contains('.') && fraction.is_empty();
    if whole.is_empty()
        || dangling
        || !digits(whole)
        || !digits(fraction)
        || fraction.len() > places
    {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// The reverse of [`parse_decimal`], without trailing zeros.
pub(crate) fn show_decimal(number: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let (whole, rest) = (number / unit, number % unit);
    let width = usize::try_from(places).unwrap_or_default();
    let text = format!("{whole}.{rest:0width$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_they_are_written() {
        for (text, ms) in [
            ("3.5s", 3_500),
            ("0s", 0),
            ("600s", 600_000),
            ("0.025s", 25),
        ] {
            assert_eq!((parse_ms(text), show_ms(ms)), (Some(ms), text.to_owned()));
        }
        assert_eq!(parse_ms("350ms"), Some(350));
        for bad in [
            "",
            "s",
            "3",
            "3.5ms",
            "-1s",
            "+1s",
            "1.s",
            ".5s",
            "1.0005s",
            "1 s",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_ms(bad), None, "{bad}");
        }
    }
}
