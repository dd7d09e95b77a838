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
    /// Five guests under KVM, three links each, scaled peers and three forced stops: two hours and a half
    Kvm,
}

/// Laws left out of [`Set::Default`].
const FULL_ONLY: [&str; 2] = ["vep-248", UNCOMPRESSED];

/// Laws left out of [`Set::Kvm`]: it asks whether XBZRLE pays there, not about post-copy.
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
            Self::Kvm => (0..KVM_GUESTS[0].links.len())
                .flat_map(|link| over(&KVM_GUESTS, link))
                .collect(),
        }
    }

    /// The laws, forced stops apart.
    #[must_use]
    pub(super) fn laws(self) -> Vec<Law> {
        let wanted = |law: &Law| match self {
            Self::Full => law.name != WITHOUT_COUNTERS,
            Self::Default => law.name != WITHOUT_COUNTERS && !FULL_ONLY.contains(&law.name),
            Self::Kvm => !NOT_UNDER_KVM.contains(&law.name),
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
            Self::Default | Self::Kvm => 3,
            Self::Full => 5,
        }
    }

    /// After how many times its first round a migration is cut off, and the shortest time for it.
    #[must_use]
    pub(super) fn horizon(self, round_one: Duration) -> Duration {
        match self {
            Self::Default | Self::Kvm => (round_one * 4).max(Duration::from_secs(20)),
            Self::Full => (round_one * 10).max(Duration::from_secs(60)),
        }
    }
}
