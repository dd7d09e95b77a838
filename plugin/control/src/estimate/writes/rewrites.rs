//! Whether what is sent is written again at once, in rounds of many chunks: a guest that does so is busy, and has turned quiet
//! when it does so no longer.
//!
//! QEMU protects memory chunk by chunk, as it sends from them. So a guest that writes all of what a sync found, all the time,
//! takes a fault for each page of a chunk soon after that was protected:
//!
//! ```text
//!   sent      |----|----|----|----|----|
//!   counted   ====|====|====|          |    as much is counted as is sent; then nothing: quiet
//! ```
//! One that writes little of it, or now here and now there, as a sweep does, shows nothing of the kind, and nothing is told
//! of it.

use core::time::Duration;

use super::PROTECTED_BYTES;
use crate::rate::scale;
use crate::sample::Sample;
use crate::time::Timestamp;

/// What is sent between two judgements, bytes: the memory of a busy guest takes its faults chunk by chunk, and of two chunks
/// one at least is protected within so much.
const JUDGED_BYTES: u64 = 2 * PROTECTED_BYTES;

/// No less than this between them: the counter and what is sent are not read in the same moment.
const JUDGED_SPAN: Duration = Duration::from_millis(400);

/// What is sent after a sync, and how long that takes at least, until it shows whether the guest writes: a busy one has then
/// written much of the first chunk.
const FIRST_BYTES: u64 = 8 << 20;
const FIRST_SPAN: Duration = Duration::from_millis(200);

/// A guest is busy where half as much is counted as is sent, or more, ...
const BUSY_PART: u64 = 2;
/// ... and quiet where less than a third is, as for its processors: ...
const QUIET_PART: u64 = 3;
/// ... one that has been busy at so many judgements in a row, for the others show nothing.
const STEADY: u32 = 2;

/// Most of what was found.
const MOST_PERCENT: u64 = 85;

/// A quiet guest has woken that writes so great a part of all that is hot between two looks: what was protected meanwhile.
const WAKING_PART: u64 = 16;

/// What is told of a guest, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is busy.
    Busy(Timestamp),
    /// It is quiet.
    Quiet(Timestamp),
}

/// What had been sent and counted by then, bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: Timestamp,
    sent_bytes: u64,
    counted_bytes: u64,
}

/// Follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rewrites {
    /// The round of the last sample, and what it had left.
    round: (u64, u64),
    sent_bytes: u64,
    /// The last judgement.
    from: Option<Mark>,
    /// The last sync, until something has been told since.
    sync: Option<Mark>,
    /// The last look of this round, or its sync.
    last: Mark,
    /// What the last sync found.
    found_bytes: Option<u64>,
    /// Judgements in a row at which it was busy.
    steady: u32,
    quiet: bool,
}

impl Rewrites {
    /// Takes in what has been sent.
    pub(super) fn send(&mut self, sample: &Sample) {
        let now = (sample.iteration, sample.remaining_bytes);
        let (iteration, remaining_bytes) = core::mem::replace(&mut self.round, now);
        let still_bytes = if iteration == sample.iteration {
            sample.remaining_bytes
        } else {
            0
        };
        let gone_bytes = remaining_bytes.saturating_sub(still_bytes);
        self.sent_bytes = self.sent_bytes.saturating_add(gone_bytes);
    }

    /// A sync that found so much. Where that is most of what the one before had found, it was written again in between: that
    /// tells as much as judgements do.
    pub(super) fn find(&mut self, found_bytes: u64) {
        let before_bytes = self.found_bytes.replace(found_bytes);
        if before_bytes.is_some_and(|before| found_bytes >= scale(before, MOST_PERCENT, 100)) {
            self.steady = self.steady.max(STEADY);
        }
    }

    /// A sync, by which `counted_bytes` had been counted.
    pub(super) fn begin_round(&mut self, at: Timestamp, counted_bytes: u64) {
        let now = self.mark(at, counted_bytes);
        self.sync = Some(now);
        self.last = now;
    }

