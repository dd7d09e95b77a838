//! One row of the table of options, and the version of virsh it is read for.

use super::hpc::HpcOption;

/// A release of virsh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Virsh {
    /// The first number of the release.
    pub major: u32,
    /// The second number of the release.
    pub minor: u32,
}

impl Virsh {
    /// The oldest release whose grammar is known here; every earlier one is read like it.
    pub const OLDEST: Self = Self::new(9, 0);
    /// A release that has every option known here.
    pub const NEWEST: Self = Self::new(u32::MAX, 0);

    /// The release `major.minor`.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The release of a number as `virGetVersion` and `virConnectGetLibVersion` give it:
    /// `major * 1,000,000 + minor * 1,000 + release`.
    #[must_use]
    pub fn from_lib_version(version: u64) -> Self {
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Self::new(number(version / 1_000_000), number(version / 1_000 % 1_000))
    }

    /// The grammar of this release, and a second one where it is not known which holds.
    ///
    /// Read in the sources of 9.0.0 and 11.3.0; the rewrite of `vshCommandParse` came after 10.0
    /// and before 10.5.
    pub(super) fn grammars(self) -> (Grammar, Option<Grammar>) {
        if self <= Self::new(10, 0) {
            (Grammar::Early, None)
        } else if self < Self::new(10, 5) {
            (Grammar::Early, Some(Grammar::Late))
        } else {
            (Grammar::Late, None)
        }
    }
}

/// The two command parsers virsh has had (`vshCommandParse` in `tools/vsh.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// As in 9.0.0: every option with a value is positional, an option starts with two dashes and
    /// a letter or digit.
    Early,
    /// As in 11.3.0: some options with a value are positional, every word that starts with two
    /// dashes is an option.
    Late,
}

/// Whether a value may be given without its option's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It may, in every release, and it must be given (`.positional`, `.required`).
    Required,
    /// It may, in every release (`.unwanted_positional`).
    Tolerated,
    /// It may in the releases with the earlier grammar.
    Early,
    /// It may not: the option takes no value, is newer than the earlier grammar, or is ours.
    Never,
}

/// What an option does to the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
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
    /// An option of ours.
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
    pub(super) means: Means,
}

impl Opt {
    /// Whether it is an option of virsh-hpc, not of virsh.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
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

    /// What our help says of it; `None` for an option of virsh's, which has its own.
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
    pub(super) fn is_positional(&self, grammar: Grammar) -> bool {
        match self.position {
            Position::Required | Position::Tolerated => true,
            Position::Early => grammar == Grammar::Early,
            Position::Never => false,
        }
    }
}
