//! What the guest writes between two syncs, as KVM's count of its page faults tells it at any moment.
//!
//! While memory is logged by write protection, the first write to a page since it was protected takes one fault. So what has
//! been counted since a sync is what the next one will find:
//!
//! ```text
//!   sync               now        sync
//!    |      ___---------o- - - - - -|   4096 x faults since the sync: C
//!    |   _-'                        |   found there: C, and what of the last sync was not sent, U, each page once
//!    |_-'                           |
//!     W(x): the same, x after a sync; where it no longer rises all that is hot has been written
//! ```
//! Sources: KVM counts `pf_taken` (`arch/x86/kvm/mmu/mmu.c`, `kvm_mmu_page_fault`), protects memory as QEMU clears its log
//! (`KVM_CLEAR_DIRTY_LOG`, `Documentation/virt/kvm/api.rst`), which QEMU does chunk by chunk as it sends from them
//! (`clear_bmap_test_and_clear`, `migration/ram.c`; `x-clear-bitmap-shift`, 1 GiB by default).
//!
//! What it cannot tell, and what comes of it:
//! * A page is counted once a sync: a guest that has rewritten all of its set looks idle until the next one. Rates are of
//!   first writes.
//! * In chunks from which nothing has been sent since the sync, what waits to be sent takes no fault: it is sent anyway. In a
//!   guest of many chunks W(x) and rates are then lower bounds, at the pace of the sender.
//! * Intel's PML logs without faults: nothing is counted and much is found. Memory that is touched for the first time, the
//!   host's NUMA balancing, KSM and swap take faults that are no writes, and a dirty ring that is emptied protects its pages again. Pages of other sizes than 4 KiB count alike. So each
//!   sync confirms or refutes the counter ([`Trust`]), and one that is refuted says nothing.

mod curve;
mod phases;
mod readings;
mod rewrites;
mod trust;
mod unsent;

use core::time::Duration;

use super::round::Round;
use super::spells::Phases;
use crate::rate::{in_span, per_second, scale};
use crate::sample::{Faults, JobState, Sample};
use crate::time::Timestamp;
use curve::Curve;
use phases::WritePhases;
use readings::Readings;
use rewrites::Rewrites;
pub use trust::Trust;
use trust::{Confirmation, Found, is_near};
use unsent::Unsent;

/// What QEMU protects in one go: of what waits to be sent, no more than this can have been written and counted.
const PROTECTED_BYTES: u64 = 1 << 30;

/// The counter is read no later than this after the last time, ...
const FRESH: Duration = Duration::from_secs(2);
/// ... or so many times as late as it was read before that: it costs more in larger guests.
const FRESH_TIMES: u32 = 4;

/// The least span over which a rate is one.
const RATE_SPAN: Duration = Duration::from_millis(40);

/// A sync judges the counter where no more than one in so many of the pages counted was reckoned.
const RECKONED_PART: u64 = 8;

/// Before a sync has confirmed the counter, one that has counted less than this may as well be deaf.
const HEARD_BYTES: u64 = 1 << 20;

/// A sync, and the counter at that moment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Timestamp,
    pages: u64,
    /// How much of that was reckoned, pages.
    reckoned: u64,
}

/// A sync that was seen, and after which the counter has not been read yet.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    /// Whether it begins the first round, before which nothing is logged.
    first: bool,
    /// None where it cannot be told apart from others, and for the first.
    found: Option<Found>,
}

/// What the last whole round has written, and how long it took.
#[derive(Clone, Copy, Debug, Default)]
struct Whole {
    bytes: u64,
    span: Duration,
}

/// Follows what the guest writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writes {
    now: Timestamp,
    total_bytes: u64,
    readings: Readings,
    begun: bool,
    sync: Option<Mark>,
    due: Option<Due>,
    unsent: Unsent,
    /// How much of what was both written and unsent was the same, thousandths; none if no sync has shown it.
    common: Option<u64>,
    curve: Curve,
    phases: WritePhases,
    rewrites: Rewrites,
    /// Whether all that is written in the present round is counted: what waits to be sent fits into one chunk.
    all_counted: bool,
    /// The most that a round has written.
    most_bytes: u64,
    /// The highest rate of the present round and of the one before, bytes per second.
    peaks: (u64, u64),
    last: Whole,
    confirmation: Confirmation,
    /// The last sync has found something else than was expected: a counter that none has confirmed yet is not believed.
    doubted: bool,
}