    /// `counted_bytes` have been counted by `at`, and `hot_bytes` are the most that a round has written: whether the guest is
    /// quiet, if that is told now.
    pub(super) fn judge(
        &mut self,
        at: Timestamp,
        counted_bytes: u64,
        hot_bytes: u64,
    ) -> Option<Told> {
        let now = self.mark(at, counted_bytes);
        let last = core::mem::replace(&mut self.last, now);
        let in_look = counted_bytes.saturating_sub(last.counted_bytes);
        if self.quiet && in_look > hot_bytes / WAKING_PART {
            self.from = Some(now);
            self.quiet = false;
            return Some(Told::Busy(last.at));
        }
        if let Some(sync) = self.sync.filter(|_| self.is_steady()) {
            let told = self.tell(&sync, &now, FIRST_BYTES, FIRST_SPAN)?;
            self.sync = None;
            return told;
        }
        let from = *self.from.get_or_insert(now);
        self.tell(&from, &now, JUDGED_BYTES, JUDGED_SPAN)?
    }

    /// Whether it has ever shown that it writes again what is sent.
    pub(super) const fn is_steady(&self) -> bool {
        self.steady >= STEADY
    }

    fn mark(&self, at: Timestamp, counted_bytes: u64) -> Mark {
        Mark {
            at,
            sent_bytes: self.sent_bytes,
            counted_bytes,
        }
    }

