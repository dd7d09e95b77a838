//! Busy and idle phases: the age of the present one, and the length of the last of each kind.
//!
//! ```text
//!   busy  ####----####----##
//!             ^--- ^            the last complete busy and idle phase
//! ```

use core::time::Duration;

use crate::time::Timestamp;

/// The guest's phases, as far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// Whether the guest idles now.
    pub idle: bool,
    /// For how long it has, at least.
    pub age: Duration,
    /// Length of the last busy phase; none if none has ended.
    pub busy_span: Option<Duration>,
    /// Whether that one was seen from beginning to end.
    pub busy_whole: bool,
    /// Length of the last idle phase; none if none has ended.
    pub idle_span: Option<Duration>,
    /// Whether that one was seen from beginning to end.
    pub idle_whole: bool,
    /// Busy time in the present round.
    pub busy_in_round: Duration,
}

/// The length of a phase is known if its beginning is, to this part of the length.
const UNSURE_PART: u32 = 4;

/// A phase of unknown beginning that was seen for less than this may be none: nothing is added to it.
const SEEN: Duration = Duration::from_millis(100);

/// A time of being busy or idle without a break.
#[derive(Clone, Copy, Debug)]
struct Phase {
    idle: bool,
    since: Timestamp,
    /// Whether its beginning was seen.
    whole: bool,
    /// How much earlier that may have been, ...
    unsure: Duration,
    /// ... and most likely was.
    earlier: Duration,
}

/// Follows the phases. There are none until the guest has been seen both busy and idle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PhaseTracker {
    first: Option<Timestamp>,
    now: Timestamp,
    phase: Option<Phase>,
    busy_span: Option<Duration>,
    busy_whole: bool,
    idle_span: Option<Duration>,
    idle_whole: bool,
    busy_in_round: Duration,
}