impl Writes {
    /// Takes one sample in, and the round that has ended before it, if one has.
    pub fn update(&mut self, sample: &Sample, round: Option<&Round>) {
        if !matches!(sample.state, JobState::Setup | JobState::Precopy) {
            return;
        }
        self.now = sample.at;
        self.total_bytes = sample.total_bytes;
        self.begin(sample);
        // The limit that is read now was in force at a sync since the sample before.
        self.unsent.limit(sample);
        if let Some(round) = round {
            self.synced(round);
        }
        self.unsent.follow(sample);
        self.rewrites.send(sample);
        if let Some(faults) = sample.faults {
            self.read(faults);
        }
    }

    /// The highest rate of first writes, of the present round and the one before, bytes per second: nearest to what the guest
    /// writes, for right after a sync each page counts.
    #[must_use]
    pub fn peak_bytes_per_s(&self) -> Option<u64> {
        self.is_usable().then(|| self.peaks.0.max(self.peaks.1))
    }

    /// What the guest works on, as far as the present round and the one before show it, bytes.
    #[must_use]
    pub fn hot_bytes(&self) -> Option<u64> {
        let so_far = self.so_far_bytes().unwrap_or(0);
        self.is_usable().then(|| self.last.bytes.max(so_far))
    }

    /// W: what is written within `span` of a sync, bytes, by the newest round that took so long. None if none did.
    #[must_use]
    pub fn written_within_bytes(&self, span: Duration) -> Option<u64> {
        let bytes = self.curve.at(span).filter(|_| self.is_usable())?;
        Some(bytes.min(self.total_bytes))
    }

    /// What has been written at `at`, which is now or soon, since the last sync, bytes. None while that is not known.
    #[must_use]
    pub fn written_bytes(&self, at: Timestamp) -> Option<u64> {
        if !self.is_usable() || self.due.is_some() {
            return None;
        }
        let so_far = self.so_far_bytes()?;
        let growth = self.growth_bytes(so_far, at)?;
        Some(so_far.saturating_add(growth).min(self.total_bytes))
    }

    /// What QEMU's next sync will find left, if that is at `at`, which is now or soon, bytes: what was written, and what it has not
    /// sent of the last sync when it syncs, each page once. None while that is not known.
    #[must_use]
    pub fn next_sync_bytes(&self, at: Timestamp) -> Option<u64> {
        self.left_bytes(at, self.unsent.bytes_at_sync(at))
    }

    /// What a sync would find left that QEMU were made to do at `at`, which is now or soon, bytes. None while that is not known.
    #[must_use]
    pub fn sync_on_demand_bytes(&self, at: Timestamp) -> Option<u64> {
        self.left_bytes(at, self.unsent.bytes_at(at))
    }

    /// What was written by `at`, and what is unsent then, each page once.
    fn left_bytes(&self, at: Timestamp, unsent_bytes: u64) -> Option<u64> {
        let written_bytes = self.written_bytes(at)?;
        let both_bytes = written_bytes.min(unsent_bytes).min(PROTECTED_BYTES);
        let common_bytes = scale(both_bytes, self.common_share(written_bytes), 1000);
        let left_bytes = written_bytes
            .saturating_add(unsent_bytes)
            .saturating_sub(common_bytes);
        Some(left_bytes.min(self.total_bytes))
    }

    /// The guest's phases, if what it writes shows any.
    #[must_use]
    pub fn phases(&self) -> Option<Phases> {
        self.phases.phases().filter(|_| self.shows_quiet())
    }

    /// Whether the guest has been quiet since the last sync, once that shows by what its busiest rounds had
    /// written at that age. In rounds of more than a chunk, in which not all is counted at once, it shows of a guest that
    /// writes again what is sent.
    #[must_use]
    pub fn quiet(&self) -> Option<bool> {
        if self.due.is_some() {
            return None;
        }
        self.phases.quiet().filter(|_| self.is_followed())
    }

