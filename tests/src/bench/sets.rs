//! The sets of guests and laws.

use std::time::Duration;

use super::guests::{Cell, GUESTS, Guest, KVM_GUESTS};
use super::laws::{LAWS, Law, UNCOMPRESSED, WITH_POSTCOPY, WITHOUT_COUNTERS};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Set {
    /// Two guests, one link each, scaled peers and three forced stops: about 20 minutes
    Default,
    /// Six guests, two links each, every law, peers as published and scaled, five forced stops: hours
    Full,
    /// Five guests under KVM, two links each, scaled peers and three forced stops: an hour and a half
    Kvm,
    /// The same over a link without a limit, for machines with cores to spare: half an hour
    KvmUnshaped,
}

/// Laws left out of [`Set::Default`].
const FULL_ONLY: [&str; 2] = ["vep-248", UNCOMPRESSED];

/// Laws left out of [`Set::Kvm`] and [`Set::KvmUnshaped`]: they ask whether XBZRLE pays there, not about post-copy.
const NOT_UNDER_KVM: [&str; 3] = ["vep-248", "postcopy-after-round-one", WITH_POSTCOPY];

/// Guests of [`Set::Default`], on the link on which stock does not end, by their place in [`GUESTS`].
const DEFAULT_GUESTS: [usize; 2] = [0, 1];

impl Set {
    /// Guests and links, the most important first: a budget drops from the end.
    #[must_use]
    pub(super) fn cells(self) -> Vec<Cell> {
        let over = |guests: &'static [Guest], link: usize| {
            guests.iter().map(move |guest| Cell {
                guest,
                link: guest.links[link],
            })
        };
        match self {
            Self::Default => over(&GUESTS, 1)
                .enumerate()
                .filter(|(place, _)| DEFAULT_GUESTS.contains(place))
                .map(|(_, cell)| cell)
                .collect(),
            Self::Full => over(&GUESTS, 1).chain(over(&GUESTS, 0)).collect(),
            Self::Kvm => over(&KVM_GUESTS, 0).chain(over(&KVM_GUESTS, 1)).collect(),
            Self::KvmUnshaped => over(&KVM_GUESTS, 2).collect(),
        }
    }

    /// The laws, forced stops apart.
    #[must_use]
    pub(super) fn laws(self) -> Vec<Law> {
        let wanted = |law: &Law| match self {
            Self::Full => law.name != WITHOUT_COUNTERS,
            Self::Default => law.name != WITHOUT_COUNTERS && !FULL_ONLY.contains(&law.name),
            Self::Kvm | Self::KvmUnshaped => !NOT_UNDER_KVM.contains(&law.name),
        };
        LAWS.into_iter().filter(wanted).collect()
    }

    /// Whether laws with a clock also run as published, not only scaled.
    #[must_use]
    pub(super) const fn as_published(self) -> bool {
        matches!(self, Self::Full)
    }

    /// How many forced stop times.
    #[must_use]
    pub(super) const fn forced_stops(self) -> usize {
        match self {
            Self::Default | Self::Kvm | Self::KvmUnshaped => 3,
            Self::Full => 5,
        }
    }

    /// After how many times its first round a migration is cut off, and the shortest time for it.
    #[must_use]
    pub(super) fn horizon(self, round_one: Duration) -> Duration {
        match self {
            Self::Default | Self::Kvm | Self::KvmUnshaped => {
                (round_one * 4).max(Duration::from_secs(20))
            }
            Self::Full => (round_one * 10).max(Duration::from_secs(60)),
        }
    }
}
