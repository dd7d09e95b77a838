//! Numbers and their units. The bounds are also those of `migration.rng`.
//!
//! Every function here returns a reason in words for a value that it refuses.

use crate::policy::Then;
use crate::report::quoted;

/// The largest slowdown: all of the application's time.
pub const SLOWDOWN_MAX_MILLIPERCENT: u32 = 100_000;
/// QEMU's largest `downtime-limit` (`MAX_MIGRATE_DOWNTIME` in migration/options.c).
pub const DOWNTIME_MAX_MS: u32 = 2_000_000;
/// The largest deadline, 115 days: a longer one is none.
pub const DEADLINE_MAX_SECONDS: u32 = 9_999_999;
/// The largest speed ceiling. It is above any link, and below the 8,796,093,022,207 that libvirt takes for "no limit".
pub const BANDWIDTH_MAX_MIB_PER_S: u64 = 99_999_999;
/// The longest name of a job. Those of batch systems are much shorter.
pub const JOB_ID_MAX_BYTES: usize = 128;
/// The most domains of one job, more than any machine has nodes.
pub const JOB_MAX_MEMBERS: u32 = 999_999;

/// `percent` with up to three decimals, in 1/1000 percent.
pub(crate) fn millipercent(text: &str) -> Result<u32, String> {
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (text, None),
    };
    whole_number(whole)
        .filter(|whole| *whole <= 100)
        .zip(thousandths(decimals))
        .and_then(|(whole, part)| u32::try_from(whole * 1000 + part).ok())
        .filter(|value| *value <= SLOWDOWN_MAX_MILLIPERCENT)
        .ok_or_else(|| {
            let got = quoted(text);
            format!("percent must be a number from 0 to 100 with at most 3 decimals, not {got}")
        })
}

/// The decimals after the point as thousandths; none at all are 0.
fn thousandths(decimals: Option<&str>) -> Option<u64> {
    let Some(decimals) = decimals else {
        return Some(0);
    };
    let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || decimals.is_empty() || decimals.len() > 3 {
        return None;
    }
    format!("{decimals:0<3}").parse().ok()
}

/// A pause in milliseconds from `max` and `unit` (ms if absent).
pub(crate) fn downtime_ms(max: &str, unit: Option<&str>) -> Result<u32, String> {
    match unit {
        None | Some("ms") => number_u32("max", max, 1, DOWNTIME_MAX_MS),
        Some("s") => Ok(number_u32("max", max, 1, DOWNTIME_MAX_MS / 1000)? * 1000),
        Some(other) => Err(format!("unit must be ms or s, not {}", quoted(other))),
    }
}

/// A speed in MiB/s from `max` and `unit` (MiB/s if absent). KiB/s are rounded down, because a ceiling must not be
/// exceeded; less than 1 MiB/s cannot be set.
pub(crate) fn bandwidth_mib_per_s(max: &str, unit: Option<&str>) -> Result<u64, String> {
    match unit {
        None | Some("MiB/s") => number("max", max, 1, BANDWIDTH_MAX_MIB_PER_S),
        Some("KiB/s") => Ok(number("max", max, 1024, 9_999_999_999)? / 1024),
        Some("GiB/s") => Ok(number("max", max, 1, 9_999)? * 1024),
        Some(other) => {
            let got = quoted(other);
            Err(format!("unit must be KiB/s, MiB/s or GiB/s, not {got}"))
        }
    }
}

/// The action at the deadline.
pub(crate) fn then(text: &str) -> Result<Then, String> {
    Then::ALL
        .into_iter()
        .find(|then| then.as_str() == text)
        .ok_or_else(|| {
            let got = quoted(text);
            format!("then must be switchover, abort or postcopy, not {got}")
        })
}

/// A yes or no, as libvirt writes it.
pub(crate) fn yes_no(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(format!("{name} must be yes or no, not {}", quoted(other))),
    }
}

/// The name of a job: characters that batch systems use and that need no quoting.
pub(crate) fn job_id(text: &str) -> Result<String, String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@+-/[]".contains(&byte);
    if (1..=JOB_ID_MAX_BYTES).contains(&text.len()) && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    let got = quoted(text);
    Err(format!(
        "id must be 1 to {JOB_ID_MAX_BYTES} letters, digits or ._:@+-/[], not {got}"
    ))
}

/// An integer of the attribute `name` between `min` and `max`.
pub(crate) fn number_u32(name: &str, text: &str, min: u32, max: u32) -> Result<u32, String> {
    let value = number(name, text, min.into(), max.into())?;
    u32::try_from(value).map_err(|error| format!("{name}: {error}"))
}

fn number(name: &str, text: &str, min: u64, max: u64) -> Result<u64, String> {
    whole_number(text)
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| {
            let got = quoted(text);
            format!("{name} must be an integer from {min} to {max}, not {got}")
        })
}

/// Decimal digits without sign, blank or leading zero: there is only one way to write a number, so nobody can read it
/// as octal.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    (digits && !padded).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_has_up_to_three_decimals() {
        for (text, expected) in [("0", 0), ("10", 10_000), ("0.5", 500), ("99.999", 99_999)] {
            assert_eq!(millipercent(text), Ok(expected), "{text}");
        }
        assert_eq!(millipercent("100.000"), Ok(SLOWDOWN_MAX_MILLIPERCENT));
        let refused = [
            "100.001", "101", "-1", "+1", "1.", ".5", "1.0000", "05", "", "1e1",
        ];
        for text in refused
            .into_iter()
            .chain(["99999999999999999999", "18446744073709551.999"])
        {
            assert!(millipercent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn downtime_is_bounded_as_in_qemu_in_either_unit() {
        assert_eq!(downtime_ms("2000000", None), Ok(2_000_000));
        assert_eq!(downtime_ms("2000", Some("s")), Ok(2_000_000));
        assert!(downtime_ms("2000001", Some("ms")).is_err());
        assert!(downtime_ms("2001", Some("s")).is_err());
        assert!(downtime_ms("0", None).is_err());
        assert!(downtime_ms("5", Some("us")).is_err());
    }

    #[test]
    fn bandwidth_is_rounded_down_and_never_to_nothing() {
        assert_eq!(bandwidth_mib_per_s("2047", Some("KiB/s")), Ok(1));
        assert_eq!(bandwidth_mib_per_s("9999", Some("GiB/s")), Ok(10_238_976));
        assert!(bandwidth_mib_per_s("1023", Some("KiB/s")).is_err());
        assert!(bandwidth_mib_per_s("1", Some("MB/s")).is_err());
        assert!(bandwidth_mib_per_s("100000000", None).is_err());
    }
}
