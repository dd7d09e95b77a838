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

/// Being busy or idle, without a break.
#[derive(Clone, Copy, Debug)]
struct Spell {
    idle: bool,
    since: Timestamp,
    /// Whether its begin was seen.
    whole: bool,
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
        let first = self.first.unwrap_or(at);
        let at = at.max(first);
        let old = self.spell.unwrap_or(Spell {
            idle: !idle,
            since: first,
            whole: false,
        });
        let span = at.since(old.since);
        let known = if old.idle {
            &mut self.idle_span
        } else {
            &mut self.busy_span
        };
        if old.whole {
            *known = Some(span);
            self.idle_whole |= old.idle;
        } else {
            // Of one whose begin was not seen, half has been seen in the median.
            known.get_or_insert(span.saturating_mul(2));
        }
        self.spell = Some(Spell {
            idle,
            since: at,
            whole: true,
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