impl PhaseTracker {
    /// The first sample, before which nothing is known.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.first.get_or_insert(at);
    }

    /// Sets the present time.
    pub(super) fn go_on(&mut self, at: Timestamp) {
        self.now = at;
    }

    /// The guest was busy between two samples.
    pub(super) fn busy(&mut self, from: Timestamp, to: Timestamp) {
        self.busy_in_round += to.since(from);
    }

    /// Takes back so much busy time of the present round.
    pub(super) fn not_busy(&mut self, span: Duration) {
        self.busy_in_round = self.busy_in_round.saturating_sub(span);
    }

    /// A sync.
    pub(super) fn end_round(&mut self) {
        self.busy_in_round = Duration::ZERO;
    }

    /// Whether the guest idles, if it has phases.
    pub(super) fn idle(&self) -> Option<bool> {
        self.phase.map(|phase| phase.idle)
    }

    /// The guest turned idle or busy `at`. At the first turn, the time before it counts as the other kind.
    pub(super) fn turn(&mut self, idle: bool, at: Timestamp) {
        self.turn_between(idle, at, at, at);
    }

    /// The same, but the turn was between `from` and `at`, and most likely at `likely`. The phase counts as begun when it
    /// was first seen; its length, once it has ended, from the likely time on.
    pub(super) fn turn_between(
        &mut self,
        idle: bool,
        from: Timestamp,
        likely: Timestamp,
        at: Timestamp,
    ) {
        let first = self.first.unwrap_or(at);
        let at = at.max(first);
        // A guest that is idle or busy from the first sample on may have been so for long: that is no turn.
        let is_turn = at > first;
        let before = Phase {
            idle: !idle,
            since: first,
            whole: false,
            unsure: Duration::ZERO,
            earlier: Duration::ZERO,
        };
        let new = Phase {
            idle,
            since: at,
            whole: is_turn,
            unsure: at.since(from.max(first)),
            earlier: at.since(likely.max(first)),
        };
        if let Some(old) = self.phase.or_else(|| is_turn.then_some(before)) {
            self.end(&old, &new);
        }
        self.phase = Some(new);
    }

    /// Notes the length of a phase that has ended.
    fn end(&mut self, old: &Phase, new: &Phase) {
        let (known, whole) = if old.idle {
            (&mut self.idle_span, &mut self.idle_whole)
        } else {
            (&mut self.busy_span, &mut self.busy_whole)
        };
        let seen = new.since.since(old.since);
        let earlier = old.earlier.saturating_mul(u32::from(seen >= SEEN));
        let span = seen.saturating_add(earlier).saturating_sub(new.earlier);
        let unsure = old.unsure.saturating_add(new.unsure);
        let is_sure = unsure.saturating_mul(UNSURE_PART) <= span;
        if old.whole && is_sure {
            *known = Some(span);
            *whole = true;
        } else if old.whole {
            known.get_or_insert(span);
        } else {
            // If its beginning was not seen, half of a phase has been seen in the median.
            known.get_or_insert(span.saturating_mul(2));
        }
    }

    /// The phases; none while the guest shows none.
    pub(super) fn phases(&self) -> Option<Phases> {
        let phase = self.phase?;
        Some(Phases {
            idle: phase.idle,
            age: self.now.since(phase.since),
            busy_span: self.busy_span,
            busy_whole: self.busy_whole,
            idle_span: self.idle_span,
            idle_whole: self.idle_whole,
            busy_in_round: self.busy_in_round,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Sampled from 1 s on, with these turns to idle or busy, ms.
    fn turned(turns: &[(bool, u64)]) -> PhaseTracker {
        let mut phases = PhaseTracker::default();
        phases.begin(at(1000));
        for &(idle, at_ms) in turns {
            phases.begin(at(at_ms));
            phases.turn(idle, at(at_ms));
        }
        phases
    }

    /// Lengths of the last busy and idle phases, and whether the idle one was seen whole.
    fn spans(turns: &[(bool, u64)]) -> (Option<Duration>, Option<Duration>, bool) {
        let phases = turned(turns).phases().expect("a turn");
        (phases.busy_span, phases.idle_span, phases.idle_whole)
    }

    /// Whether the last busy and idle phases were seen whole.
    fn whole(turns: &[(bool, u64)]) -> (bool, bool) {
        let phases = turned(turns).phases().expect("a turn");
        (phases.busy_whole, phases.idle_whole)
    }

    #[test]
    fn a_guest_that_has_never_changed_has_no_phases() {
        let mut phases = turned(&[]);
        phases.busy(at(1000), at(2000));
        phases.go_on(at(2000));
        assert_eq!((phases.idle(), phases.phases()), (None, None));
    }

    #[test]
    fn a_phase_is_as_old_as_its_beginning() {
        let mut phases = turned(&[(true, 3000)]);
        phases.go_on(at(3700));
        let phases = phases.phases().expect("a turn");
        assert_eq!((phases.idle, phases.age), (true, ms(700)));
    }

    #[test]
    fn the_first_phase_counts_as_seen_by_half() {
        assert_eq!(spans(&[(true, 3000)]), (Some(ms(4000)), None, false));
        assert_eq!(spans(&[(false, 3000)]), (None, Some(ms(4000)), false));
    }

    #[test]
    fn a_phase_seen_from_its_beginning_has_its_true_length() {
        let turns = [(true, 3000), (false, 5000), (true, 5500)];
        assert_eq!(spans(&turns[..2]), (Some(ms(4000)), Some(ms(2000)), true));
        assert_eq!(spans(&turns), (Some(ms(500)), Some(ms(2000)), true));
    }

    #[test]
    fn only_an_idle_phase_seen_from_its_beginning_is_whole() {
        let turns = [(false, 3000), (true, 4000), (false, 4700)];
        assert_eq!(spans(&turns[..2]), (Some(ms(1000)), Some(ms(4000)), false));
        assert_eq!(spans(&turns), (Some(ms(1000)), Some(ms(700)), true));
    }

    #[test]
    fn a_phase_is_whole_if_it_was_seen_to_begin_and_to_end() {
        let turns = [(true, 3000), (false, 5000), (true, 5500)];
        assert_eq!(whole(&turns[..1]), (false, false));
        assert_eq!(whole(&turns[..2]), (false, true));
        assert_eq!(whole(&turns), (true, true));
        assert_eq!(whole(&[(false, 3000), (true, 4000)]), (true, false));
    }

    #[test]
    fn a_phase_of_unknown_beginning_has_a_least_length_only() {
        for (from_ms, whole) in [(2500, true), (2499, false)] {
            let mut phases = turned(&[]);
            phases.turn_between(true, at(from_ms), at(3000), at(3000));
            phases.turn(false, at(5000));
            let phases = phases.phases().expect("turns");
            assert_eq!(
                (phases.idle_span, phases.idle_whole),
                (Some(ms(2000)), whole),
                "{from_ms}"
            );
        }
    }

    /// Idle from 5 s on, most likely, which was seen at 6 s.
    #[test]
    fn a_length_counts_from_the_likely_beginning() {
        let mut phases = turned(&[(true, 2000), (false, 3000)]);
        phases.turn_between(true, at(4000), at(5000), at(6000));
        phases.go_on(at(6000));
        let seen = phases.phases().expect("turns");
        let busy = (seen.busy_span, seen.busy_whole);
        assert_eq!((seen.age, busy), (ms(0), (Some(ms(2000)), false)));
        phases.turn(false, at(14_000));
        let seen = phases.phases().expect("turns");
        assert_eq!((seen.idle_span, seen.idle_whole), (Some(ms(9000)), true));
    }

    #[test]
    fn a_moment_is_no_phase_that_began_long_before() {
        for (end_ms, span_ms) in [(6099, 99), (6100, 1100)] {
            let mut phases = turned(&[]);
            phases.turn_between(true, at(4000), at(5000), at(6000));
            phases.turn(false, at(end_ms));
            let seen = phases.phases().expect("turns").idle_span;
            assert_eq!(seen, Some(ms(span_ms)), "{end_ms}");
        }
    }

    #[test]
    fn no_phase_begins_before_the_first_sample() {
        let mut phases = turned(&[(true, 400)]);
        phases.go_on(at(1600));
        let phases = phases.phases().expect("a turn");
        assert_eq!((phases.age, phases.busy_span), (ms(600), None));
    }

    #[test]
    fn a_phase_from_the_first_sample_on_was_not_seen_to_begin() {
        let turns = [(true, 1000), (false, 1400), (true, 3000)];
        assert_eq!(spans(&turns[..2]), (None, Some(ms(800)), false));
        assert_eq!(whole(&turns), (true, false));
    }

    #[test]
    fn busy_time_counts_up_to_the_next_sync() {
        let mut phases = turned(&[(true, 3000)]);
        let mut busy_in_round = |change: fn(&mut PhaseTracker)| {
            change(&mut phases);
            phases.phases().expect("a turn").busy_in_round
        };
        assert_eq!(busy_in_round(|s| s.busy(at(1000), at(1600))), ms(600));
        assert_eq!(busy_in_round(|s| s.busy(at(1700), at(1800))), ms(700));
        assert_eq!(busy_in_round(|s| s.not_busy(ms(500))), ms(200));
        assert_eq!(busy_in_round(|s| s.not_busy(ms(500))), ms(0), "no less");
        assert_eq!(busy_in_round(|s| s.busy(at(1900), at(2000))), ms(100));
        assert_eq!(busy_in_round(PhaseTracker::end_round), ms(0));
    }
}
