//! Busy and idle spells: how long the guest has been in the present one, and how long the last of each kind were.
//!
//! ```text
//!   busy  ####----####----##
//!             ^--- ^            spells: how long the last whole busy and idle ones lasted
//! ```

use core::time::Duration;

use crate::time::Timestamp;

/// The guest's phases, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// Whether the guest idles now.
    pub idle: bool,
    /// For how long it has been so, at least.
    pub age: Duration,
    /// How long the last busy spell was; none if none has ended.
    pub busy_span: Option<Duration>,
    /// How long the last idle spell was; none if none has ended.
    pub idle_span: Option<Duration>,
    /// Whether that one was seen from begin to end.
    pub idle_whole: bool,
    /// For how long it was busy in the present round.
    pub busy_in_round: Duration,
}

/// How long a spell was is known where its begin is, to such a part of it.
const UNSURE_PART: u32 = 4;

/// Being busy or idle, without a break.
#[derive(Clone, Copy, Debug)]
struct Spell {
    idle: bool,
    since: Timestamp,
    /// Whether its begin was seen.
    whole: bool,
    /// How much earlier that may have been.
    unsure: Duration,
}

/// Follows them. Until the guest has been told to be busy and idle both, there are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spells {
    first: Option<Timestamp>,
    now: Timestamp,
    spell: Option<Spell>,
    busy_span: Option<Duration>,
    idle_span: Option<Duration>,
    idle_whole: bool,
    busy_in_round: Duration,
}

