//! A time of day on the command line.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// A time, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Then.
    At(SystemTime),
    /// So long ago.
    Ago(Duration),
}

impl Moment {
    /// What [`Moment::from_str`] accepts.
    const EXPECTED: &str = "a date (2026-11-22), a date and a time (2026-11-22T16:10:15), both in UTC, or a span before now (90min, 7days)";

    /// The time meant; 1970's first second, if it would be before that.
    #[must_use]
    pub fn before(self, now: SystemTime) -> SystemTime {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now
                .checked_sub(span)
                .map_or(SystemTime::UNIX_EPOCH, |time| {
                    time.max(SystemTime::UNIX_EPOCH)
                }),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A date alone is its first second.
        [text.to_owned(), format!("{text}T00:00:00")]
            .iter()
            .find_map(|text| humantime::parse_rfc3339_weak(text).ok())
            .map(Self::At)
            .or_else(|| humantime::parse_duration(text).ok().map(Self::Ago))
            .ok_or(Self::EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_moment_is_a_date_a_time_or_a_span_before_now() {
        let now = at(2_000_000_000);
        for (text, seconds) in [
            ("1970-01-02", 86_400),
            ("1970-01-02T00:00:01", 86_401),
            ("1970-01-02T00:00:01Z", 86_401),
            ("1970-01-02 00:00:01", 86_401),
            ("90min", 2_000_000_000 - 5_400),
            ("7days", 2_000_000_000 - 604_800),
            ("1h 30m", 2_000_000_000 - 5_400),
            ("999years", 0),
        ] {
            let moment = text.parse::<Moment>().expect(text);
            assert_eq!(moment.before(now), at(seconds), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "1970-13-01",
            "1970-01-02T25:00:00",
            "-1h",
            "7",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(Moment::EXPECTED), "{text}");
        }
    }
}
