//! Whether syncs find what was counted.

use crate::rate::scale;

/// Found over counted may be off by a third either way (3/4 to 4/3): a counter that is 20 % off is still better than
/// none; one that misses half of the writes, or counts twice, is not.
const NEAR: (u64, u64) = (3, 4);

/// Less than this, counted and found, is not judged.
const TELLING_BYTES: u64 = 4 << 20;

/// A guest that turns busy just before a sync has written more than so many times what was counted: a counter that misses
/// half finds twice as much.
const TURNED_TIMES: u64 = 3;

/// So many syncs in a row must agree until a refuted counter is trusted again.
const AGREEING: u32 = 2;

/// The judgement of the counter by the syncs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// No sync has judged it yet.
    #[default]
    Unconfirmed,
    /// The last sync found what was counted.
    Confirmed,
    /// A sync has found something else: the counter is not used.
    Refuted,
}

/// The result of a sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Remaining memory right after it, bytes.
    pub(super) bytes: u64,
    /// Memory of the sync before that was not sent by then, bytes.
    pub(super) unsent_bytes: u64,
    /// Whether it ended the first round, whose unsent memory need not have been written.
    pub(super) first_round: bool,
}

impl Found {
    /// The common share of written and unsent pages, thousandths; none if too little was unsent to tell.
    pub(super) fn common(&self, counted_bytes: u64, protected_bytes: u64) -> Option<u64> {
        let both = self.unsent_bytes.min(counted_bytes).min(protected_bytes);
        if self.first_round || both < self.bytes / 32 || both == 0 {
            return None;
        }
        let twice = counted_bytes
            .saturating_add(self.unsent_bytes)
            .saturating_sub(self.bytes);
        Some(scale(twice, 1000, both).min(1000))
    }

    /// The expected remainder nearest to the one found: the unsent pages may or may not be among those written.
    fn expected_bytes(&self, counted_bytes: u64) -> u64 {
        let most = counted_bytes.saturating_add(self.unsent_bytes);
        self.bytes.clamp(counted_bytes, most)
    }
}

/// Follows the syncs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Confirmation {
    trust: Trust,
    /// Number of syncs in a row that agree.
    agreeing: u32,
    /// The last sync was not judged, because the guest may have turned busy just before it.
    excused: bool,
}

impl Confirmation {
    pub(super) const fn trust(&self) -> Trust {
        self.trust
    }

    /// Takes in the result of a sync, the count before it, and what was counted from the last reading before the sync to
    /// the first after it. A guest that has turned busy in between has written a part of that before the sync: so the sync
    /// judges nothing, unless the one before judged nothing either. Returns whether it is so.
    pub(super) fn judge(&mut self, found: &Found, counted_bytes: u64, around_bytes: u64) -> bool {
        let expected_bytes = found.expected_bytes(counted_bytes);
        if found.bytes.max(expected_bytes) < TELLING_BYTES {
            return false;
        }
        let near = is_near(found.bytes, expected_bytes);
        if near && !is_near(found.bytes, counted_bytes) {
            // A deaf counter would have found the unsent pages as well.
            return false;
        }
        let may_have_turned = found.bytes > expected_bytes.saturating_mul(TURNED_TIMES)
            && found.bytes <= expected_bytes.saturating_add(around_bytes);
        if !near && may_have_turned && !self.excused {
            self.excused = true;
            return true;
        }
        self.excused = false;
        self.agreeing = if near {
            self.agreeing.saturating_add(1)
        } else {
            0
        };
        self.trust = match self.trust {
            _ if !near => Trust::Refuted,
            Trust::Refuted if self.agreeing < AGREEING => Trust::Refuted,
            _ => Trust::Confirmed,
        };
        false
    }
}

