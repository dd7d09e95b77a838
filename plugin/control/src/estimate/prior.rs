//! Prior knowledge of the guest: its writes as `hpc-estimate` or an earlier migration has seen them.
//!
//! ```text
//!   before    W(x) within some spans, and phases            the prior
//!   syncs     W(first iteration), as it should find         confirmed, or refuted for good
//!   then      W(R/B): what a further iteration would leave; whether it is worth waiting for a quiet phase
//! ```
//! What the migration itself shows outranks it. A prior of another program, or of another input, is refuted by the
//! first sync and has cost nothing. One whose phases do not come is refuted after half as long again as a busy phase.

use core::time::Duration;

use super::phases::Phases;
use super::round::Round;
use super::writes::{Trust, is_near};
use crate::rate::{in_span, per_second};
use crate::time::Timestamp;

/// The points of W(x) that are kept: from 0.1 s, twice as long each, over an hour.
const POINTS: usize = 16;

/// A busy phase may last so much longer than it did before, per cent, until the phases are not believed.
const OVERDUE_PERCENT: u32 = 150;

/// What is known of a guest before its migration; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prior {
    /// Spans and the bytes written within them by the busy guest, both rising; those at the end may be unused.
    points: [(Duration, u64); POINTS],
    used: usize,
    phases: Option<PhaseSpans>,
    watched: Duration,
}

/// The lengths of phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpans {
    /// Of a busy one.
    pub busy: Duration,
    /// Of a quiet one.
    pub quiet: Duration,
}

impl Prior {
    /// A guest that was `watched` for so long, wrote `written` bytes within each span when it was busy, and showed
    /// `phases`. Points that do not rise are left out.
    #[must_use]
    pub fn new(
        written: impl IntoIterator<Item = (Duration, u64)>,
        phases: Option<PhaseSpans>,
        watched: Duration,
    ) -> Self {
        let mut prior = Self {
            phases,
            watched,
            ..Self::default()
        };
        for (span, bytes) in written {
            let (last, before_bytes) = prior.last().unwrap_or_default();
            if span > last && bytes >= before_bytes && prior.used < POINTS {
                prior.points[prior.used] = (span, bytes);
                prior.used += 1;
            }
        }
        prior
    }

    /// The points of W(x).
    pub fn written(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.points[..self.used].iter().copied()
    }

    /// The phases.
    #[must_use]
    pub const fn phases(&self) -> Option<PhaseSpans> {
        self.phases
    }

    /// For how long the guest was watched.
    #[must_use]
    pub const fn watched(&self) -> Duration {
        self.watched
    }

    fn last(&self) -> Option<(Duration, u64)> {
        self.written().last()
    }

    /// W, no more than the truth: straight between the points, for it is concave, and no rise after the last.
    fn written_within_bytes(&self, span: Duration) -> Option<u64> {
        let (mut before, mut before_bytes) = (Duration::ZERO, 0);
        for (after, bytes) in self.written() {
            if span < after {
                let rise = per_second(bytes - before_bytes, after - before);
                return Some(before_bytes + in_span(rise, span - before));
            }
            (before, before_bytes) = (after, bytes);
        }
        (self.used > 0).then_some(before_bytes)
    }

    /// The most that may be written within `span`: all of the next point, for W may rise at once; beyond the last point
    /// it rises no faster than before it, for it is concave.
    fn most_within_bytes(&self, span: Duration) -> Option<u64> {
        let next = self.written().find(|(after, _)| span <= *after);
        let (last, bytes) = self.last()?;
        let more = || in_span(self.last_rise_bytes_per_s(), span - last);
        Some(next.map_or_else(|| bytes.saturating_add(more()), |(_, most)| most))
    }

    /// The rise of W before its last point. In a span of a guest in phases it may have been quiet in part: for it, that
    /// of all spans.
    fn last_rise_bytes_per_s(&self) -> u64 {
        let (last, bytes) = self.last().unwrap_or_default();
        let before = self.used.checked_sub(2).filter(|_| self.phases.is_none());
        let (before, before_bytes) = before.map_or_else(Default::default, |at| self.points[at]);
        per_second(bytes - before_bytes, last - before)
    }
}

/// Whether a busy phase of that `age` has lasted too long to be one of `busy`.
fn is_overdue(age: Duration, busy: Duration) -> bool {
    age > busy.saturating_mul(OVERDUE_PERCENT) / 100
}

/// A prior, and how the migration bears it out.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckedPrior {
    prior: Prior,
    trust: Trust,
    /// The sync that has confirmed it.
    since: Timestamp,
    now: Timestamp,
}

impl CheckedPrior {
    /// The prior before the migration.
    #[must_use]
    pub fn new(prior: Prior) -> Self {
        Self {
            prior,
            ..Self::default()
        }
    }

