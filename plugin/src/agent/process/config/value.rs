//! Values and their bounds. Where a value is refused, what is allowed is said with it.

use std::fmt;
use std::path::PathBuf;

use glob::Pattern;
use libvirt_hpc_xml_schemas::SLOWDOWN_MAX_MILLIPERCENT;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// An integer from `MIN` to `MAX`.
#[derive(Clone, Copy)]
pub(super) struct Number<const MIN: u64, const MAX: u64>(pub(super) u64);

impl<const MIN: u64, const MAX: u64> Number<MIN, MAX> {
    /// The number, where `MAX` is one of 32 bits.
    pub(super) fn get_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// The number, as one that counts what is in memory.
    pub(super) fn get_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_i64(NumberVisitor)
    }
}

struct NumberVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for NumberVisitor<MIN, MAX> {
    type Value = Number<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer from {MIN} to {MAX}")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        u64::try_from(value)
            .ok()
            .filter(|value| (MIN..=MAX).contains(value))
            .map(Number)
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }
}

/// Percent with up to three decimals, in 1/1000 percent.
pub(super) fn millipercent<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    from.deserialize_any(PercentVisitor).map(Some)
}

struct PercentVisitor;

impl Visitor<'_> for PercentVisitor {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 100 with at most 3 decimals")
    }

    fn visit_i64<E: Error>(self, percent: i64) -> Result<u32, E> {
        u32::try_from(percent)
            .ok()
            .filter(|percent| *percent <= SLOWDOWN_MAX_MILLIPERCENT / 1000)
            .map(|percent| percent * 1000)
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(percent), &self))
    }

    fn visit_f64<E: Error>(self, percent: f64) -> Result<u32, E> {
        // Read as it is written: three decimals are exact in decimal digits, not in binary ones.
        let text = format!("{percent:.3}");
        let exact = text.parse() == Ok(percent);
        text.replace('.', "")
            .parse()
            .ok()
            .filter(|value| exact && *value <= SLOWDOWN_MAX_MILLIPERCENT)
            .ok_or_else(|| E::invalid_value(Unexpected::Float(percent), &self))
    }
}

/// The least serious messages that are logged.
#[derive(Clone, Copy)]
pub(super) struct Level(pub(super) log::LevelFilter);

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let level = match text.as_str() {
            "error" => log::LevelFilter::Error,
            "warn" => log::LevelFilter::Warn,
            "info" => log::LevelFilter::Info,
            "debug" => log::LevelFilter::Debug,
            other => {
                let expected = &"error, warn, info or debug";
                return Err(D::Error::invalid_value(Unexpected::Str(other), expected));
            }
        };
        Ok(Self(level))
    }
}

/// Shell patterns.
pub(super) fn patterns<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Pattern>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| pattern(text)).collect()
}

fn pattern<E: Error>(text: &str) -> Result<Pattern, E> {
    Pattern::new(text).map_err(|error| {
        let expected = format!("a shell pattern of *, ? and [...] ({})", error.msg);
        E::invalid_value(Unexpected::Str(text), &expected.as_str())
    })
}

/// A connection URI, as far as libvirt leaves it to others to judge.
pub(super) fn uri<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    // An empty URI is libvirt's to choose, differently for each user; a NUL ends a string of C's.
    if text.is_empty() || text.contains(char::is_control) {
        let expected = &"a connection URI of libvirt's, such as qemu:///system";
        return Err(D::Error::invalid_value(Unexpected::Str(&text), expected));
    }
    Ok(text)
}

/// A directory of this host, where there need not be one.
pub(super) fn some_directory<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<PathBuf>, D::Error> {
    directory(from).map(Some)
}

/// A directory of this host.
pub(super) fn directory<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(from)?;
    if !text.starts_with('/') || text.contains(char::is_control) {
        let expected = &"a directory, from / on";
        return Err(D::Error::invalid_value(Unexpected::Str(&text), expected));
    }
    Ok(PathBuf::from(text))
}