    /// What the time between two marks tells; none if they are too near to tell anything.
    fn tell(
        &mut self,
        from: &Mark,
        now: &Mark,
        least_bytes: u64,
        least: Duration,
    ) -> Option<Option<Told>> {
        let sent = now.sent_bytes.saturating_sub(from.sent_bytes);
        if sent < least_bytes || now.at.since(from.at) < least {
            return None;
        }
        self.from = Some(*now);
        let counted = now.counted_bytes.saturating_sub(from.counted_bytes);
        let busy = counted.saturating_mul(BUSY_PART) >= sent;
        let quiet = counted.saturating_mul(QUIET_PART) < sent;
        if busy {
            self.steady = self.steady.saturating_add(1);
        } else if !self.is_steady() {
            self.steady = 0;
        }
        if !self.is_steady() || busy == quiet {
            return Some(None);
        }
        self.quiet = quiet;
        let told = if quiet { Told::Quiet } else { Told::Busy };
        Some(Some(told(from.at)))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const GIB: u64 = 1 << 30;

    /// What a guest has written by a look, hundredths of a GiB.
    type Written = fn(u64) -> u64;

    /// A round of 16 GiB, looked at each 100 ms as a link of 1 GiB/s sends it, by which time a guest has written so many
    /// hundredths of a GiB: what is told, and in which look.
    fn told(rounds: &[(u64, Written)]) -> Vec<(u64, Told)> {
        let mut rewrites = Rewrites::default();
        let (mut told, mut now_ms, mut counted) = (Vec::new(), 1000, 7 * GIB);
        for (iteration, (looks, written)) in (2..).zip(rounds) {
            let mut sample = Sample {
                iteration,
                remaining_bytes: 16 * GIB,
                ..Sample::default()
            };
            rewrites.send(&sample);
            let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
            rewrites.begin_round(at(now_ms), counted);
            let before = counted;
            for look in 1..=*looks {
                sample.remaining_bytes = (16 * GIB).saturating_sub(look * GIB / 10);
                rewrites.send(&sample);
                counted = before + written(look) * GIB / 100;
                let now = at(now_ms + look * 100);
                told.extend(rewrites.judge(now, counted, 16 * GIB).map(|t| (look, t)));
            }
            now_ms += looks * 100;
        }
        told
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// All of a chunk as soon as it is protected.
    fn flat(look: u64) -> u64 {
        look.div_ceil(10) * 100
    }

    fn nothing(_: u64) -> u64 {
        0
    }

    #[test]
    fn one_that_writes_again_what_is_sent_is_busy() {
        let told = told(&[(160, flat)]);
        assert!(told.len() >= 5, "{told:?}");
        let busy = |(_, told): &(u64, Told)| matches!(told, Told::Busy(_));
        assert!(told.iter().all(busy), "{told:?}");
    }

    /// In the midst of a round only once two chunks have been sent of which nothing was written, ...
    #[test]
    fn it_has_turned_quiet_when_nothing_is_written_of_two_chunks() {
        let quiet_from_80: Written = |look| flat(look.min(80));
        let told = told(&[(160, quiet_from_80)]);
        let first = told.iter().find(|(_, t)| matches!(t, Told::Quiet(_)));
        let &(look, what) = first.expect("it is quiet");
        assert!((100..=121).contains(&look), "{told:?}");
        assert!(
            matches!(what, Told::Quiet(since) if since >= at(1000 + 8000)),
            "{told:?}"
        );
    }

    /// ... and after a sync as soon as anything has been sent.
    #[test]
    fn after_a_sync_it_shows_in_two_looks() {
        let told = told(&[(160, flat), (3, nothing)]);
        assert_eq!(told.last(), Some(&(2, Told::Quiet(at(17_000)))));
        let told = self::told(&[(160, flat), (3, flat)]);
        assert_eq!(told.last(), Some(&(2, Told::Busy(at(17_000)))));
    }

    #[test]
    fn one_that_wakes_is_seen_in_the_look() {
        let wakes_at_33: Written = |look| if look < 33 { 0 } else { flat(look) };
        let told = told(&[(160, flat), (40, wakes_at_33)]);
        assert!(
            told.contains(&(33, Told::Busy(at(17_000 + 3200)))),
            "{told:?}"
        );
    }

    /// Rounds of less than a chunk in between are not judged here: what was counted in them is not of the next look.
    #[test]
    fn one_that_wakes_woke_no_earlier_than_the_sync() {
        let mut rewrites = Rewrites {
            steady: STEADY,
            quiet: true,
            ..Rewrites::default()
        };
        rewrites.begin_round(at(1000), 0);
        rewrites.judge(at(1100), 0, 16 * GIB);
        rewrites.begin_round(at(60_000), 40 * GIB);
        assert_eq!(rewrites.judge(at(60_100), 40 * GIB, 16 * GIB), None);
        rewrites.begin_round(at(90_000), 40 * GIB);
        let told = rewrites.judge(at(90_100), 42 * GIB, 16 * GIB);
        assert_eq!(told, Some(Told::Busy(at(90_000))));
    }

    /// A sweep writes elsewhere for long, a slow writer always too little: neither is told to be busy or quiet.
    #[test]
    fn of_one_that_writes_little_or_by_turns_nothing_is_told() {
        let slow: Written = |look| look * 4;
        let sweep: Written = |look| look / 50 * 150 + (look % 50).min(15) * 10;
        for written in [slow, sweep, nothing] {
            assert_eq!(told(&[(160, written)]), []);
        }
    }

    /// Too small for judgements within it.
    #[test]
    fn a_round_that_left_most_of_what_it_sent_shows_as_much() {
        for (found, shows) in [(85, true), (84, false)] {
            let mut rewrites = Rewrites::default();
            rewrites.find(100 * GIB);
            assert!(!rewrites.is_steady());
            rewrites.find(GIB * found);
            assert_eq!(rewrites.is_steady(), shows, "{found}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let mut rewrites = Rewrites::default();
        for remaining_bytes in [u64::MAX, 0, u64::MAX] {
            rewrites.send(&Sample {
                iteration: remaining_bytes % 7,
                remaining_bytes,
                ..Sample::default()
            });
            rewrites.begin_round(at(0), u64::MAX);
            rewrites.judge(Timestamp::from_nanos(u64::MAX), u64::MAX, u64::MAX);
            rewrites.judge(at(0), 0, 0);
        }
    }
}