/// Whether two numbers are the same within [`NEAR`].
pub(in super::super) fn is_near(a: u64, b: u64) -> bool {
    let (part, whole) = NEAR;
    u128::from(a.min(b)) * u128::from(whole) >= u128::from(a.max(b)) * u128::from(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn found(mib: u64, unsent_mib: u64) -> Found {
        Found {
            bytes: mib * MIB,
            unsent_bytes: unsent_mib * MIB,
            first_round: false,
        }
    }

    /// After syncs that found so much, with so much unsent and counted, MiB.
    fn judged(syncs: &[(u64, u64, u64)]) -> Trust {
        let mut confirmation = Confirmation::default();
        for &(mib, unsent, counted) in syncs {
            confirmation.judge(&found(mib, unsent), counted * MIB, 0);
        }
        confirmation.trust()
    }

    #[test]
    fn a_counter_within_a_third_is_confirmed() {
        for counted in [80, 100, 120] {
            assert_eq!(judged(&[(100, 0, counted)]), Trust::Confirmed, "{counted}");
        }
        for counted in [0, 50, 74, 134, 200] {
            assert_eq!(judged(&[(100, 0, counted)]), Trust::Refuted, "{counted}");
        }
    }

    #[test]
    fn unsent_pages_may_or_may_not_have_been_rewritten() {
        for mib in [100, 120, 130] {
            assert_eq!(judged(&[(mib, 40, 100)]), Trust::Confirmed, "{mib}");
        }
        assert_eq!(judged(&[(140, 40, 100)]), Trust::Unconfirmed, "half or all");
        assert_eq!(judged(&[(40, 40, 0)]), Trust::Unconfirmed, "deaf or idle");
        assert_eq!(judged(&[(100, 40, 0)]), Trust::Refuted, "deaf");
    }

    #[test]
    fn tiny_amounts_do_not_change_trust() {
        assert_eq!(
            judged(&[(3, 0, 0), (0, 0, 3), (0, 0, 0)]),
            Trust::Unconfirmed
        );
        assert_eq!(judged(&[(4, 0, 4)]), Trust::Confirmed, "enough");
        assert_eq!(judged(&[(0, 0, 100)]), Trust::Refuted);
        assert_eq!(judged(&[(100, 0, 100), (1, 0, 0)]), Trust::Confirmed);
    }

    #[test]
    fn trust_is_lost_at_once_and_regained_after_two_syncs() {
        let (good, bad) = ((100, 0, 100), (100, 0, 10));
        assert_eq!(judged(&[good, bad]), Trust::Refuted);
        assert_eq!(judged(&[bad, good]), Trust::Refuted);
        assert_eq!(judged(&[bad, good, good]), Trust::Confirmed);
        assert_eq!(judged(&[bad, good, bad, good]), Trust::Refuted);
    }

    #[test]
    fn a_guest_that_may_have_turned_busy_just_before_a_sync_judges_nothing_once() {
        // How many of the syncs judged nothing; each: found, counted, and counted around it, MiB.
        let judged = |syncs: &[(u64, u64, u64)]| {
            let mut confirmation = Confirmation::default();
            let mut excused = 0;
            for &(mib, counted, around) in syncs {
                let judge = confirmation.judge(&found(mib, 0), counted * MIB, around * MIB);
                excused += u32::from(judge);
            }
            (excused, confirmation.trust())
        };
        let (good, woke) = ((100, 100, 0), (100, 20, 120));
        assert_eq!(judged(&[woke]), (1, Trust::Unconfirmed));
        assert_eq!(judged(&[woke, good]), (1, Trust::Confirmed));
        assert_eq!(judged(&[woke, woke]), (1, Trust::Refuted));
        assert_eq!(judged(&[good, woke]), (1, Trust::Confirmed));
        assert_eq!(judged(&[(100, 20, 79)]), (0, Trust::Refuted), "too little");
        assert_eq!(judged(&[(100, 34, 120)]), (0, Trust::Refuted), "half deaf");
    }

    #[test]
    fn the_common_share_shows_where_something_was_unsent() {
        let common = |mib, unsent| found(mib, unsent).common(100 * MIB, u64::MAX);
        assert_eq!(common(100, 40), Some(1000));
        assert_eq!(common(140, 40), Some(0));
        assert_eq!(common(120, 40), Some(500));
        assert_eq!(common(100, 1), None);
        assert_eq!(common(96, 3), Some(1000), "a thirty-second is enough");
        let first = Found {
            first_round: true,
            ..found(140, 40)
        };
        assert_eq!(first.common(100 * MIB, u64::MAX), None);
    }

    #[test]
    fn any_number_is_judged() {
        let mut confirmation = Confirmation::default();
        let all = Found {
            bytes: u64::MAX,
            unsent_bytes: u64::MAX,
            first_round: false,
        };
        confirmation.judge(&all, u64::MAX, 0);
        assert_eq!(all.common(u64::MAX, u64::MAX), Some(0));
        assert_eq!(confirmation.trust(), Trust::Confirmed);
    }
}
