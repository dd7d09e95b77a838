//! What an option or a position of virsh-hpc's takes.

use crate::flags::hpc::options::HpcOption;
use crate::flags::hpc::values::{DeadlineAction, Ended, YES_OR_NO};

/// What can be said of a value before it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing: a number, or a file, which is the shell's to complete.
    Anything,
    /// It is one of these.
    OneOf(&'static [&'static str]),
    /// It is a law, or perhaps the word for each of them.
    Law { all: bool },
    /// It is a number, and perhaps a comma and one of these.
    AfterComma(&'static [&'static str]),
    /// It is a domain, as virsh completes it for its command `of`.
    Domain { of: &'static str },
}

impl Value {
    /// What an option `--hpc-*` of `migrate` takes.
    pub(super) const fn of_option(option: HpcOption) -> Self {
        match option {
            HpcOption::Law => Self::Law { all: false },
            HpcOption::Deadline => Self::AfterComma(DeadlineAction::NAMES),
            HpcOption::Compression => Self::OneOf(YES_OR_NO),
            HpcOption::Observe
            | HpcOption::Off
            | HpcOption::SyncTime
            | HpcOption::Estimate
            | HpcOption::Trace
            | HpcOption::Prior
            | HpcOption::Slowdown
            | HpcOption::MaxDowntime => Self::Anything,
        }
    }

    /// What the argument `id` of a command `hpc-*` takes.
    pub(super) fn of_argument(command: &str, id: &str) -> Self {
        match (command, id) {
            // Of domains that are off, too.
            ("hpc-policy" | "hpc-history", "domain") => Self::Domain { of: "dominfo" },
            // The agent knows of active domains alone, as does this command of virsh's.
            (_, "domain") => Self::Domain { of: "domjobinfo" },
            (_, "result") => Self::OneOf(Ended::NAMES),
            (_, "law") => Self::Law { all: true },
            (_, "set_deadline") => Self::AfterComma(DeadlineAction::NAMES),
            (_, "set_postcopy" | "set_compression") => Self::OneOf(YES_OR_NO),
            _ => Self::Anything,
        }
    }
}
