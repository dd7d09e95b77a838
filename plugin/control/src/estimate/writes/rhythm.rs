//! Whether the guest is busy or quiet, as its first writes tell it: phases of guests that spin while they wait, too.
//!
//! ```text
//!   written   busiest rounds  ___------     so much is expected between two looks ...
//!            _-- - - - - - - -
//!            -________________|             ... and so little is seen: quiet
//!           sync
//! ```
//! Once all of its hot set has been written no more is expected, and nothing is told until the next sync.

use super::super::spells::{Phases, Spells};
use crate::time::Timestamp;

/// A guest is quiet where it writes less than a part of what its busiest rounds had written at that age: a third, as for its
/// processors.
const QUIET_PART: u64 = 3;

/// What is expected or seen between two looks tells something if it is so great a part of all that is hot, ...
const TELLING_PART: u64 = 16;
/// ... and no less than this.
const TELLING_BYTES: u64 = 1 << 20;

/// A look, and what had been written since the sync.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: Timestamp,
    bytes: u64,
    /// What the busiest rounds had written at that age.
    expected_bytes: u64,
}

/// Follows it from look to look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rhythm {
    spells: Spells,
    from: Mark,
    last: Timestamp,
    /// Whether something was told since the last sync.
    told: bool,
    /// Whether it was ever told to be quiet.
    quiet: bool,
}

impl Rhythm {
    /// A sync: all is to be written anew.
    pub(super) fn begin_round(&mut self, at: Timestamp) {
        self.spells.begin(at);
        self.spells.end_round();
        self.from = Mark {
            at,
            ..Mark::default()
        };
        self.last = at;
        self.told = false;
    }

    /// So much had been written `at`, where the busiest rounds had written `expected_bytes` and have `hot_bytes` in all.
    pub(super) fn follow(
        &mut self,
        at: Timestamp,
        bytes: u64,
        expected_bytes: u64,
        hot_bytes: u64,
    ) {
        self.spells.go_on(at);
        let last = core::mem::replace(&mut self.last, at);
        let seen = bytes.saturating_sub(self.from.bytes);
        let expected = expected_bytes.saturating_sub(self.from.expected_bytes);
        let telling = (hot_bytes / TELLING_PART).max(TELLING_BYTES);
        if seen.max(expected) < telling {
            return;
        }
        let quiet = seen.saturating_mul(QUIET_PART) < expected;
        let since = if quiet { self.from.at } else { last };
        self.from = Mark {
            at,
            bytes,
            expected_bytes,
        };
        self.told = true;
        self.turn(quiet, since, at);
    }

    /// The guest was so from `since` on.
    fn turn(&mut self, quiet: bool, since: Timestamp, now: Timestamp) {
        if !quiet {
            self.spells.busy(since, now);
        }
        // A guest that was never quiet has no phases.
        self.quiet |= quiet;
        if self.quiet && self.spells.idle() != Some(quiet) {
            self.spells.turn(quiet, since);
        }
    }

    /// Whether the guest is quiet, if something has told since the last sync.
    pub(super) fn quiet(&self) -> Option<bool> {
        self.told.then(|| self.spells.idle() == Some(true))
    }

    /// The phases it has, if it has any.
    pub(super) fn phases(&self) -> Option<Phases> {
        self.spells.phases()
    }
}
