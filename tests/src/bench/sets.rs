//! Which guests and laws are run together.

use std::time::Duration;

use super::guests::{Cell, GUESTS};
use super::laws::{LAWS, Law, OURS_UNCOMPRESSED};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Set {
    /// Two guests, one link each, scaled peers and three forced stops: about 20 minutes
    Default,
    /// Six guests, two links each, every law, peers as published and scaled, five forced stops: hours
    Full,
}

/// Laws left out of [`Set::Default`].
const FULL_ONLY: [&str; 2] = ["vep-248", OURS_UNCOMPRESSED];

/// Guests of [`Set::Default`], on the link on which stock does not end, by their place in [`GUESTS`].
const DEFAULT_GUESTS: [usize; 2] = [0, 1];

impl Set {
    /// Guests and links, the most telling first: a budget drops from the end.
    #[must_use]
    pub(super) fn cells(self) -> Vec<Cell> {
        let both = |link: usize| {
            GUESTS.iter().map(move |guest| Cell {
                guest,
                link: guest.links[link],
            })
        };
        match self {
            Self::Default => both(1)
                .enumerate()
                .filter(|(place, _)| DEFAULT_GUESTS.contains(place))
                .map(|(_, cell)| cell)
                .collect(),
            Self::Full => both(1).chain(both(0)).collect(),
        }
    }

    /// The laws, forced stops apart.
    #[must_use]
    pub(super) fn laws(self) -> Vec<Law> {
        let wanted = |law: &Law| self == Self::Full || !FULL_ONLY.contains(&law.name);
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
            Self::Default => 3,
            Self::Full => 5,
        }
    }

    /// After how many times its round one a migration is cut off, and the least time for it.
    #[must_use]
    pub(super) fn horizon(self, round_one: Duration) -> Duration {
        match self {
            Self::Default => (round_one * 4).max(Duration::from_secs(20)),
            Self::Full => (round_one * 10).max(Duration::from_secs(60)),
        }
    }
}
