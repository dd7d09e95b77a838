//! What is to be expected of a guest whose processors show its phases.
//!
//! Everything is in bytes that the link could send, as the pause is. With R left, a share delta lost while
//! pre-copy runs, and a quiet spell in which S can be sent:
//!
//! ```text
//!   go now        R
//!   run           delta S + (R - S) + what is dirtied meanwhile       S = the rest of this idle spell
//!   wait          delta (w + S) + (H - S)                             w = until the next idle spell, S in that
//! ```
//! H is what the busy guest leaves. Where the last idle spell left more than H - S, as one does in which the guest writes,
//! that stands in its place. The cheapest is taken, and judged anew at the next sync.

use core::time::Duration;

use super::look::{in_span, scale};
use crate::estimate::Phases;

/// How much of a spell to come is counted upon, per cent: it takes a look or two to see it begin, and a sync
/// to find what there is to send in it.
const COUNTED_PERCENT: u64 = 80;

/// How long before the end of an idle spell the guest is stopped with what is left: two looks, and one of QEMU's
/// windows until the limit acts; and a part of the spell, per cent, for none is just as long as the last, and the
/// sync of a large guest takes time too. Late, the whole spell is lost; early, so much of what it could send.
const LAST_MOMENT: Duration = Duration::from_millis(300);
const LAST_MOMENT_PERCENT: u32 = 5;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Best {
    /// Stop the guest.
    Go,
    /// Send on in the quiet that there is.
    Run,
    /// Wait for the next quiet spell.
    Wait,
}

/// The present and the next quiet spell, as bytes that the link can send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    /// What the rest of this idle spell is good for; zero if the guest is busy.
    now: u64,
    /// How long it is to the begin of the next one.
    until: u64,
    /// What the next one is good for.
    next: u64,
    /// Whether this idle spell is about to end.
    last_moment: bool,
    /// What can be sent in it for sure, until the guest must be stopped.
    sure: u64,
}

/// What one round left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// R.
    pub(super) remaining: u64,
    /// What the busy guest leaves: H.
    pub(super) busy: u64,
    /// What the last idle spell left.
    pub(super) spell: u64,
    /// What is dirtied in a quiet round, as far as one was seen.
    pub(super) dirtied: u64,
    /// What the shortest round sends: less than that is not worth one.
    pub(super) shortest: u64,
}

impl Outlook {
    pub(super) fn new(phases: &Phases, bytes_per_s: u64) -> Self {
        let rest = in_span(bytes_per_s, rest_of_spell(phases));
        let whole = |span: Option<Duration>| in_span(bytes_per_s, span.unwrap_or(phases.age));
        let counted = |bytes| scale(bytes, COUNTED_PERCENT, 100);
        let next = counted(whole(phases.idle_span));
        if phases.idle {
            let until = rest.saturating_add(whole(phases.busy_span));
            // A guess is no end to stop a guest at.
            let whole = phases.idle_span.filter(|_| phases.idle_whole);
            let last_moment = whole.is_some_and(|span| {
                let part = span.saturating_mul(LAST_MOMENT_PERCENT) / 100;
                rest_of_spell(phases) < LAST_MOMENT.saturating_add(part)
            });
            return Self {
                now: rest,
                until,
                next,
                last_moment,
                sure: rest.saturating_sub(in_span(bytes_per_s, LAST_MOMENT)),
            };
        }
        Self {
            now: 0,
            until: rest,
            next,
            last_moment: false,
            sure: 0,
        }
    }

    /// What the rest of this idle spell is good for.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Whether this idle spell is about to end.
    pub(super) fn is_last_moment(&self) -> bool {
        self.last_moment
    }

    /// Whether this idle spell is about to end with something left, which is less than waiting for the next costs.
    pub(super) fn ends_with(&self, left: &Left, of: impl Fn(u64) -> u64) -> bool {
        let some_left = left.remaining > self.sure;
        self.last_moment && some_left && left.remaining <= self.wait(left, of)
    }

    /// Whether what is left is less than waiting for the next idle spell costs.
    pub(super) fn is_worth(&self, left: &Left, of: impl Fn(u64) -> u64) -> bool {
        left.remaining <= self.wait(left, of)
    }

    /// What it costs to send what is `pending` in this idle spell before what was `dirtied` meanwhile is found, and to stop
    /// with what the rest of the spell has no time for; none if it has time for both.
    pub(super) fn late(&self, pending: u64, dirtied: u64, of: impl Fn(u64) -> u64) -> Option<u64> {
        let rest = self.now.saturating_sub(pending);
        let unsent = dirtied.saturating_sub(rest);
        (unsent > 0).then(|| of(self.now).saturating_add(unsent))
    }

    /// What it costs to wait for the next idle spell, to send in it what it is good for, and to stop with the rest
    /// at its end, which is no less than the last one left.
    fn wait(&self, left: &Left, of: impl Fn(u64) -> u64) -> u64 {
        let sent = self.next.min(left.busy);
        let rest = (left.busy - sent).max(left.spell);
        of(self.until.saturating_add(sent)).saturating_add(rest)
    }

