//! Laws as they are written: `NAME[=SETTINGS][@FACTOR]`.

use std::fmt;
use std::str::FromStr;

use crate::law::Baseline;
use crate::name::{CloudStack, Name, NovaTimeout, Permit, Range};
use crate::registry;
use crate::span::{parse_decimal, parse_ms, show_decimal, show_ms};
use crate::times::TIMES_AS_PUBLISHED_PPM;

/// Decimals of a factor.
const FACTOR_PLACES: u32 = 6;

/// Why a written law is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There is no such law.
    #[error("there is no law '{0}'")]
    UnknownLaw(String),
    /// The law is not set like that.
    #[error("'{given}' is no setting of the law {law}; it is written {expected}")]
    BadSetting {
        /// The law's name.
        law: &'static str,
        /// The given setting.
        given: String,
        /// How the law is written.
        expected: String,
    },
    /// The factor is none.
    #[error("'{0}' is no factor: a decimal number above 0 with at most 6 decimals")]
    BadFactor(String),
}

impl FromStr for Baseline {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (law, factor) = match text.split_once('@') {
            None => (text, None),
            Some((law, factor)) => (law, Some(factor)),
        };
        let times_ppm = factor.map_or(Ok(TIMES_AS_PUBLISHED_PPM), |factor| {
            parse_decimal(factor, FACTOR_PLACES)
                .filter(|&ppm| ppm > 0)
                .ok_or_else(|| ParseError::BadFactor(factor.to_owned()))
        })?;
        Ok(Self {
            law: law.parse()?,
            times_ppm,
        })
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, setting) = match text.split_once('=') {
            None => (text, None),
            Some((name, setting)) => (name, Some(setting)),
        };
        let entry = registry::find(name).ok_or_else(|| ParseError::UnknownLaw(name.to_owned()))?;
        let Some(setting) = setting else {
            return Ok(entry.law);
        };
        with_setting(entry.law, setting).ok_or_else(|| ParseError::BadSetting {
            law: entry.name(),
            given: setting.to_owned(),
            expected: entry.usage(),
        })
    }
}

/// The law with other settings than its own.
fn with_setting(law: Name, text: &str) -> Option<Name> {
    Some(match law {
        Name::Nova(NovaTimeout::Pause) if text == "postcopy" => Name::Nova(NovaTimeout::Postcopy),
        Name::Kubevirt(law, _) => Name::Kubevirt(law, permit(text)?),
        Name::CloudStack(_) => Name::CloudStack(cloudstack(text)?),
        Name::Ganeti { .. } if text == "postcopy" => Name::Ganeti { postcopy: true },
        Name::CloudHypervisor { .. } if text == "ignore" => Name::CloudHypervisor {
            ignore_timeout: true,
        },
        Name::Clark(_) => Name::Clark(range(text)?),
        Name::Pacer { .. } => Name::Pacer {
            finish_ms: parse_ms(text)?,
        },
        Name::ForcedStop { .. } => forced_stop(text)?,
        _ => return None,
    })
}

fn permit(text: &str) -> Option<Permit> {
    match text {
        "nothing" => Some(Permit::Nothing),
        "disruption" => Some(Permit::Disruption),
        "postcopy" => Some(Permit::Postcopy),
        _ => None,
    }
}

/// `DOWNTIME,PAUSEAFTER,WAIT`, each a span or `off`.
fn cloudstack(text: &str) -> Option<CloudStack> {
    let off_or_ms = |text: &str| match text {
        "off" => Some(None),
        span => parse_ms(span).map(Some),
    };
    let [downtime, pause_after, wait] = *text.split(',').collect::<Vec<_>>() else {
        return None;
    };
    let downtime_ms = off_or_ms(downtime)?.map(u32::try_from).transpose().ok()?;
    Some(CloudStack {
        downtime_ms,
        pause_after_ms: off_or_ms(pause_after)?,
        wait_ms: off_or_ms(wait)?,
    })
}

/// `MIN,MAX` in Mbit/s.
fn range(text: &str) -> Option<Range> {
    let (min, max) = text.split_once(',')?;
    let number = |text| u32::try_from(parse_decimal(text, 0)?).ok();
    let (min_mbit_per_s, max_mbit_per_s) = (number(min)?, number(max)?);
    (0 < min_mbit_per_s && min_mbit_per_s <= max_mbit_per_s).then_some(Range {
        min_mbit_per_s,
        max_mbit_per_s,
    })
}

