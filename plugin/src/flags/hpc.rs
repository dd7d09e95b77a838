//! The options of ours on `migrate`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::error::UsageError;
use super::lowargs::Ours;
use super::values::{self, Deadline};
use crate::laws::LawName;

/// Which option of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HpcOption {
    Law,
    Observe,
    Off,
    Trace,
    Slowdown,
    MaxDowntime,
    Deadline,
    Compression,
}

impl HpcOption {
    /// What the help calls its value; `None` for an option without one.
    pub(super) const fn value_name(self) -> Option<&'static str> {
        match self {
            Self::Observe | Self::Off => None,
            Self::Law => Some("law"),
            Self::Trace => Some("file"),
            Self::Slowdown => Some("percent"),
            Self::MaxDowntime => Some("ms"),
            Self::Deadline => Some("seconds[,action]"),
            Self::Compression => Some("yes|no"),
        }
    }

    /// What its value must be.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Observe | Self::Off => "",
            Self::Law => values::LAW_EXPECTED,
            Self::Trace => "the name of a file",
            Self::Slowdown => values::SLOWDOWN_EXPECTED,
            Self::MaxDowntime => values::DOWNTIME_EXPECTED,
            Self::Deadline => Deadline::EXPECTED,
            Self::Compression => values::YES_OR_NO_EXPECTED,
        }
    }

    /// Its line in the help.
    pub(super) const fn help(self) -> &'static str {
        match self {
            Self::Law => "control this migration by that law: adaptive, stock or another one's",
            Self::Observe => "measure only: decide as ever, change nothing",
            Self::Off => "leave this migration to plain virsh",
            Self::Trace => "write every sample, decision and result to that file, as JSON lines",
            Self::Slowdown => "what pre-copy costs the application while it runs, in percent",
            Self::MaxDowntime => "never pause the guest longer on purpose, in milliseconds",
            Self::Deadline => "seconds until switchover (whatever the pause), abort or postcopy",
            Self::Compression => "whether memory may be sent as differences (XBZRLE): yes or no",
        }
    }
}

/// What the user asked us for; what is `None` is the domain's policy to say, or the default's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HpcOptions {
    /// `--hpc-law`
    pub law: Option<LawName>,
    /// `--hpc-observe`: measure and decide, change nothing.
    pub observe: bool,
    /// `--hpc-off`: plain virsh.
    pub off: bool,
    /// `--hpc-trace`
    pub trace: Option<PathBuf>,
    /// `--hpc-slowdown`, in percent.
    pub slowdown_percent: Option<u8>,
    /// `--hpc-max-downtime`, in milliseconds.
    pub max_downtime_ms: Option<u32>,
    /// `--hpc-deadline`
    pub deadline: Option<Deadline>,
    /// `--hpc-compression`: whether memory may be sent as differences (XBZRLE).
    pub compression: Option<bool>,
}

impl HpcOptions {
    /// Whether the user asks for our control of this migration, marked domain or not.
    #[must_use]
    pub fn asks_for_control(&self) -> bool {
        !self.off && *self != Self::default()
    }

    /// Reads the values of the options given.
    pub(super) fn from_given(given: &[Ours]) -> Result<Self, UsageError> {
        let mut options = Self::default();
        for ours in given {
            options.apply(ours)?;
        }
        Ok(options)
    }

    fn apply(&mut self, ours: &Ours) -> Result<(), UsageError> {
        match ours.option {
            HpcOption::Observe => self.observe = true,
            HpcOption::Off => self.off = true,
            HpcOption::Law => self.law = Some(read(ours, |text| text.parse().ok())?),
            HpcOption::Trace => self.trace = Some(file(ours)?),
            HpcOption::Slowdown => {
                self.slowdown_percent =
                    Some(read(ours, |text| values::slowdown_percent(text).ok())?);
            }
            HpcOption::MaxDowntime => {
                self.max_downtime_ms = Some(read(ours, |text| values::downtime_ms(text).ok())?);
            }
            HpcOption::Deadline => self.deadline = Some(read(ours, |text| text.parse().ok())?),
            HpcOption::Compression => {
                self.compression = Some(read(ours, |text| values::yes_or_no(text).ok())?);
            }
        }
        Ok(())
    }
}

fn read<T>(ours: &Ours, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, UsageError> {
    str::from_utf8(&ours.value)
        .ok()
        .and_then(parse)
        .ok_or_else(|| bad(ours))
}

fn file(ours: &Ours) -> Result<PathBuf, UsageError> {
    if ours.value.is_empty() {
        return Err(bad(ours));
    }
    Ok(OsString::from_vec(ours.value.clone()).into())
}

fn bad(ours: &Ours) -> UsageError {
    UsageError::BadValue {
        name: ours.name,
        value: String::from_utf8_lossy(&ours.value).into_owned(),
        expected: ours.option.expected(),
    }
}
