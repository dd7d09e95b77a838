//! Whether the guest rewrites memory as soon as it is sent, in rounds of many chunks: one that does is busy, and is
//! quiet once it no longer does.
//!
//! QEMU protects memory chunk by chunk, as it sends from them. So a guest that keeps rewriting everything takes a fault
//! for each page of a chunk soon after the chunk was protected:
//!
//! ```text
//!   sent      |----|----|----|----|----|
//!   counted   ====|====|====|          |    as much is counted as is sent; then nothing: quiet
//! ```
//! A guest that writes little of it, or now here and now there, as a sweep does, shows no such pattern and is not
//! judged.

use core::time::Duration;

use super::unsent::PROTECTED_BYTES;
use crate::rate::scale;
use crate::sample::Sample;
use crate::time::Timestamp;

/// Bytes sent between two judgements: the faults of a busy guest come chunk by chunk, and at least one of two chunks is
/// protected within so much.
const JUDGED_BYTES: u64 = 2 * PROTECTED_BYTES;

/// The shortest time between them: the counter and the bytes sent are not read at the same moment.
const JUDGED_SPAN: Duration = Duration::from_millis(400);

/// Bytes sent after a sync, and the time that takes at least, until it shows whether the guest writes: a busy one has
/// then written much of the first chunk.
const FIRST_BYTES: u64 = 8 << 20;
const FIRST_SPAN: Duration = Duration::from_millis(200);

/// A guest is busy if at least half as much is counted as is sent, ...
const BUSY_PART: u64 = 2;
/// ... and quiet if less than a third is, as for its processors, ...
const QUIET_PART: u64 = 3;
/// ... provided that it was busy at so many judgements in a row. Others show nothing.
const STEADY: u32 = 2;

/// Most of what a sync found.
const MOST_PERCENT: u64 = 85;

/// A quiet guest has woken if it writes so great a part of its working set between two samples: the memory protected
/// meanwhile.
const WAKING_PART: u64 = 16;

/// A judgement of the guest, and since when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The guest is busy.
    Busy(Timestamp),
    /// The guest is quiet.
    Quiet(Timestamp),
}

/// Bytes sent and counted by a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: Timestamp,
    sent_bytes: u64,
    counted_bytes: u64,
}

/// Follows the rewrites.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rewrites {
    /// The round of the last sample, and its remaining memory.
    round: (u64, u64),
    sent_bytes: u64,
    /// The last judgement.
    from: Option<Mark>,
    /// The last sync, until there is a judgement after it.
    sync: Option<Mark>,
    /// The last sample of this round, or its sync.
    last: Mark,
    /// The remaining memory that the last sync found.
    found_bytes: Option<u64>,
    /// Judgements in a row that found it busy.
    steady: u32,
    quiet: bool,
}

impl Rewrites {
    /// Takes in the bytes sent.
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

    /// Takes in the remaining memory of a sync. If it is most of what the last one found, that was rewritten in
    /// between, which counts as much as the judgements.
    pub(super) fn find(&mut self, found_bytes: u64) {
        let before_bytes = self.found_bytes.replace(found_bytes);
        if before_bytes.is_some_and(|before| found_bytes >= scale(before, MOST_PERCENT, 100)) {
            self.steady = self.steady.max(STEADY);
        }
    }

    /// A sync, and the count by then.
    pub(super) fn begin_round(&mut self, at: Timestamp, counted_bytes: u64) {
        let now = self.mark(at, counted_bytes);
        self.sync = Some(now);
        self.last = now;
    }

    /// Takes in the count by `at`. The most written in any round is `set_bytes`. Returns a judgement, if there
    /// is one now.
    pub(super) fn judge(
        &mut self,
        at: Timestamp,
        counted_bytes: u64,
        set_bytes: u64,
    ) -> Option<Verdict> {
        let now = self.mark(at, counted_bytes);
        let last = core::mem::replace(&mut self.last, now);
        let since_poll_bytes = counted_bytes.saturating_sub(last.counted_bytes);
        if self.quiet && since_poll_bytes > set_bytes / WAKING_PART {
            self.from = Some(now);
            self.quiet = false;
            return Some(Verdict::Busy(last.at));
        }
        if let Some(sync) = self.sync.filter(|_| self.is_steady()) {
            let verdict = self.compare(&sync, &now, FIRST_BYTES, FIRST_SPAN)?;
            self.sync = None;
            return verdict;
        }
        let from = *self.from.get_or_insert(now);
        self.compare(&from, &now, JUDGED_BYTES, JUDGED_SPAN)?
    }

    /// Whether it has ever been seen to rewrite what is sent.
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