    /// The cheapest thing to do, where a share `of` of bytes is lost.
    pub(super) fn best(&self, left: &Left, of: impl Fn(u64) -> u64 + Copy) -> Best {
        let sent = left.remaining.min(self.now);
        let run = of(sent.max(left.shortest))
            .saturating_add(left.remaining - sent)
            .saturating_add(left.dirtied);
        let wait = self.wait(left, of);
        let go = left.remaining;
        if sent > 0 && run < go && run <= wait {
            Best::Run
        } else if wait < go {
            Best::Wait
        } else {
            Best::Go
        }
    }
}

/// How much longer the present spell will be: as the last of its kind was. One that is overdue, or the first
/// of its kind, has the median of Lindy's law: as long again as it is over its time, or old.
fn rest_of_spell(phases: &Phases) -> Duration {
    let last = if phases.idle {
        phases.idle_span
    } else {
        phases.busy_span
    };
    last.map_or(phases.age, |last| last.abs_diff(phases.age))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 100;

    fn phases(idle: bool, age_s: u64) -> Phases {
        Phases {
            idle,
            age: Duration::from_secs(age_s),
            busy_span: Some(Duration::from_secs(10)),
            idle_span: Some(Duration::from_secs(20)),
            idle_whole: true,
            busy_in_round: Duration::ZERO,
        }
    }

    fn best(phases: &Phases, remaining: u64) -> Best {
        let left = Left {
            remaining,
            busy: 1000,
            spell: 0,
            dirtied: 0,
            shortest: 10,
        };
        Outlook::new(phases, RATE).best(&left, |bytes| bytes / 10)
    }

    #[test]
    fn in_the_quiet_all_is_sent_or_as_much_as_there_is_time_for() {
        assert_eq!(best(&phases(true, 5), 1000), Best::Run);
        // 19 s into 20 s: 100 of 200, for the next is 11 s off and costs more than what is over.
        assert_eq!(best(&phases(true, 19), 200), Best::Run);
        assert_eq!(best(&phases(true, 19), 1000), Best::Wait);
    }

    #[test]
    fn at_its_last_moment_what_is_left_is_taken_if_the_next_is_dearer() {
        let ends = |age_ms, remaining| {
            let left = Left {
                remaining,
                busy: 1000,
                spell: 0,
                dirtied: 0,
                shortest: 10,
            };
            let phases = Phases {
                age: Duration::from_millis(age_ms),
                ..phases(true, 0)
            };
            Outlook::new(&phases, RATE).ends_with(&left, |bytes| bytes / 10)
        };
        assert!(ends(19_800, 150) && ends(20_100, 150));
        assert!(ends(18_800, 150), "a twentieth of 20 s, and 300 ms");
        assert!(!ends(18_600, 150), "there is time");
        assert!(!ends(19_800, 300), "the next costs 200");
        assert!(!ends(18_900, 80), "all of it can be sent");
        assert!(ends(18_900, 81));
    }

    #[test]
    fn the_next_quiet_is_waited_for_if_it_is_worth_it() {
        // 9 s into 10 s: (100 + 1000) / 10 against what is left.
        assert_eq!(best(&phases(false, 9), 1000), Best::Wait);
        assert_eq!(best(&phases(false, 9), 100), Best::Go);
        let long = Phases {
            busy_span: Some(Duration::from_secs(120)),
            ..phases(false, 0)
        };
        assert_eq!(best(&long, 1000), Best::Go);
    }

    #[test]
    fn a_quiet_too_short_to_send_all_is_worth_what_it_sends() {
        // 160 of 1000 can be sent in it: 840 are left, and the wait costs a tenth of 260, or of 3160.
        let short = |busy_s| Phases {
            busy_span: Some(Duration::from_secs(busy_s)),
            idle_span: Some(Duration::from_secs(2)),
            ..phases(false, 9)
        };
        assert_eq!(best(&short(10), 1000), Best::Wait);
        assert_eq!(best(&short(10), 850), Best::Go);
        assert_eq!(best(&short(39), 1000), Best::Go);
    }

    #[test]
    fn what_is_overdue_is_expected_to_take_as_long_again() {
        let rest = |age| rest_of_spell(&phases(false, age)).as_secs();
        assert_eq!((rest(4), rest(10), rest(13)), (6, 0, 3));
        let first = Phases {
            busy_span: None,
            ..phases(false, 7)
        };
        assert_eq!(rest_of_spell(&first).as_secs(), 7);
    }

    #[test]
    fn nothing_overflows() {
        let long = Phases {
            age: Duration::MAX,
            ..phases(true, 0)
        };
        for phases in [long, phases(false, u64::MAX)] {
            let outlook = Outlook::new(&phases, u64::MAX);
            let left = Left {
                remaining: u64::MAX,
                busy: u64::MAX,
                spell: u64::MAX,
                dirtied: u64::MAX,
                shortest: u64::MAX,
            };
            outlook.best(&left, |bytes| bytes);
        }
    }
}