impl Spells {
    /// The first look, before which nothing is known.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.first.get_or_insert(at);
    }

    /// It is `at` now.
    pub(super) fn go_on(&mut self, at: Timestamp) {
        self.now = at;
    }

    /// The guest was busy between two looks.
    pub(super) fn busy(&mut self, from: Timestamp, to: Timestamp) {
        self.busy_in_round += to.since(from);
    }

    /// Not busy after all, for so long, in the present round.
    pub(super) fn not_busy(&mut self, span: Duration) {
        self.busy_in_round = self.busy_in_round.saturating_sub(span);
    }

    /// A sync.
    pub(super) fn end_round(&mut self) {
        self.busy_in_round = Duration::ZERO;
    }

    /// Whether the guest idles, if it is known to have phases.
    pub(super) fn idle(&self) -> Option<bool> {
        self.spell.map(|spell| spell.idle)
    }

    /// It has turned idle or busy `at`: the first spell that is known for one, and what was before was the other.
    pub(super) fn turn(&mut self, idle: bool, at: Timestamp) {
        self.turn_between(idle, at, at);
    }

    /// The same, `at` that time at the latest and `from` then at the earliest.
    pub(super) fn turn_between(&mut self, idle: bool, from: Timestamp, at: Timestamp) {
        let first = self.first.unwrap_or(at);
        let at = at.max(first);
        let old = self.spell.unwrap_or(Spell {
            idle: !idle,
            since: first,
            whole: false,
            unsure: Duration::ZERO,
        });
        let span = at.since(old.since);
        let known = if old.idle {
            &mut self.idle_span
        } else {
            &mut self.busy_span
        };
        if old.whole && old.unsure.saturating_mul(UNSURE_PART) <= span {
            *known = Some(span);
            self.idle_whole |= old.idle;
        } else if old.whole {
            known.get_or_insert(span);
        } else {
            // Of one whose begin was not seen, half has been seen in the median.
            known.get_or_insert(span.saturating_mul(2));
        }
        self.spell = Some(Spell {
            idle,
            since: at,
            whole: true,
            unsure: at.since(from.max(first)),
        });
    }

    /// What there is to know; none while the guest shows no phases.
    pub(super) fn phases(&self) -> Option<Phases> {
        let spell = self.spell?;
        Some(Phases {
            idle: spell.idle,
            age: self.now.since(spell.since),
            busy_span: self.busy_span,
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

    /// Looked at from 1 s on, with these turns to idle or busy, ms.
    fn turned(turns: &[(bool, u64)]) -> Spells {
        let mut spells = Spells::default();
        spells.begin(at(1000));
        for &(idle, at_ms) in turns {
            spells.begin(at(at_ms));
            spells.turn(idle, at(at_ms));
        }
        spells
    }

    /// How long the last busy and idle ones were, and whether the idle one was seen whole.
    fn spans(turns: &[(bool, u64)]) -> (Option<Duration>, Option<Duration>, bool) {
        let phases = turned(turns).phases().expect("a turn");
        (phases.busy_span, phases.idle_span, phases.idle_whole)
    }

    #[test]
    fn a_guest_that_has_not_turned_has_no_phases() {
        let mut spells = turned(&[]);
        spells.busy(at(1000), at(2000));
        spells.go_on(at(2000));
        assert_eq!((spells.idle(), spells.phases()), (None, None));
    }

    #[test]
    fn a_spell_is_as_old_as_its_turn() {
        let mut spells = turned(&[(true, 3000)]);
        spells.go_on(at(3700));
        let phases = spells.phases().expect("a turn");
        assert_eq!((phases.idle, phases.age), (true, ms(700)));
    }

    #[test]
    fn of_the_first_spell_half_was_seen() {
        assert_eq!(spans(&[(true, 3000)]), (Some(ms(4000)), None, false));
        assert_eq!(spans(&[(false, 3000)]), (None, Some(ms(4000)), false));
    }

    #[test]
    fn one_that_was_seen_from_its_begin_is_as_long_as_it_was() {
        let turns = [(true, 3000), (false, 5000), (true, 5500)];
        assert_eq!(spans(&turns[..2]), (Some(ms(4000)), Some(ms(2000)), true));
        assert_eq!(spans(&turns), (Some(ms(500)), Some(ms(2000)), true));
    }

    #[test]
    fn only_an_idle_spell_is_whole_by_being_seen_idle() {
        let turns = [(false, 3000), (true, 4000), (false, 4700)];
        assert_eq!(spans(&turns[..2]), (Some(ms(1000)), Some(ms(4000)), false));
        assert_eq!(spans(&turns), (Some(ms(1000)), Some(ms(700)), true));
    }

    #[test]
    fn one_whose_begin_is_not_known_is_as_long_at_least_and_no_measure() {
        for (from_ms, whole) in [(2500, true), (2499, false)] {
            let mut spells = turned(&[]);
            spells.turn_between(true, at(from_ms), at(3000));
            spells.turn(false, at(5000));
            let phases = spells.phases().expect("turns");
            assert_eq!(
                (phases.idle_span, phases.idle_whole),
                (Some(ms(2000)), whole),
                "{from_ms}"
            );
        }
    }

    #[test]
    fn nothing_turned_before_the_first_look() {
        let mut spells = turned(&[(true, 400)]);
        spells.go_on(at(1600));
        let phases = spells.phases().expect("a turn");
        assert_eq!(
            (phases.age, phases.busy_span),
            (ms(600), Some(Duration::ZERO))
        );
    }

    #[test]
    fn being_busy_counts_up_to_the_next_sync() {
        let mut spells = turned(&[(true, 3000)]);
        let mut busy_in_round = |change: fn(&mut Spells)| {
            change(&mut spells);
            spells.phases().expect("a turn").busy_in_round
        };
        assert_eq!(busy_in_round(|s| s.busy(at(1000), at(1600))), ms(600));
        assert_eq!(busy_in_round(|s| s.busy(at(1700), at(1800))), ms(700));
        assert_eq!(busy_in_round(|s| s.not_busy(ms(500))), ms(200));
        assert_eq!(busy_in_round(|s| s.not_busy(ms(500))), ms(0), "no less");
        assert_eq!(busy_in_round(|s| s.busy(at(1900), at(2000))), ms(100));
        assert_eq!(busy_in_round(Spells::end_round), ms(0));
    }
}
