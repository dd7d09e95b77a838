//! The options `--hpc-*` of `migrate`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::usage_error::UsageError;
use super::values::{self, Deadline};
use crate::laws::LawName;

/// The prefix of each of these options.
pub(crate) const PREFIX: &[u8] = b"--hpc-";

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HpcOption {
    Law,
    Observe,
    Off,
    Trace,
    Slowdown,
    MaxDowntime,
    Deadline,
    Compression,
    SyncTime,
    Prior,
    Estimate,
}

impl HpcOption {
    /// What the help calls its value; `None` for an option without one.
    pub(crate) const fn value_name(self) -> Option<&'static str> {
        match self {
            Self::Observe | Self::Off | Self::SyncTime | Self::Estimate => None,
            Self::Law => Some("law"),
            Self::Trace | Self::Prior => Some("file"),
            Self::Slowdown => Some("percent"),
            Self::MaxDowntime => Some("ms"),
            Self::Deadline => Some("seconds[,action]"),
            Self::Compression => Some("yes|no"),
        }
    }

    /// What its value must be.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Observe | Self::Off | Self::SyncTime | Self::Estimate => "",
            Self::Law => values::LAW_EXPECTED,
            Self::Trace | Self::Prior => "the name of a file",
            Self::Slowdown => values::SLOWDOWN_EXPECTED,
            Self::MaxDowntime => values::DOWNTIME_EXPECTED,
            Self::Deadline => Deadline::EXPECTED,
            Self::Compression => values::YES_OR_NO_EXPECTED,
        }
    }

    /// Its line in the help.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Law => "control this migration by that law: adaptive, stock or another",
            Self::Observe => "decide and report, but change nothing",
            Self::Off => "leave this migration to plain virsh",
            Self::Trace => "write every sample, decision and result to that file, as JSON lines",
            Self::Slowdown => "how much pre-copy is assumed to slow the application, in percent",
            Self::MaxDowntime => "the longest pause to choose, in milliseconds",
            Self::Deadline => "seconds until switchover (whatever the pause), abort or postcopy",
            Self::Compression => {
                "whether memory may be sent with XBZRLE (delta compression): yes or no"
            }
            Self::Prior => {
                "what is known of the guest: a file of `hpc-estimate --json`, or an earlier trace"
            }
            Self::Estimate => "first measure for 10 s what the guest writes, and tell the law",
            Self::SyncTime => "after the pause, let the guest agent set the guest's clock",
        }
    }
}

/// One of them, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedHpcOption {
    pub(crate) name: &'static str,
    pub(crate) option: HpcOption,
    /// Empty for an option without a value.
    pub(crate) value: Vec<u8>,
}

/// What the user asked virsh-hpc for; what is `None` is the domain's policy to say, or the default's.
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
    /// `--hpc-compression`: whether memory may be sent with XBZRLE.
    pub compression: Option<bool>,
    /// `--hpc-prior`: the file of an estimate or a trace.
    pub prior: Option<PathBuf>,
    /// `--hpc-estimate`: the dirty rate is measured before.
    pub estimate: bool,
    /// `--hpc-sync-time`: the guest agent sets the guest's clock on the destination.
    pub sync_time: bool,
}

impl HpcOptions {
    /// Whether the user asks for control of this migration, marked domain or not.
    #[must_use]
    pub fn asks_for_control(&self) -> bool {
        !self.off && *self != Self::default()
    }

    /// Reads the values of the options given.
    pub(crate) fn from_given(given: &[TypedHpcOption]) -> Result<Self, UsageError> {
        let mut options = Self::default();
        for given in given {
            options.apply(given)?;
        }
        Ok(options)
    }

    fn apply(&mut self, given: &TypedHpcOption) -> Result<(), UsageError> {
        match given.option {
            HpcOption::Observe => self.observe = true,
            HpcOption::Off => self.off = true,
            HpcOption::SyncTime => self.sync_time = true,
            HpcOption::Estimate => self.estimate = true,
            HpcOption::Law => self.law = Some(read(given, |text| text.parse().ok())?),
            HpcOption::Trace => self.trace = Some(file(given)?),
            HpcOption::Prior => self.prior = Some(file(given)?),
            HpcOption::Slowdown => {
                self.slowdown_percent =
                    Some(read(given, |text| values::slowdown_percent(text).ok())?);
            }
            HpcOption::MaxDowntime => {
                self.max_downtime_ms = Some(read(given, |text| values::downtime_ms(text).ok())?);
            }
            HpcOption::Deadline => self.deadline = Some(read(given, |text| text.parse().ok())?),
            HpcOption::Compression => {
                self.compression = Some(read(given, |text| values::yes_or_no(text).ok())?);
            }
        }
        Ok(())
    }
}

fn read<T>(given: &TypedHpcOption, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, UsageError> {
    str::from_utf8(&given.value)
        .ok()
        .and_then(parse)
        .ok_or_else(|| bad(given))
}

fn file(given: &TypedHpcOption) -> Result<PathBuf, UsageError> {
    if given.value.is_empty() {
        return Err(bad(given));
    }
    Ok(OsString::from_vec(given.value.clone()).into())
}

fn bad(given: &TypedHpcOption) -> UsageError {
    UsageError::BadValue {
        name: given.name,
        value: String::from_utf8_lossy(&given.value).into_owned(),
        expected: given.option.expected(),
    }
}