    /// The judgement between two marks; none if they are too near to tell.
    fn compare(
        &mut self,
        from: &Mark,
        now: &Mark,
        least_bytes: u64,
        least: Duration,
    ) -> Option<Option<Verdict>> {
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
        let verdict = if quiet { Verdict::Quiet } else { Verdict::Busy };
        Some(Some(verdict(from.at)))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const GIB: u64 = 1 << 30;

    /// A guest: written by a sample, hundredths of a GiB.
    type Written = fn(u64) -> u64;

    /// Judgements of a guest and their samples, in rounds of 16 GiB, sampled every 100 ms while a link of 1 GiB/s sends
    /// them.
    fn judged(rounds: &[(u64, Written)]) -> Vec<(u64, Verdict)> {
        let mut rewrites = Rewrites::default();
        let (mut judged, mut now_ms, mut counted) = (Vec::new(), 1000, 7 * GIB);
        for (iteration, (polls, written)) in (2..).zip(rounds) {
            let mut sample = Sample {
                iteration,
                remaining_bytes: 16 * GIB,
                ..Sample::default()
            };
            rewrites.send(&sample);
            let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
            rewrites.begin_round(at(now_ms), counted);
            let before = counted;
            for poll in 1..=*polls {
                sample.remaining_bytes = (16 * GIB).saturating_sub(poll * GIB / 10);
                rewrites.send(&sample);
                counted = before + written(poll) * GIB / 100;
                let now = at(now_ms + poll * 100);
                judged.extend(rewrites.judge(now, counted, 16 * GIB).map(|t| (poll, t)));
            }
            now_ms += polls * 100;
        }
        judged
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// All of a chunk as soon as it is protected.
    fn flat(poll: u64) -> u64 {
        poll.div_ceil(10) * 100
    }

    fn nothing(_: u64) -> u64 {
        0
    }

    #[test]
    fn a_guest_that_rewrites_what_is_sent_is_busy() {
        let judged = judged(&[(160, flat)]);
        assert!(judged.len() >= 5, "{judged:?}");
        let busy = |(_, judged): &(u64, Verdict)| matches!(judged, Verdict::Busy(_));
        assert!(judged.iter().all(busy), "{judged:?}");
    }

    /// Within a round only after two chunks were sent of which nothing was rewritten, ...
    #[test]
    fn a_guest_is_quiet_when_two_chunks_are_sent_and_none_rewritten() {
        let quiet_from_80: Written = |poll| flat(poll.min(80));
        let judged = judged(&[(160, quiet_from_80)]);
        let first = judged.iter().find(|(_, t)| matches!(t, Verdict::Quiet(_)));
        let &(poll, what) = first.expect("it is quiet");
        assert!((100..=121).contains(&poll), "{judged:?}");
        assert!(
            matches!(what, Verdict::Quiet(since) if since >= at(1000 + 8000)),
            "{judged:?}"
        );
    }

    /// ... and after a sync as soon as anything was sent.
    #[test]
    fn after_a_sync_it_shows_in_two_samples() {
        let judged = judged(&[(160, flat), (3, nothing)]);
        assert_eq!(judged.last(), Some(&(2, Verdict::Quiet(at(17_000)))));
        let judged = self::judged(&[(160, flat), (3, flat)]);
        assert_eq!(judged.last(), Some(&(2, Verdict::Busy(at(17_000)))));
    }

    #[test]
    fn after_a_sync_nothing_shows_until_8_mib_are_sent() {
        for (sent, shows) in [((8 << 20) - 1, false), (8 << 20, true)] {
            let mut rewrites = Rewrites {
                steady: STEADY,
                ..Rewrites::default()
            };
            rewrites.begin_round(at(0), 0);
            rewrites.sent_bytes = sent;
            let judged = rewrites.judge(at(200), 0, 16 * GIB);
            assert_eq!(judged.is_some(), shows, "{sent}");
        }
    }

    #[test]
    fn a_guest_that_wakes_is_seen_at_once() {
        let wakes_at_33: Written = |poll| if poll < 33 { 0 } else { flat(poll) };
        let judged = judged(&[(160, flat), (40, wakes_at_33)]);
        assert!(
            judged.contains(&(33, Verdict::Busy(at(17_000 + 3200)))),
            "{judged:?}"
        );
    }

    /// So much is protected anew between two samples.
    #[test]
    fn a_quiet_guest_wakes_if_it_writes_more_than_a_sixteenth_between_two_samples() {
        for (bytes, wakes) in [(GIB, false), (GIB + 1, true)] {
            let mut rewrites = Rewrites {
                quiet: true,
                ..Rewrites::default()
            };
            let judged = rewrites.judge(at(100), bytes, 16 * GIB);
            assert_eq!(judged.is_some(), wakes, "{bytes}");
        }
    }

    /// Between a third and a half it is neither.
    #[test]
    fn half_of_what_is_sent_is_busy_and_less_than_a_third_is_quiet_once_enough_is_sent() {
        let (busy, quiet) = (Verdict::Busy(at(0)), Verdict::Quiet(at(0)));
        for (sent, counted, expected) in [
            (JUDGED_BYTES - 1, 0, None),
            (JUDGED_BYTES, 0, Some(quiet)),
            (3 * GIB, GIB - 1, Some(quiet)),
            (3 * GIB, GIB, None),
            (4 * GIB, 2 * GIB - 1, None),
            (4 * GIB, 2 * GIB, Some(busy)),
        ] {
            let mut rewrites = Rewrites {
                steady: STEADY,
                from: Some(Mark::default()),
                sent_bytes: sent,
                ..Rewrites::default()
            };
            let judged = rewrites.judge(at(400), counted, 16 * GIB);
            assert_eq!(judged, expected, "{counted} of {sent}");
        }
    }

    /// Rounds of less than a chunk are not judged here, and their counts do not belong to the next sample.
    #[test]
    fn a_guest_woke_no_earlier_than_the_last_sync() {
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
        let judged = rewrites.judge(at(90_100), 42 * GIB, 16 * GIB);
        assert_eq!(judged, Some(Verdict::Busy(at(90_000))));
    }

    /// A sweep writes elsewhere for long, a slow writer always too little: neither is judged.
    #[test]
    fn a_guest_that_writes_little_or_by_turns_is_not_judged() {
        let slow: Written = |poll| poll * 4;
        let sweep: Written = |poll| poll / 50 * 150 + (poll % 50).min(15) * 10;
        for written in [slow, sweep, nothing] {
            assert_eq!(judged(&[(160, written)]), []);
        }
    }

    /// The round is too small for judgements within it.
    #[test]
    fn a_sync_that_finds_most_of_the_last_one_counts_as_two_judgements() {
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
