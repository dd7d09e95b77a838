//! Whether the guest is busy or quiet, as its first writes tell it: phases of guests that spin while they wait, too.
//!
//! ```text
//!   written   busiest rounds  ___------     so much is expected between two looks ...
//!            _-- - - - - - - -
//!            -________________|             ... and so little is seen: quiet
//!           sync
//! ```
//! Once all of its hot set has been written no more is expected, and nothing is told until the next sync.

use core::time::Duration;

use super::super::spells::{Phases, Spells};
use super::rewrites::Told;
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
    /// What the busiest rounds had written at that age; or as much as this one, of which what is ahead is not expected again.
    expected_bytes: u64,
}

/// Follows it from look to look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WritePhases {
    spells: Spells,
    from: Mark,
    /// The last look, and what had been written by then.
    last: (Timestamp, u64),
    /// Up to when it was told to be busy.
    busy_until: Timestamp,
    /// Whether something was told since the last sync.
    told: bool,
    /// Whether it was ever told to be quiet.
    quiet: bool,
}

impl WritePhases {
    /// A sync: all is to be written anew.
    pub(super) fn begin_round(&mut self, at: Timestamp) {
        self.spells.begin(at);
        self.spells.end_round();
        self.from = Mark {
            at,
            ..Mark::default()
        };
        self.last = (at, 0);
        self.told = false;
    }

    /// So much had been written `at`, where the busiest rounds had written `expected_bytes` and have `hot_bytes` in all. Of those,
    /// `most_within` tells how much within a span of a sync.
    pub(super) fn follow(
        &mut self,
        at: Timestamp,
        bytes: u64,
        expected_bytes: u64,
        hot_bytes: u64,
        most_within: impl Fn(Duration) -> u64,
    ) {
        self.spells.go_on(at);
        let (last, last_bytes) = core::mem::replace(&mut self.last, (at, bytes));
        let seen = bytes.saturating_sub(self.from.bytes);
        let expected = expected_bytes.saturating_sub(self.from.expected_bytes);
        let telling = (hot_bytes / TELLING_PART).max(TELLING_BYTES);
        if seen.max(expected) < telling {
            return;
        }
        let is_little = |seen: u64, of: u64| seen.saturating_mul(QUIET_PART) < of;
        // One that wakes writes as after a sync, of what is left to write; one that is quiet may write a little for long.
        let waking = most_within(at.since(last)).min(hot_bytes.saturating_sub(last_bytes));
        let was_quiet = self.spells.idle() == Some(true);
        let quiet = is_little(seen, expected)
            || (was_quiet && is_little(bytes.saturating_sub(last_bytes), waking));
        let since = if quiet { self.from.at } else { last };
        self.from = Mark {
            at,
            bytes,
            expected_bytes: expected_bytes.max(bytes),
        };
        self.told = true;
        self.turn(quiet, since, at);
    }

    /// It is `at` now, and something else has told that the guest is quiet, or busy, since then.
    pub(super) fn tell(&mut self, told: Option<Told>, at: Timestamp) {
        self.spells.go_on(at);
        self.told |= told.is_some();
        match told {
            None => {}
            Some(Told::Busy(since)) => self.turn(false, since, at),
            Some(Told::Quiet(since)) => self.turn(true, since, at),
        }
    }

