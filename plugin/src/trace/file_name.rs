//! The names of the agent's traces: of which domain, and when each was begun.

use std::fmt;
use std::time::SystemTime;

use time::OffsetDateTime;

/// The longest piece of a domain's name, in bytes: a file's name has 255 at most.
const MAX_DOMAIN_BYTES: usize = 128;

/// What every name ends in.
const EXTENSION: &str = ".trace";

/// The pattern of [`stamp`]: `0` for a digit.
const STAMP: &[u8] = b"00000000T000000Z";

/// A name; one is less than another if it is older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName {
    /// As [`stamp`] writes it.
    pub(crate) stamp: String,
    /// Which of that second and domain, from 1.
    pub(crate) number: u32,
    domain: String,
}

impl FileName {
    /// The first name for a domain in that second.
    pub(crate) fn new(domain: &str, uuid: &str, now: SystemTime) -> Self {
        // A name in another script is nothing but underscores, as is that of another domain.
        let speaks = domain.contains(|character: char| character.is_ascii_alphanumeric());
        Self {
            stamp: stamp(now),
            number: 1,
            domain: sanitised(if speaks { domain } else { uuid }),
        }
    }

    /// The name in that of a file; none if the agent has not named it.
    pub(crate) fn read(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(EXTENSION)?;
        let (before, last) = stem.rsplit_once('-')?;
        if is_stamp(last) {
            return Self::checked(before, last, 1);
        }
        let number = last.parse().ok().filter(|number| *number > 1)?;
        let (domain, stamp) = before.rsplit_once('-')?;
        let name = Self::checked(domain, stamp, number)?;
        // There are other ways to write a number; we have one.
        (name.to_string() == file).then_some(name)
    }

    /// When the trace was begun, as ISO 8601.
    pub(crate) fn began(&self) -> Option<String> {
        let (date, time) = self.stamp.split_once('T')?;
        let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
        let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
        Some(format!("{year}-{month}-{day}T{hour}:{minute}:{second}"))
    }

    fn checked(domain: &str, stamp: &str, number: u32) -> Option<Self> {
        let is_trace = is_stamp(stamp) && !domain.is_empty() && sanitised(domain) == domain;
        is_trace.then(|| Self {
            stamp: stamp.to_owned(),
            number,
            domain: domain.to_owned(),
        })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.domain, self.stamp)?;
        if self.number > 1 {
            write!(f, "-{}", self.number)?;
        }
        f.write_str(EXTENSION)
    }
}

/// `text` as a piece of a file's name that is harmless in a shell, too, and not hidden.
fn sanitised(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars().take(MAX_DOMAIN_BYTES) {
        let kept = character.is_ascii_alphanumeric() || "+_:@-.".contains(character);
        let first = safe.is_empty() && "-.".contains(character);
        safe.push(if kept && !first { character } else { '_' });
    }
    match safe.is_empty() {
        true => "_".to_owned(),
        false => safe,
    }
}

/// `time` as `YYYYmmddTHHMMSSZ`; what comes before is less. Times that do not fit are 1970's first.
pub(crate) fn stamp(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let time = i64::try_from(since.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn is_stamp(text: &str) -> bool {
    let fits = |(byte, pattern): (u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    };
    text.len() == STAMP.len() && text.bytes().zip(STAMP).all(fits)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_time_is_written_in_utc_and_sorts() {
        assert_eq!(stamp(at(0)), "19700101T000000Z");
        assert_eq!(stamp(at(1_795_363_815)), "20261122T161015Z");
        assert_eq!(stamp(at(253_402_300_799)), "99991231T235959Z");
        for odd in [
            at(253_402_300_800),
            at(i64::MAX as u64),
            SystemTime::UNIX_EPOCH - Duration::from_secs(1),
        ] {
            assert_eq!(stamp(odd), "19700101T000000Z");
        }
        assert!(stamp(at(0)) < stamp(at(1)) && is_stamp(&stamp(at(9))));
    }

    #[test]
    fn a_domains_name_becomes_a_plain_name_of_a_file() {
        let long = "é/".repeat(1000) + "x";
        for (domain, expected) in [
            ("hpc-1.a_b", "hpc-1.a_b"),
            ("../../etc/passwd1", "_._.._etc_passwd1"),
            ("-rf 1\n$(x)", "_rf_1___x_"),
            (".hidden", "_hidden"),
            ("..", "U-1"),
            ("", "U-1"),
            ("домен", "U-1"),
            (&long, &"_".repeat(128)),
        ] {
            let name = FileName::new(domain, "U-1", at(0));
            let file = name.to_string();
            assert_eq!(file, format!("{expected}-19700101T000000Z.trace"));
            assert!(file.len() < 200 && !file.contains('/'));
            assert_eq!(FileName::read(&file), Some(name));
        }
        assert_eq!(
            FileName::new("", "../\0", at(0)).to_string(),
            "_.__-19700101T000000Z.trace"
        );
        assert_eq!(
            FileName::new("", "", at(0)).to_string(),
            "_-19700101T000000Z.trace"
        );
    }

    #[test]
    fn only_names_as_the_agent_gives_them_are_read() {
        for (file, number) in [
            ("a-19700101T000000Z.trace", 1),
            ("a-b-2-19700101T000000Z-2.trace", 2),
            ("a-19700101T000000Z-19700101T000001Z-12.trace", 12),
        ] {
            let name = FileName::read(file).expect(file);
            assert_eq!((name.number, name.to_string().as_str()), (number, file));
        }
        for file in [
            "a.trace",
            "a-19700101T000000Z",
            "-19700101T000000Z.trace",
            "19700101T000000Z.trace",
            "a-19700101T000000.trace",
            "a-1970010aT000000Z.trace",
            "a-19700101T000000Z-1.trace",
            "a-19700101T000000Z-02.trace",
            "a-19700101T000000Z-+2.trace",
            "a b-19700101T000000Z.trace",
            ".a-19700101T000000Z.trace",
            "a-19700101T000000Z-2.trace.gz",
            "",
            "a-19700101T000000Z-99999999999.trace",
            "é-19700101T000000Z.trace",
        ] {
            assert_eq!(FileName::read(file), None, "{file}");
        }
    }

    #[test]
    fn a_name_tells_when_its_trace_was_begun() {
        let name = FileName::read("a-b-20261122T161015Z-2.trace").expect("a name");
        assert_eq!(name.began().as_deref(), Some("2026-11-22T16:10:15Z"));
    }
}
