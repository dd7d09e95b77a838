//! What to do with a guest whose phases are known.
//!
//! All costs are in bytes that the link could send, as the pause is. R remains, a share delta is lost while pre-copy
//! runs, and S can be sent in an idle phase:
//!
//! ```text
//!   stop now      R
//!   run on        delta S + (R - S) + pages dirtied meanwhile         S: in the rest of this idle phase
//!   wait          delta (w + S) + (H - S)                             w: until the next idle phase; S: in that phase
//! ```
//! H is the remainder of the busy guest. If the last idle phase left more than H - S, because the guest writes in it,
//! that takes its place. What is sent in the last moments of an idle phase is no part of S, because the guest can no
//! longer be stopped in it: one of 300 ms is worth nothing. The cheapest is done, and judged anew at the next sync.

use core::time::Duration;

use super::observed::{in_span, scale};
use crate::estimate::Phases;

/// The share of the next idle phase that is counted on, per cent: it takes a sample or two to see it begin, and a sync
/// to find the memory to send in it.
const COUNTED_PERCENT: u64 = 80;

/// How long before the end of an idle phase the guest is stopped: two samples, and one of QEMU's windows until the
/// limit acts; and a part of the phase, per cent, because phases vary in length, and the sync of a large guest takes
/// time too. Too late, and the whole phase is lost; too early, and only part of it is used.
const LAST_MOMENT: Duration = Duration::from_millis(300);
const LAST_MOMENT_PERCENT: u32 = 5;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Best {
    /// Stop the guest.
    SwitchOver,
    /// Send on in this idle phase.
    RunOn,
    /// Wait for the next idle phase.
    Wait,
}

/// The present and the next idle phase, as bytes that the link can send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forecast {
    /// Bytes that can be sent in the rest of this idle phase; zero if the guest is busy.
    now: u64,
    /// Time until the beginning of the next one.
    until: u64,
    /// Bytes that can be sent in the next one.
    next: u64,
    /// Whether this idle phase is about to end.
    last_moment: bool,
    /// Bytes that can be sent in it until the guest must be stopped: all, if its length was not seen.
    in_time: u64,
}

/// The remainder of a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remainder {
    /// R.
    pub(super) remaining: u64,
    /// The remainder of the busy guest: H.
    pub(super) busy: u64,
    /// The remainder of the last idle phase.
    pub(super) last_idle: u64,
    /// Bytes dirtied in a quiet round, if one was seen.
    pub(super) dirtied: u64,
    /// Bytes sent in the shortest round: less is not worth one.
    pub(super) shortest: u64,
}

impl Forecast {
    pub(super) fn new(phases: &Phases, bytes_per_s: u64) -> Self {
        let rest = in_span(bytes_per_s, rest_of_phase(phases));
        let whole = |span: Option<Duration>| in_span(bytes_per_s, span.unwrap_or(phases.age));
        let counted = |bytes| scale(bytes, COUNTED_PERCENT, 100);
        // A guessed end is no reason to stop a guest.
        let certain = phases.idle_span.filter(|_| phases.idle_whole);
        let last_bytes = certain.map_or(0, |_| in_span(bytes_per_s, LAST_MOMENT));
        let in_time = |bytes: u64| bytes.saturating_sub(last_bytes);
        let idle = whole(phases.idle_span);
        let next = counted(idle).min(in_time(idle));
        if phases.idle {
            let until = rest.saturating_add(whole(phases.busy_span));
            let last_moment = certain.is_some_and(|span| {
                let part = span.saturating_mul(LAST_MOMENT_PERCENT) / 100;
                rest_of_phase(phases) < LAST_MOMENT.saturating_add(part)
            });
            return Self {
                now: rest,
                until,
                next,
                last_moment,
                in_time: in_time(rest),
            };
        }
        Self {
            now: 0,
            until: rest,
            next,
            last_moment: false,
            in_time: 0,
        }
    }

    /// Bytes that can be sent in the rest of this idle phase.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Whether this idle phase is about to end.
    pub(super) fn is_last_moment(&self) -> bool {
        self.last_moment
    }

    /// Whether this idle phase is about to end with something remaining, and waiting for the next costs more.
    pub(super) fn ends_with(&self, remainder: &Remainder, of: impl Fn(u64) -> u64) -> bool {
        let some_remains = remainder.remaining > self.in_time;
        self.last_moment && some_remains && remainder.remaining <= self.wait(remainder, of)
    }

    /// Whether waiting for the next idle phase costs at least as much as stopping with the remainder.
    pub(super) fn is_worth(&self, remainder: &Remainder, of: impl Fn(u64) -> u64) -> bool {
        remainder.remaining <= self.wait(remainder, of)
    }

    /// The cost of sending the `pending` bytes in this idle phase before a sync finds the `dirtied` ones, and of
    /// stopping with those for which no time remains; none if there is time for both.
    pub(super) fn late(&self, pending: u64, dirtied: u64, of: impl Fn(u64) -> u64) -> Option<u64> {
        let rest = self.now.saturating_sub(pending);
        let unsent = dirtied.saturating_sub(rest);
        (unsent > 0).then(|| of(self.now).saturating_add(unsent))
    }

    /// The cost of waiting for the next idle phase, sending in it what can be sent, and stopping at its end with the
    /// rest, which is no less than the last one left.
    fn wait(&self, remainder: &Remainder, of: impl Fn(u64) -> u64) -> u64 {
        let sent = self.next.min(remainder.busy);
        let rest = (remainder.busy - sent).max(remainder.last_idle);
        of(self.until.saturating_add(sent)).saturating_add(rest)
    }