    /// The guest was so from `since` on.
    fn turn(&mut self, quiet: bool, since: Timestamp, now: Timestamp) {
        if !quiet {
            self.spells.busy(since, now);
        }
        let turned_from = if quiet {
            self.busy_until.min(since)
        } else {
            since
        };
        // A guest that was never quiet has no phases.
        self.quiet |= quiet;
        if self.quiet && self.spells.idle() != Some(quiet) {
            self.spells.turn_between(quiet, turned_from, since);
        }
        if !quiet {
            self.busy_until = now;
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

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::curve::Curve;
    use super::*;

    const MB: u64 = 1_000_000;

    /// What a guest has written so long after a sync, ms, of what it had not: bytes.
    type Written = fn(u64) -> u64;

    /// 128 MB at once.
    fn flat(age_ms: u64) -> u64 {
        if age_ms == 0 { 0 } else { 128 * MB }
    }

    /// All of a large memory, at 60 MB/s.
    fn swept(age_ms: u64) -> u64 {
        age_ms * 60 * MB / 1000
    }

    /// At 200 MB/s at random within 100 MB.
    fn random(age_ms: u64) -> u64 {
        let rest = (0..age_ms).fold(100 * MB, |rest, _| rest - rest / 500);
        100 * MB - rest
    }

    fn quiet(_: u64) -> u64 {
        0
    }

    /// 200 MB/s within 128 MB.
    fn paced(age_ms: u64) -> u64 {
        (age_ms * 200 * MB / 1000).min(128 * MB)
    }

    /// Quiet for 1200 ms, and then as that.
    fn wakes(age_ms: u64) -> u64 {
        paced(age_ms.saturating_sub(1200))
    }

    /// Quiet for all but 40 ms of 700.
    fn wakes_late(age_ms: u64) -> u64 {
        (age_ms.saturating_sub(660) * 1280 * MB / 1000).min(128 * MB)
    }

    /// Quiet, but for 30 MB/s within 60 MB.
    fn little(age_ms: u64) -> u64 {
        (age_ms * 30 * MB / 1000).min(60 * MB)
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// Rounds of a guest, looked at as `Writes` does.
    #[derive(Default)]
    struct Looks {
        phases: WritePhases,
        curve: Curve,
        most_bytes: u64,
        sync_ms: u64,
    }

    impl Looks {
        /// What the looks of a round say, the first `offset_ms` after its sync and then every 100 ms.
        fn round_from(
            &mut self,
            offset_ms: u64,
            round_ms: u64,
            written: Written,
        ) -> Vec<Option<bool>> {
            self.curve.begin_round();
            self.phases.begin_round(at(self.sync_ms));
            let looks = (offset_ms..round_ms).step_by(100);
            let told = looks.map(|age_ms| self.look(age_ms, written(age_ms)));
            let told = told.collect();
            self.sync_ms += round_ms;
            told
        }

        fn round(&mut self, round_ms: u64, written: Written) -> Vec<Option<bool>> {
            self.round_from(100, round_ms, written)
        }

        fn look(&mut self, age_ms: u64, bytes: u64) -> Option<bool> {
            let age = Duration::from_millis(age_ms);
            self.curve.record(age, bytes);
            self.most_bytes = self.most_bytes.max(bytes);
            let (expected_bytes, now) = (self.curve.most_at(age), at(self.sync_ms + age_ms));
            self.phases
                .follow(now, bytes, expected_bytes, self.most_bytes, |span| {
                    self.curve.most_at(span)
                });
            self.phases.quiet()
        }

        fn phases(&self) -> Phases {
            self.phases.phases().expect("the guest was quiet")
        }
    }

    /// However long the rounds are, and wherever in them the looks fall.
    #[test]
    fn a_steady_writer_is_never_quiet() {
        for (name, written) in [
            ("flat", flat as Written),
            ("swept", swept),
            ("random", random),
        ] {
            let mut looks = Looks::default();
            for (offset_ms, round_ms) in
                [(100, 4000), (30, 1300), (70, 900), (10, 5000), (90, 2000)]
            {
                let told = looks.round_from(offset_ms, round_ms, written);
                assert!(!told.contains(&Some(true)), "{name}: {told:?}");
                assert!(told.contains(&Some(false)), "{name}: {told:?}");
            }
            assert_eq!(looks.phases.phases(), None, "{name}");
        }
    }

    #[test]
    fn one_that_wrote_all_in_the_busiest_round_and_nothing_now_is_quiet_in_one_look() {
        for written in [flat as Written, random] {
            let mut looks = Looks::default();
            looks.round(4000, written);
            assert_eq!(looks.round(200, quiet), [Some(true)]);
            let phases = looks.phases();
            assert_eq!(
                (phases.idle, phases.age),
                (true, Duration::from_millis(100)),
                "since the sync"
            );
        }
    }

    /// 240 MB are hot: a sixteenth is expected after 250 ms.
    #[test]
    fn one_that_wrote_slowly_is_quiet_since_the_sync_too() {
        let mut looks = Looks::default();
        looks.round(4100, swept);
        assert_eq!(looks.round(400, quiet), [None, None, Some(true)]);
        assert_eq!(looks.phases().age, Duration::from_millis(300));
    }

    /// A third is busy, and less is quiet.
    #[test]
    fn less_than_a_third_of_what_the_busiest_wrote_is_quiet() {
        let parts: [(Written, bool); 2] = [(|age| flat(age) / 3 + 1, false), (|_| 40 * MB, true)];
        for (written, is_quiet) in parts {
            let mut looks = Looks::default();
            looks.round(4000, flat);
            assert_eq!(looks.round(200, written), [Some(is_quiet)]);
        }
    }

    /// The busiest round is remembered, whatever came after.
    #[test]
    fn what_is_quiet_in_one_round_is_quiet_in_the_next() {
        let mut looks = Looks::default();
        looks.round(4000, flat);
        for _ in 0..5 {
            let told = looks.round(900, quiet);
            assert_eq!(told[0], Some(true), "{told:?}");
        }
        assert_eq!(looks.phases().age, Duration::from_millis(4 * 900 + 800));
        assert_eq!(looks.round(200, flat), [Some(false)]);
    }

    #[test]
    fn one_that_turns_busy_within_the_round_is_seen_at_once() {
        let mut looks = Looks::default();
        looks.round(4000, paced);
        let told = looks.round(1400, wakes);
        let (still, woken) = told.split_at(12);
        assert_eq!((still, woken), (&[Some(true); 12][..], &[Some(false)][..]));
        let phases = looks.phases();
        let ms = Duration::from_millis;
        assert_eq!((phases.idle, phases.age), (false, ms(100)));
        assert_eq!(
            (phases.idle_span, phases.idle_whole),
            (Some(ms(1200)), false),
            "it may have turned quiet in the round before, once all had been written"
        );
        assert_eq!(phases.busy_in_round, ms(100), "since the look before");
    }

    /// It adds up to what tells something, where no more is expected.
    #[test]
    fn a_little_that_is_written_for_long_is_quiet() {
        for written in [flat as Written, paced] {
            let mut looks = Looks::default();
            looks.round(4000, written);
            let told = looks.round(3000, little);
            assert_eq!(told[..], [Some(true); 29]);
            assert_eq!(looks.phases().age, Duration::from_millis(2900));
        }
    }

    /// The rest may be less than it writes after a sync.
    #[test]
    fn one_that_turns_busy_writes_no_more_than_is_left() {
        let most: Written = |age_ms| match age_ms {
            0..700 => (age_ms / 100 - 1) * 18 * MB,
            _ => 128 * MB,
        };
        let mut looks = Looks::default();
        looks.round(4000, flat);
        let told = looks.round(800, most);
        assert_eq!(told[5..], [Some(true), Some(false)]);
    }

    #[test]
    fn one_that_turned_busy_in_part_of_a_look_is_seen() {
        let mut looks = Looks::default();
        looks.round(4000, flat);
        let told = looks.round(800, wakes_late);
        assert_eq!(told[5..], [Some(true), Some(false)]);
    }

    /// That no more is written then is what any guest does.
    #[test]
    fn once_all_that_is_hot_has_been_written_nothing_is_told() {
        let mut looks = Looks::default();
        looks.round(4000, flat);
        looks.round(1000, quiet);
        let told = looks.round(5000, flat);
        assert_eq!(told[..], [Some(false); 49]);
        assert_eq!(looks.phases().busy_in_round, Duration::from_millis(100));
    }

    #[test]
    fn little_tells_nothing() {
        let mut looks = Looks::default();
        let next_to_nothing: Written = |_| TELLING_BYTES - 1;
        assert_eq!(looks.round(300, next_to_nothing), [None; 2]);
        assert_eq!(looks.round(300, quiet), [None; 2]);
        looks.round(1000, flat);
        let part: Written = |_| 128 * MB / TELLING_PART - 1;
        looks.curve = Curve::default();
        assert_eq!(looks.round(200, part), [None], "of so much");
    }

    #[test]
    fn nothing_overflows() {
        let mut phases = WritePhases::default();
        let last = Timestamp::from_nanos(u64::MAX);
        phases.begin_round(at(0));
        phases.follow(last, u64::MAX, u64::MAX, u64::MAX, |_| u64::MAX);
        assert_eq!(phases.quiet(), Some(false));
        phases.begin_round(last);
        phases.follow(last, u64::MAX / 2, u64::MAX, u64::MAX, |_| u64::MAX);
        assert_eq!(phases.quiet(), Some(false), "half");
        phases.begin_round(last);
        phases.follow(last, 0, u64::MAX, u64::MAX, |_| u64::MAX);
        assert_eq!(phases.quiet(), Some(true));
    }
}