    /// Whether all that is written in the present round is counted, at once: then whether the guest is quiet shows in a look or
    /// two.
    #[must_use]
    pub fn counts_all(&self) -> bool {
        self.is_usable() && self.all_counted
    }

    /// Whether it shows soon after a sync if the guest is quiet.
    #[must_use]
    pub fn shows_quiet(&self) -> bool {
        self.is_usable() && self.is_followed()
    }

    /// Whether being busy and quiet is told apart: by all that is written, or by what is written again of what is sent.
    fn is_followed(&self) -> bool {
        self.all_counted || self.rewrites.is_steady()
    }

    /// What the syncs have made of the counter.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        self.confirmation.trust()
    }

    /// Memory begins to flow: nothing has been written since, if that was seen.
    fn begin(&mut self, sample: &Sample) {
        if self.begun || sample.state != JobState::Precopy || sample.iteration == 0 {
            return;
        }
        self.begun = true;
        if sample.iteration == 1 {
            self.due = Some(Due {
                at: sample.sync_at.unwrap_or(sample.at),
                first: true,
                found: None,
            });
        }
    }

    fn synced(&mut self, round: &Round) {
        let found = Found {
            bytes: round.remaining_bytes,
            unsent_bytes: self.unsent.bytes_at_sync(round.at),
            first_round: round.iteration == 2,
        };
        let expected_bytes = self.next_sync_bytes(round.at);
        self.doubted =
            expected_bytes.is_some_and(|expected| !is_near(round.remaining_bytes, expected));
        self.all_counted = round.remaining_bytes <= PROTECTED_BYTES;
        self.rewrites.find(round.remaining_bytes);
        // A second sync since the counter was last read: what each of them found cannot be told apart.
        let apart = self.due.is_none() && round.syncs == 1;
        if !apart {
            self.sync = None;
        }
        self.due = Some(Due {
            at: round.at,
            first: false,
            found: Some(found).filter(|_| apart),
        });
    }

    fn read(&mut self, faults: Faults) {
        match self.readings.push(faults) {
            readings::Pushed::Backwards => self.forget(faults),
            readings::Pushed::Old => return,
            readings::Pushed::Newer => {}
        }
        if let Some(due) = self.due.filter(|due| due.at < faults.at) {
            self.due = None;
            self.settle(due);
        }
        self.follow(faults.at, faults.pages);
    }

    /// The counter has begun anew: nothing of before holds.
    fn forget(&mut self, faults: Faults) {
        let (now, total_bytes, unsent) = (self.now, self.total_bytes, self.unsent);
        *self = Self {
            now,
            total_bytes,
            unsent,
            begun: true,
            ..Self::default()
        };
        self.readings.push(faults);
    }

    /// The counter is known on both sides of a sync.
    fn settle(&mut self, due: Due) {
        let since = self.sync.map(|sync| sync.at);
        let counter = if due.first {
            self.readings.at_begin(due.at).map(|pages| (pages, 0))
        } else {
            self.readings.at(due.at, since)
        };
        let Some((pages, reckoned)) = counter else {
            self.sync = None;
            return;
        };
        if let Some(sync) = self.sync {
            let counted = pages.saturating_sub(sync.pages);
            let counted_bytes = bytes(counted);
            let span = due.at.since(sync.at);
            self.curve.record(span, counted_bytes);
            self.last = Whole {
                bytes: counted_bytes,
                span,
            };
            self.peaks = (0, self.peaks.0);
            let reckoned = sync.reckoned.saturating_add(reckoned);
            let well = reckoned.saturating_mul(RECKONED_PART) <= counted;
            if let Some(found) = due.found.filter(|_| well) {
                self.common = found.common(counted_bytes, PROTECTED_BYTES).or(self.common);
                self.confirmation.judge(&found, counted_bytes);
            }
        }
        self.curve.begin_round();
        self.phases.begin_round(due.at);
        self.rewrites.begin_round(due.at, bytes(pages));
        self.sync = Some(Mark {
            at: due.at,
            pages,
            reckoned: if due.first || due.found.is_some() {
                reckoned
            } else {
                u64::MAX
            },
        });
    }

    /// The counter stood at `pages` at `at`, in the round that began with the last sync known.
    fn follow(&mut self, at: Timestamp, pages: u64) {
        let Some(sync) = self.sync else {
            return;
        };
        let written_bytes = bytes(pages.saturating_sub(sync.pages));
        let age = at.since(sync.at);
        self.curve.record(age, written_bytes);
        self.most_bytes = self.most_bytes.max(written_bytes);
        if self.all_counted {
            let expected_bytes = self.curve.most_at(age);
            self.phases
                .follow(at, written_bytes, expected_bytes, self.most_bytes, |span| {
                    self.curve.most_at(span)
                });
        } else if self.unsent.iteration > 1 {
            let told = self.rewrites.judge(at, bytes(pages), self.most_bytes);
            self.phases.tell(told, at);
        }
        self.peaks.0 = self.peaks.0.max(self.rate_now());
    }

    /// What is counted is neither refuted, nor old, nor nothing that anybody has confirmed.
    fn is_usable(&self) -> bool {
        let Some(newest) = self.readings.newest() else {
            return false;
        };
        let fresh = FRESH.max(self.readings.apart().saturating_mul(FRESH_TIMES));
        let heard = match self.trust() {
            Trust::Refuted => false,
            Trust::Confirmed => true,
            Trust::Unconfirmed => {
                let so_far = self.so_far_bytes();
                !self.doubted && so_far.is_some_and(|so_far| so_far >= HEARD_BYTES)
            }
        };
        heard && self.now.since(newest.at) <= fresh
    }

    /// What has been counted since the last sync, bytes.
    fn so_far_bytes(&self) -> Option<u64> {
        let (sync, newest) = (self.sync?, self.readings.newest()?);
        Some(bytes(newest.pages.saturating_sub(sync.pages)))
    }

    /// Bytes per second since the reading before, or since a sync between the two.
    fn rate_now(&self) -> u64 {
        let (Some(newest), Some(before)) = (self.readings.newest(), self.readings.before_newest())
        else {
            return 0;
        };
        let sync = self
            .sync
            .filter(|sync| sync.at > before.at && newest.at.since(sync.at) >= RATE_SPAN);
        let (at, pages) = sync.map_or((before.at, before.pages), |sync| (sync.at, sync.pages));
        per_second(
            bytes(newest.pages.saturating_sub(pages)),
            newest.at.since(at),
        )
    }

    /// What will be written from the last reading until `at`: as fast as now, but no more than the rounds before show.
    fn growth_bytes(&self, so_far_bytes: u64, at: Timestamp) -> Option<u64> {
        let newest = self.readings.newest()?;
        let at_this_rate = in_span(self.rate_now(), at.since(newest.at));
        let ceiling = self.ceiling_bytes(so_far_bytes, at);
        Some(at_this_rate.min(ceiling.saturating_sub(so_far_bytes)))
    }

    /// How much will have been written by `at`, at most: what rounds before had by then, or what the last one had in all. Neither
    /// if this round has outdone them already, for the guest is in another phase.
    fn ceiling_bytes(&self, so_far_bytes: u64, at: Timestamp) -> u64 {
        let age = at.since(self.sync.map_or(at, |sync| sync.at));
        let shown = [
            self.curve.before(age),
            Some(self.last.bytes).filter(|_| age <= self.last.span),
        ];
        let outdone = |bytes: &u64| so_far_bytes > bytes.saturating_add(bytes / 8);
        let ceiling = shown.into_iter().flatten().find(|bytes| !outdone(bytes));
        ceiling.unwrap_or(u64::MAX)
    }

    /// How much of what is both written and unsent is the same, thousandths. What the first round has not sent has nothing to
    /// do with what is written; later it was written not long ago.
    fn common_share(&self, written_bytes: u64) -> u64 {
        if self.unsent.iteration < 2 {
            return scale(1000, written_bytes, self.total_bytes.max(1)).min(1000);
        }
        let settled = || {
            let age = self.now.since(self.sync.map_or(self.now, |sync| sync.at));
            let on_the_whole = per_second(written_bytes, age);
            self.rate_now() < on_the_whole / 8
        };
        self.common
            .unwrap_or_else(|| if settled() { 1000 } else { 0 })
    }
}

const fn bytes(pages: u64) -> u64 {
    pages.saturating_mul(Faults::PAGE_BYTES)
}

#[cfg(test)]
mod tests;