    /// Trust in it; nothing is trusted where nothing is known.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        self.trust
    }

    /// Takes in the time of a sample, and the round that it has ended, if any.
    pub fn update(&mut self, now: Timestamp, round: Option<&Round>) {
        self.now = now;
        if let Some(round) = round.filter(|_| self.trust == Trust::Unconfirmed) {
            self.judge(round);
        }
    }

    /// The first sync that tells judges it. A guest in phases may have been quiet: then a later one does.
    fn judge(&mut self, round: &Round) {
        let least = self.prior.written_within_bytes(round.duration);
        let most = self.prior.most_within_bytes(round.duration);
        let (Some(least), Some(most), 1) = (least, most, round.syncs) else {
            return;
        };
        let found = round.remaining_bytes.saturating_sub(round.unsent_bytes);
        if is_near(found, found.clamp(least, most)) {
            self.trust = Trust::Confirmed;
            self.since = round.at;
        } else if found > most || self.prior.phases.is_none() {
            self.trust = Trust::Refuted;
        }
    }

    /// W, if a sync has confirmed it: bytes written within `span` by the busy guest, or at least so many.
    #[must_use]
    pub fn written_within_bytes(&self, span: Duration) -> Option<u64> {
        self.confirmed()?.written_within_bytes(span)
    }

    /// Whether the guest was watched for as long as `span`, and did the same all the time.
    #[must_use]
    pub fn is_steady(&self, span: Duration) -> bool {
        self.confirmed()
            .is_some_and(|prior| prior.phases.is_none() && span <= prior.watched)
    }

    /// The guest's phases, in a busy one since the sync that has confirmed the prior; none once that has lasted longer
    /// than it should.
    #[must_use]
    pub fn phases(&self) -> Option<Phases> {
        let spans = self.confirmed()?.phases?;
        let age = self.now.since(self.since);
        (!is_overdue(age, spans.busy)).then_some(Phases {
            idle: false,
            age,
            busy_span: Some(spans.busy),
            busy_whole: false,
            idle_span: Some(spans.quiet),
            idle_whole: false,
            busy_in_round: Duration::ZERO,
        })
    }

    /// The phases that the guest shows, with the prior's lengths of those that were not seen from beginning to end, until
    /// a busy one is overdue.
    #[must_use]
    pub fn complete(&self, seen: Phases) -> Phases {
        let spans = self.confirmed().and_then(|prior| prior.phases);
        let holds = |spans: &PhaseSpans| seen.idle || !is_overdue(seen.age, spans.busy);
        let Some(before) = spans.filter(holds) else {
            return seen;
        };
        let length =
            |span: Option<Duration>, whole, before| span.filter(|_| whole).or(Some(before));
        Phases {
            busy_span: length(seen.busy_span, seen.busy_whole, before.busy),
            idle_span: length(seen.idle_span, seen.idle_whole, before.quiet),
            ..seen
        }
    }

    fn confirmed(&self) -> Option<&Prior> {
        (self.trust == Trust::Confirmed).then_some(&self.prior)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const MB: u64 = 1_000_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// 100 MB in a second, 130 in two, and no more; watched for eight.
    fn prior(phases: Option<PhaseSpans>) -> Prior {
        let written = [(1000, 100), (2000, 130), (4000, 130)];
        Prior::new(
            written.map(|(span_ms, mb)| (ms(span_ms), mb * MB)),
            phases,
            ms(8000),
        )
    }

    const SPANS: PhaseSpans = PhaseSpans {
        busy: Duration::from_secs(3),
        quiet: Duration::from_secs(2),
    };

    /// After a round of so many ms that ended at 10 s and found so many MB written.
    fn synced(prior: Prior, round_ms: u64, found_mb: u64) -> CheckedPrior {
        let mut checked = CheckedPrior::new(prior);
        sync(&mut checked, round_ms, found_mb);
        checked
    }

    fn sync(checked: &mut CheckedPrior, round_ms: u64, found_mb: u64) {
        let at = Timestamp::from_nanos(10_000 * MB);
        let round = Round {
            syncs: 1,
            at,
            duration: ms(round_ms),
            remaining_bytes: (found_mb + 7) * MB,
            unsent_bytes: 7 * MB,
            ..Round::default()
        };
        checked.update(at, Some(&round));
    }

    fn at(checked: &mut CheckedPrior, at_ms: u64) -> Option<Phases> {
        checked.update(Timestamp::from_nanos(at_ms * MB), None);
        checked.phases()
    }

    #[test]
    fn the_curve_is_straight_between_its_points_and_flat_after_them() {
        let checked = synced(prior(None), 2000, 130);
        let written = |span_ms| checked.written_within_bytes(ms(span_ms));
        let mb = [0, 500, 1000, 1500, 2000, 3000, 60_000].map(|span_ms| {
            written(span_ms)
                .map(|bytes| bytes.div_ceil(MB))
                .unwrap_or(u64::MAX)
        });
        assert_eq!(mb, [0, 50, 100, 115, 130, 130, 130]);
    }

    #[test]
    fn at_its_points_the_curve_is_exact_and_without_any_there_is_none() {
        let third = Prior::new([(ms(300), 100)], None, ms(0));
        assert_eq!(third.written_within_bytes(ms(300)), Some(100));
        assert_eq!(Prior::default().written_within_bytes(ms(300)), None);
    }

    #[test]
    fn points_that_do_not_rise_are_left_out() {
        let written = [(2, 5), (2, 9), (1, 9), (3, 4), (4, 5), (0, 9)];
        let prior = Prior::new(written.map(|(s, b)| (ms(s), b)), None, ms(0));
        let kept: Vec<_> = prior.written().collect();
        assert_eq!(kept, [(ms(2), 5), (ms(4), 5)]);
        let many = Prior::new((1..1000).map(|n| (ms(n), n)), None, ms(0));
        assert_eq!(many.written().count(), POINTS);
    }

    #[test]
    fn nothing_is_known_until_a_sync_has_confirmed_it() {
        let checked = CheckedPrior::new(prior(Some(SPANS)));
        assert_eq!(checked.trust(), Trust::Unconfirmed);
        assert_eq!(checked.written_within_bytes(ms(1000)), None);
        assert!(checked.phases().is_none() && !checked.is_steady(ms(1)));
        let nothing = synced(Prior::default(), 2000, 130);
        assert_eq!(nothing.trust(), Trust::Unconfirmed);
        assert_eq!(nothing.written_within_bytes(ms(1000)), None);
    }

    #[test]
    fn a_sync_within_a_third_confirms_it_and_any_other_refutes_it_for_good() {
        for (found_mb, trust) in [
            (98, Trust::Confirmed),
            (97, Trust::Refuted),
            (173, Trust::Confirmed),
            (174, Trust::Refuted),
        ] {
            let mut checked = synced(prior(None), 2000, found_mb);
            assert_eq!(checked.trust(), trust, "{found_mb}");
            sync(&mut checked, 2000, 130);
            assert_eq!(checked.trust(), trust, "{found_mb}, then as expected");
        }
    }

    /// All of a point may have been written within any part of its span.
    #[test]
    fn a_round_between_two_points_may_find_as_much_as_the_second() {
        for (round_ms, found_mb, trust) in [
            (250, 100, Trust::Confirmed),
            (250, 25, Trust::Confirmed),
            (250, 18, Trust::Refuted),
            (250, 140, Trust::Refuted),
            (1500, 130, Trust::Confirmed),
        ] {
            let checked = synced(prior(None), round_ms, found_mb);
            assert_eq!(checked.trust(), trust, "{found_mb} in {round_ms} ms");
        }
    }

    /// A longer round may find anything between no more, and a rise as before the last point.
    #[test]
    fn beyond_the_last_point_the_curve_may_have_risen_as_before() {
        let rising = [(1000, 100), (2000, 130)].map(|(span_ms, mb)| (ms(span_ms), mb * MB));
        let rising = |phases| Prior::new(rising, phases, ms(8000));
        for (found_mb, steady, phased) in [
            (97, Trust::Refuted, Trust::Unconfirmed),
            (98, Trust::Confirmed, Trust::Confirmed),
            (413, Trust::Confirmed, Trust::Confirmed),
            (414, Trust::Refuted, Trust::Confirmed),
            (694, Trust::Refuted, Trust::Refuted),
        ] {
            assert_eq!(
                synced(rising(None), 8000, found_mb).trust(),
                steady,
                "{found_mb}"
            );
            let phased_trust = synced(rising(Some(SPANS)), 8000, found_mb).trust();
            assert_eq!(phased_trust, phased, "{found_mb}");
        }
        let flat = |found_mb| synced(prior(None), 8000, found_mb).trust();
        assert_eq!((flat(173), flat(174)), (Trust::Confirmed, Trust::Refuted));
    }

    #[test]
    fn a_guest_in_phases_may_be_quiet_at_first_but_not_busier() {
        let mut checked = synced(prior(Some(SPANS)), 2000, 10);
        assert_eq!(checked.trust(), Trust::Unconfirmed);
        assert_eq!(checked.phases(), None);
        sync(&mut checked, 2000, 130);
        assert_eq!(checked.trust(), Trust::Confirmed);
        assert_eq!(
            synced(prior(Some(SPANS)), 2000, 300).trust(),
            Trust::Refuted
        );
    }

    #[test]
    fn a_round_of_several_syncs_tells_nothing() {
        let mut checked = CheckedPrior::new(prior(None));
        let round = Round {
            syncs: 2,
            duration: ms(2000),
            remaining_bytes: 130 * MB,
            ..Round::default()
        };
        checked.update(Timestamp::default(), Some(&round));
        assert_eq!(checked.trust(), Trust::Unconfirmed);
    }

    #[test]
    fn a_guest_is_steady_for_no_longer_than_it_was_watched() {
        let checked = synced(prior(None), 2000, 130);
        assert!(checked.is_steady(ms(8000)) && !checked.is_steady(ms(8001)));
        assert!(!synced(prior(Some(SPANS)), 2000, 130).is_steady(ms(1)));
        assert!(!synced(prior(None), 2000, 10).is_steady(ms(1)));
    }

    #[test]
    fn its_phases_are_expected_until_a_busy_one_is_overdue_by_half() {
        let mut checked = synced(prior(Some(SPANS)), 2000, 130);
        let phases = at(&mut checked, 12_000).expect("phases");
        assert!(!phases.idle && !phases.idle_whole);
        assert_eq!(
            (phases.age, phases.busy_span, phases.idle_span),
            (ms(2000), Some(SPANS.busy), Some(SPANS.quiet))
        );
        assert!(at(&mut checked, 14_500).is_some());
        assert!(at(&mut checked, 14_501).is_none());
        assert!(at(&mut synced(prior(None), 2000, 130), 12_000).is_none());
    }

    #[test]
    fn it_tells_the_lengths_of_phases_that_were_not_seen_whole() {
        let seen = |busy_whole, idle_whole| Phases {
            idle: true,
            age: ms(100),
            busy_span: Some(ms(6000)),
            busy_whole,
            idle_span: None,
            idle_whole,
            busy_in_round: ms(7),
        };
        let lengths = |checked: &CheckedPrior, seen: Phases| {
            let phases = checked.complete(seen);
            let kept = (phases.idle, phases.age, phases.busy_in_round);
            assert_eq!(kept, (seen.idle, seen.age, seen.busy_in_round));
            (phases.busy_span, phases.idle_span)
        };
        let known = synced(prior(Some(SPANS)), 2000, 130);
        let (busy, quiet) = (Some(SPANS.busy), Some(SPANS.quiet));
        assert_eq!(lengths(&known, seen(false, false)), (busy, quiet));
        assert_eq!(lengths(&known, seen(true, false)), (Some(ms(6000)), quiet));
        let idle_seen = Phases {
            idle_span: Some(ms(900)),
            ..seen(false, true)
        };
        assert_eq!(lengths(&known, idle_seen), (busy, Some(ms(900))));
        let busy_for = |age_ms| Phases {
            idle: false,
            age: ms(age_ms),
            ..seen(false, false)
        };
        assert_eq!(lengths(&known, busy_for(4500)), (busy, quiet));
        assert_eq!(lengths(&known, busy_for(4501)), (Some(ms(6000)), None));
        for unknown in [
            synced(prior(None), 2000, 130),
            synced(prior(Some(SPANS)), 2000, 400),
        ] {
            assert_eq!(
                lengths(&unknown, seen(false, false)),
                (Some(ms(6000)), None)
            );
        }
    }

    #[test]
    fn nothing_overflows() {
        let most = (Duration::MAX, u64::MAX);
        let spans = PhaseSpans {
            busy: Duration::MAX,
            quiet: Duration::MAX,
        };
        let prior = Prior::new([(ms(1), u64::MAX), most], Some(spans), Duration::MAX);
        let mut checked = CheckedPrior::new(prior);
        let round = Round {
            syncs: 1,
            duration: Duration::MAX,
            remaining_bytes: u64::MAX,
            ..Round::default()
        };
        checked.update(Timestamp::from_nanos(u64::MAX), Some(&round));
        assert_eq!(checked.trust(), Trust::Confirmed);
        assert_eq!(checked.written_within_bytes(most.0), Some(u64::MAX));
        assert!(checked.phases().is_some());
    }

    #[test]
    fn a_prior_tells_what_it_was_made_of() {
        let second = Duration::from_secs(1);
        let phases = PhaseSpans {
            busy: 3 * second,
            quiet: 2 * second,
        };
        let prior = Prior::new([(second, 7)], Some(phases), 9 * second);
        assert_eq!(prior.written().collect::<Vec<_>>(), [(second, 7)]);
        assert_eq!(
            (prior.phases(), prior.watched()),
            (Some(phases), 9 * second)
        );
    }
}
