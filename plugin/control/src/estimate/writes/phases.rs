//! Busy and quiet phases in the guest's first writes, also of guests that spin while they wait.
//!
//! ```text
//!   written   busiest rounds  ___------     so much is expected between two polls ...
//!            _-- - - - - - - -
//!            -________________|             ... and so little is seen: quiet
//!           sync
//! ```
//! Once all of its working set has been written no more is expected, and nothing shows until the next sync.
//!
//! W(x) is concave, so a steady guest never writes more between two polls than right after a sync. One that does was
//! quiet until then, and has woken: that shows in the first round, too.

use core::time::Duration;

use super::super::phases::{PhaseTracker, Phases};
use super::rewrites::Verdict;
use crate::time::Timestamp;

/// A guest is quiet if it writes less than this part of what its busiest rounds had written at that age: a third, as
/// for its processors.
const QUIET_PART: u64 = 3;

/// Expected or seen writes between two samples are judged if they are so great a part of the working set, ...
const TELLING_PART: u64 = 16;
/// ... no less than this, ...
const TELLING_BYTES: u64 = 1 << 20;
/// ... and, in the first round, in which the working set is not known, so great a part of all memory.
const TELLING_PART_OF_ALL: u64 = 128;

/// A guest that has written more than this part of its working set since the sync does not turn quiet by writing no
/// more: the rest may not be due. A busy round that wrote more than most, or later, would make all others seem quiet.
const REWRITTEN_PART: u64 = 2;

/// Nothing is judged so soon after a sync: neither its time nor a reading's is exact to a few milliseconds, in which a fast
/// guest writes much.
const SOON: Duration = Duration::from_millis(50);

/// A sample, and the bytes written since the sync.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: Timestamp,
    bytes: u64,
    /// The same in the busiest rounds at that age; or as much as in this one, because writes ahead of them are not
    /// expected again.
    expected_bytes: u64,
}

/// Follows the phases from sample to sample.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WritePhases {
    phases: PhaseTracker,
    sync: Timestamp,
    from: Mark,
    /// Bytes that may have been written since the sync, and were counted before it.
    uncertain_bytes: u64,
    /// The last sample, and the bytes written by then.
    last: (Timestamp, u64),
    /// Until when it was last seen busy.
    busy_until: Timestamp,
    /// Whether anything was judged since the last sync.
    judged: bool,
    /// Whether it was ever seen quiet.
    quiet: bool,
    /// The least that is judged in the present round, bytes.
    least_bytes: u64,
}

impl WritePhases {
    /// The first round begins, of a guest that has `total_bytes`.
    pub(super) fn begin(&mut self, at: Timestamp, total_bytes: u64) {
        self.begin_round(at, 0);
        self.least_bytes = total_bytes / TELLING_PART_OF_ALL;
    }

    /// A sync: all of the working set is to be written anew. The counter was not read at that moment: so many of the bytes
    /// counted before may have been written since.
    pub(super) fn begin_round(&mut self, at: Timestamp, uncertain_bytes: u64) {
        self.sync = at;
        self.uncertain_bytes = uncertain_bytes;
        self.phases.begin(at);
        self.phases.end_round();
        self.from = Mark {
            at,
            bytes: 0,
            expected_bytes: uncertain_bytes,
        };
        self.last = (at, 0);
        self.judged = false;
        self.least_bytes = TELLING_BYTES;
    }

    /// Takes in the bytes written by `at`. At that age the busiest rounds had written `expected_bytes`, of
    /// `set_bytes` in all, and `most_within` a span after a sync.
    pub(super) fn follow(
        &mut self,
        at: Timestamp,
        bytes: u64,
        expected_bytes: u64,
        set_bytes: u64,
        most_within: impl Fn(Duration) -> Option<u64>,
    ) {
        self.phases.go_on(at);
        let (last, last_bytes) = core::mem::replace(&mut self.last, (at, bytes));
        let seen = bytes.saturating_sub(self.from.bytes);
        let expected = expected_bytes.saturating_sub(self.from.expected_bytes);
        let telling = (set_bytes / TELLING_PART).max(self.least_bytes);
        if seen.max(expected) < telling || at.since(self.sync) < SOON {
            return;
        }
        let more = bytes.saturating_sub(last_bytes);
        let most = most_within(at.since(last)).unwrap_or(u64::MAX);
        // W is concave: a guest that writes more between two samples than right after a sync was quiet until now.
        if last > self.sync && more >= telling && is_little(most, more) {
            self.wake(last);
        }
        // A waking guest writes as after a sync, but only its unwritten pages; a quiet one may write a little for long.
        let waking = most.min(set_bytes.saturating_sub(last_bytes));
        let was_quiet = self.phases.idle() == Some(true);
        let quiet = is_little(seen, expected) || (was_quiet && is_little(more, waking));
        let rewritten = bytes > set_bytes / REWRITTEN_PART;
        let since = if quiet { self.from.at } else { last };
        // One that writes little, of which no more is expected, may be either.
        let as_busy = most_within(at.since(self.from.at)).unwrap_or(0);
        let is_busy = !quiet && !is_little(seen, as_busy);
        self.from = Mark {
            at,
            bytes,
            expected_bytes: expected_bytes.max(bytes.saturating_add(self.uncertain_bytes)),
        };
        if quiet && !was_quiet && rewritten {
            return;
        }
        self.judged = true;
        self.turn(quiet, since, Timestamp::midpoint);
        if !quiet {
            self.phases.busy(since, at);
        }
        if is_busy {
            self.busy_until = at;
        }
    }

    /// The guest was quiet until `last`, whatever it was taken for.
    fn wake(&mut self, last: Timestamp) {
        if self.phases.idle() == Some(false) && self.busy_until < last {
            self.turn(true, last, Timestamp::midpoint);
        }
        self.quiet = true;
    }

    /// Sets the present time, and takes in another judgement of the guest.
    pub(super) fn take(&mut self, verdict: Option<Verdict>, at: Timestamp) {
        self.phases.go_on(at);
        self.judged |= verdict.is_some();
        match verdict {
            None => {}
            Some(Verdict::Busy(since)) => {
                self.turn(false, since, latest);
                self.phases.busy(since, at);
                self.busy_until = at;
            }
            Some(Verdict::Quiet(since)) => self.turn(true, since, latest),
        }
    }

    /// The guest was quiet or busy from `since` on. If it may have been before, `likely` tells since when.
    fn turn(
        &mut self,
        quiet: bool,
        since: Timestamp,
        likely: fn(Timestamp, Timestamp) -> Timestamp,
    ) {
        // A guest that was never quiet has no phases.
        self.quiet |= quiet;
        if self.quiet && self.phases.idle() != Some(quiet) {
            let from = if quiet {
                self.busy_until.min(since)
            } else {
                since
            };
            self.phases
                .turn_between(quiet, from, likely(from, since), since);
        }
    }

    /// Whether the guest is quiet, if that was judged since the last sync.
    pub(super) fn quiet(&self) -> Option<bool> {
        self.judged.then(|| self.phases.idle() == Some(true))
    }

    /// The guest's phases, if it has any.
    pub(super) fn phases(&self) -> Option<Phases> {
        self.phases.phases()
    }
}

/// Whether so much is what a quiet guest writes where a busy one writes `of`.
const fn is_little(seen: u64, of: u64) -> bool {
    seen.saturating_mul(QUIET_PART) < of
}

/// Where a judgement is uncertain, only what was seen counts.
const fn latest(_: Timestamp, at: Timestamp) -> Timestamp {
    at
}

#[cfg(test)]
mod tests;