/// `TIME`, perhaps with the limit until then.
fn forced_stop(text: &str) -> Option<Name> {
    let (after, limit) = match text.split_once(',') {
        None => (text, None),
        Some((after, limit)) => (after, Some(parse_ms(limit)?)),
    };
    Some(Name::ForcedStop {
        after_ms: parse_ms(after)?,
        before_limit_ms: limit.map(u32::try_from).transpose().ok()?,
    })
}

impl fmt::Display for Baseline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.law)?;
        if self.times_ppm == TIMES_AS_PUBLISHED_PPM {
            return Ok(());
        }
        write!(out, "@{}", show_decimal(self.times_ppm, FACTOR_PLACES))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())?;
        match show_setting(*self) {
            Some(setting) if registry::find(self.as_str()).is_none_or(|own| own.law != *self) => {
                write!(out, "={setting}")
            }
            _ => Ok(()),
        }
    }
}

fn show_setting(law: Name) -> Option<String> {
    let off_or = |ms: Option<u64>| ms.map_or_else(|| "off".to_owned(), show_ms);
    Some(match law {
        Name::Nova(NovaTimeout::Postcopy)
        | Name::Kubevirt(_, Permit::Postcopy)
        | Name::Ganeti { postcopy: true } => "postcopy".to_owned(),
        Name::Kubevirt(_, Permit::Nothing) => "nothing".to_owned(),
        Name::CloudHypervisor {
            ignore_timeout: true,
        } => "ignore".to_owned(),
        Name::CloudStack(set) => [
            set.downtime_ms.map(u64::from),
            set.pause_after_ms,
            set.wait_ms,
        ]
        .map(off_or)
        .join(","),
        Name::Clark(range) => format!("{},{}", range.min_mbit_per_s, range.max_mbit_per_s),
        Name::Pacer { finish_ms } => show_ms(finish_ms),
        Name::ForcedStop {
            after_ms,
            before_limit_ms: Some(limit_ms),
        } => format!("{},{limit_ms}ms", show_ms(after_ms)),
        Name::ForcedStop { after_ms, .. } => show_ms(after_ms),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_laws_are_read_again() {
        for text in [
            "stock",
            "nova-force-complete",
            "nova-force-complete=postcopy",
            "vep-248@0.05",
            "vep-291=nothing",
            "kubevirt-legacy=postcopy@12.5",
            "cloudstack=1.5s,off,60s",
            "ganeti=postcopy",
            "cloud-hypervisor=ignore",
            "clark=100,1000",
            "pacer=90s",
            "forced-stop=3.5s",
            "forced-stop=3.5s,1ms@0.000001",
        ] {
            let law: Baseline = text.parse().expect(text);
            assert_eq!(law.to_string(), text);
        }
    }

    #[test]
    fn defaults_are_not_printed() {
        for (text, short) in [
            ("vep-248=disruption@1.000000", "vep-248"),
            ("forced-stop=0s", "forced-stop"),
            ("cloudstack=off,off,off", "cloudstack"),
            ("forced-stop=350ms", "forced-stop=0.35s"),
        ] {
            let law: Baseline = text.parse().expect(text);
            assert_eq!(law.to_string(), short);
        }
    }

    #[test]
    fn an_unknown_law_is_refused_with_its_reason() {
        let error = |text: &str| text.parse::<Baseline>().expect_err(text);
        assert_eq!(
            error("adaptive"),
            ParseError::UnknownLaw("adaptive".to_owned())
        );
        for text in [
            "stock@",
            "stock@0",
            "stock@-1",
            "stock@1@1",
            "stock@0.0000001",
            "stock@x",
        ] {
            assert!(matches!(error(text), ParseError::BadFactor(_)), "{text}");
        }
        for text in [
            "stock=1",
            "nova-abort=postcopy",
            "vep-248=",
            "forced-stop=3",
            "clark=0,1",
            "clark=2,1",
            "cloudstack=off,off",
        ] {
            assert!(
                matches!(error(text), ParseError::BadSetting { .. }),
                "{text}"
            );
        }
        let message = error("clark=7").to_string();
        assert!(message.contains("clark[=MIN,MAX in Mbit/s]"), "{message}");
    }
}
