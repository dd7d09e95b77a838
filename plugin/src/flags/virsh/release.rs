//! The release of virsh, and the grammar it reads a command line by.

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

    /// The grammar of this release, and a second one where it is not known which holds.
    ///
    /// Read in the sources of 9.0.0 and 11.3.0; the rewrite of `vshCommandParse` came after 10.0
    /// and before 10.5.
    pub(crate) fn grammars(self) -> (Grammar, Option<Grammar>) {
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
pub(crate) enum Grammar {
    /// As in 9.0.0: every option with a value is positional, an option starts with two dashes and
    /// a letter or digit.
    Early,
    /// As in 11.3.0: some options with a value are positional, every word that starts with two
    /// dashes is an option.
    Late,
}
