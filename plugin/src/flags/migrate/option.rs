//! One row of the table of options.

use crate::flags::hpc::options::HpcOption;
use crate::flags::virsh::release::{Grammar, Virsh};

/// Whether a value may be given without its option's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It may, in every release, and it must be given (`.positional`, `.required`).
    Required,
    /// It may, in every release (`.unwanted_positional`).
    Tolerated,
    /// It may in the releases with the earlier grammar.
    Early,
    /// It may not: the option takes no value, is newer than the earlier grammar, or is virsh-hpc's.
    Never,
}

/// What an option does to the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// A bit of `virDomainMigrateFlags`.
    Flag(u32),
    /// A string parameter of that name.
    Text(&'static str),
    /// A comma list, passed as one string parameter of that name for each item.
    List(&'static str),
    /// A parameter of type int.
    Int(&'static str),
    /// A parameter of type int that is left out when it is 0.
    IntUnlessZero(&'static str),
    /// A parameter of type unsigned long long.
    UnsignedLong(&'static str),
    /// The domain to migrate.
    Domain,
    /// The connection URI of the destination.
    Destination,
    /// `virDomainMigrateToURI3` without the peer-to-peer flag.
    Direct,
    /// Progress on stderr.
    Verbose,
    /// Post-copy once the first iteration is over.
    PostcopyAfterPrecopy,
    /// Seconds until the action of the timeout.
    Timeout,
    /// The action is to suspend the guest.
    TimeoutSuspend,
    /// The action is to switch to post-copy.
    TimeoutPostcopy,
    /// The file with the destination's XML.
    Xml,
    /// The file with the destination's persistent XML.
    PersistentXml,
    /// An option `--hpc-*`.
    Hpc(HpcOption),
}

/// One option of `migrate`: what virsh's `vshCmdOptDef` says of it, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// Whether its value may be given without its name.
    pub position: Position,
    /// The first release known to have it.
    pub since: Virsh,
    pub(crate) means: Means,
}

impl Opt {
    /// Whether it is an option of virsh-hpc, not of virsh.
    #[must_use]
    pub const fn is_hpc(&self) -> bool {
        matches!(self.means, Means::Hpc(_))
    }

    /// What virsh's help calls its value; `None` for an option without one.
    #[must_use]
    pub const fn value_name(&self) -> Option<&'static str> {
        match self.means {
            Means::Flag(_)
            | Means::Direct
            | Means::Verbose
            | Means::PostcopyAfterPrecopy
            | Means::TimeoutSuspend
            | Means::TimeoutPostcopy => None,
            Means::Int(_) | Means::IntUnlessZero(_) | Means::UnsignedLong(_) | Means::Timeout => {
                Some("number")
            }
            Means::Text(_)
            | Means::List(_)
            | Means::Domain
            | Means::Destination
            | Means::Xml
            | Means::PersistentXml => Some("string"),
            Means::Hpc(option) => option.value_name(),
        }
    }

    /// What virsh-hpc's help says of it; `None` for an option of virsh's, which has its own.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        match self.means {
            Means::Hpc(option) => Some(option.help()),
            _ => None,
        }
    }

    /// Whether the option takes a value.
    #[must_use]
    pub const fn takes_value(&self) -> bool {
        self.value_name().is_some()
    }

    /// Whether a word without a name may be its value.
    pub(crate) fn is_positional(&self, grammar: Grammar) -> bool {
        match self.position {
            Position::Required | Position::Tolerated => true,
            Position::Early => grammar == Grammar::Early,
            Position::Never => false,
        }
    }
}