    /// The cheapest choice, where a share `of` of bytes is lost.
    pub(super) fn best(&self, remainder: &Remainder, of: impl Fn(u64) -> u64 + Copy) -> Best {
        let sent = remainder.remaining.min(self.in_time);
        let run = of(sent.max(remainder.shortest))
            .saturating_add(remainder.remaining - sent)
            .saturating_add(remainder.dirtied);
        let wait = self.wait(remainder, of);
        let stop = remainder.remaining;
        if run < stop && run <= wait {
            Best::RunOn
        } else if wait < stop {
            Best::Wait
        } else {
            Best::SwitchOver
        }
    }
}

/// How much longer the present phase will last: as long in all as the last of its kind. One that is overdue, or the
/// first of its kind, has the median of Lindy's law: as long again as it is overdue, or old.
fn rest_of_phase(phases: &Phases) -> Duration {
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
            busy_whole: true,
            busy_in_round: Duration::ZERO,
        }
    }

    fn remainder(remaining: u64) -> Remainder {
        Remainder {
            remaining,
            busy: 1000,
            last_idle: 0,
            dirtied: 0,
            shortest: 10,
        }
    }

    fn best(phases: &Phases, remaining: u64) -> Best {
        let remainder = remainder(remaining);
        Forecast::new(phases, RATE).best(&remainder, |bytes| bytes / 10)
    }

    #[test]
    fn an_idle_phase_is_used_for_as_long_as_it_lasts() {
        assert_eq!(best(&phases(true, 5), 1000), Best::RunOn);
        // 19 s into 20 s: 100 of 200 can be sent; the next phase is 11 s off, and costs more than the other 100.
        assert_eq!(best(&phases(true, 19), 200), Best::RunOn);
        assert_eq!(best(&phases(true, 19), 1000), Best::Wait);
    }

    /// 1 s of the phase is left, for 100 bytes.
    #[test]
    fn what_a_phase_has_no_time_for_is_late() {
        let forecast = Forecast::new(&phases(true, 19), RATE);
        let late = |pending, dirtied| forecast.late(pending, dirtied, |bytes| bytes / 10);
        assert_eq!(late(60, 40), None);
        assert_eq!(late(60, 41), Some(11));
    }

    #[test]
    fn the_end_of_an_idle_phase_is_used_if_the_next_costs_more() {
        let ends = |age_ms, remaining| {
            let remainder = remainder(remaining);
            let phases = Phases {
                age: Duration::from_millis(age_ms),
                ..phases(true, 0)
            };
            Forecast::new(&phases, RATE).ends_with(&remainder, |bytes| bytes / 10)
        };
        assert!(ends(19_800, 150) && ends(20_100, 150));
        assert!(ends(18_800, 150), "a twentieth of 20 s, and 300 ms");
        assert!(!ends(18_600, 150), "there is time");
        assert!(!ends(19_800, 300), "the next costs 200");
        assert!(!ends(18_900, 80), "all of it can be sent");
        assert!(ends(18_900, 81));
    }

    #[test]
    fn the_next_idle_phase_is_waited_for_if_that_pays() {
        // 9 s into 10 s: (100 + 1000) / 10 against the remainder.
        assert_eq!(best(&phases(false, 9), 1000), Best::Wait);
        assert_eq!(best(&phases(false, 9), 100), Best::SwitchOver);
        let long = Phases {
            busy_span: Some(Duration::from_secs(120)),
            ..phases(false, 0)
        };
        assert_eq!(best(&long, 1000), Best::SwitchOver);
    }

    #[test]
    fn a_short_idle_phase_is_worth_what_it_can_send() {
        // 160 of 1000 can be sent in it: 840 remain, and the wait costs a tenth of 260, or of 3160.
        let short = |busy_s| Phases {
            busy_span: Some(Duration::from_secs(busy_s)),
            idle_span: Some(Duration::from_secs(2)),
            ..phases(false, 9)
        };
        assert_eq!(best(&short(10), 1000), Best::Wait);
        assert_eq!(best(&short(10), 850), Best::SwitchOver);
        assert_eq!(best(&short(39), 1000), Best::SwitchOver);
    }

    /// As a guest has them that rewrites its memory at once and then seems to rest until the next sync.
    #[test]
    fn a_phase_too_short_to_stop_in_is_worth_nothing() {
        let flicker = |idle, idle_ms| Phases {
            age: Duration::from_millis(100),
            busy_span: Some(Duration::from_secs(1)),
            idle_span: Some(Duration::from_millis(idle_ms)),
            ..phases(idle, 0)
        };
        for (idle, idle_ms, expected) in [
            (true, 300, Best::SwitchOver),
            (false, 300, Best::SwitchOver),
            (true, 800, Best::RunOn),
            (false, 800, Best::Wait),
        ] {
            let best = best(&flicker(idle, idle_ms), 1000);
            assert_eq!(best, expected, "{idle} for {idle_ms} ms");
        }
    }

    #[test]
    fn an_overdue_phase_is_expected_to_last_as_long_again() {
        let rest = |age| rest_of_phase(&phases(false, age)).as_secs();
        assert_eq!((rest(4), rest(10), rest(13)), (6, 0, 3));
        let first = Phases {
            busy_span: None,
            ..phases(false, 7)
        };
        assert_eq!(rest_of_phase(&first).as_secs(), 7);
    }

    #[test]
    fn nothing_overflows() {
        let long = Phases {
            age: Duration::MAX,
            ..phases(true, 0)
        };
        for phases in [long, phases(false, u64::MAX)] {
            let forecast = Forecast::new(&phases, u64::MAX);
            let remainder = Remainder {
                remaining: u64::MAX,
                busy: u64::MAX,
                last_idle: u64::MAX,
                dirtied: u64::MAX,
                shortest: u64::MAX,
            };
            forecast.best(&remainder, |bytes| bytes);
        }
    }
}
