//! The guest's writes between two syncs, known at any time from KVM's count of page faults.
//!
//! While memory is write-protected for logging, the first write to a page since then takes one fault. So the faults
//! since a sync are the pages that the next one will find:
//!
//! ```text
//!   sync               now        sync
//!    |      ___---------o- - - - - -|   4096 x faults since the sync: C
//!    |   _-'                        |   found there: C, and pages not sent since the last sync, U, each once
//!    |_-'                           |
//!     W(x): the same, x after a sync; once it no longer rises, the working set has been written
//! ```
//! Sources: KVM counts `pf_taken` (`arch/x86/kvm/mmu/mmu.c`, `kvm_mmu_page_fault`), protects memory as QEMU clears its
//! log (`KVM_CLEAR_DIRTY_LOG`, `Documentation/virt/kvm/api.rst`), which QEMU does chunk by chunk as it sends from them
//! (`clear_bmap_test_and_clear`, `migration/ram.c`; `x-clear-bitmap-shift`, 1 GiB by default).
//!
//! Limits, and their consequences:
//! * A page is counted once per sync: a guest that has rewritten all of its working set seems idle until the next one.
//!   Rates are of first writes.
//! * In chunks from which nothing has been sent since the sync, pages waiting to be sent take no fault; they are sent
//!   anyway. In a guest of many chunks W(x) and rates are then lower bounds that follow the sender.
//! * Intel's PML logs without faults: nothing is counted and much is found. First touches of memory, the host's NUMA
//!   balancing, KSM and swap take faults that are no writes, and a dirty ring protects pages again whenever it is
//!   emptied. Pages of other sizes count as one of 4 KiB. So each sync confirms or refutes the counter ([`Trust`]), and
//!   a refuted one is not used.

mod curve;
mod phases;
mod readings;
mod rewrites;
mod trust;
mod unsent;

use core::time::Duration;

use super::phases::Phases;
use super::round::Round;
use crate::rate::{in_span, per_second, scale};
use crate::sample::{Faults, JobState, Sample};
use crate::time::Timestamp;
use curve::Curve;
use phases::WritePhases;
use readings::{AtSync, Readings};
use rewrites::Rewrites;
pub use trust::Trust;
pub(super) use trust::is_near;
use trust::{Confirmation, Found};
use unsent::{ONE_CHUNK_BYTES, PROTECTED_BYTES, RATE_SPAN, Unsent};

/// The last reading of the counter is used for so long, ...
const FRESH: Duration = Duration::from_secs(2);
/// ... or for so many times the interval of readings, which is longer in larger guests.
const FRESH_TIMES: u32 = 4;

/// A sync judges the counter if at most one in so many of the counted pages was interpolated.
const INTERPOLATED_PART: u64 = 8;

/// Until a sync has confirmed the counter, one below this may as well be deaf.
const HEARD_BYTES: u64 = 1 << 20;

/// A sync, and the counter at that time.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Timestamp,
    pages: u64,
    /// Interpolated part of that, pages.
    interpolated: u64,
}

/// A sync after which the counter has not been read yet.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    /// Whether it begins the first round, before which nothing is logged.
    first: bool,
    /// Whether all writes of the round before it are counted.
    all_counted: bool,
    /// None for the first round, and if it cannot be told apart from other syncs.
    found: Option<Found>,
}

/// The writes of the last complete round, and its duration.
#[derive(Clone, Copy, Debug, Default)]
struct Whole {
    bytes: u64,
    span: Duration,
}

/// Follows the guest's writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writes {
    now: Timestamp,
    total_bytes: u64,
    readings: Readings,
    begun: bool,
    sync: Option<Mark>,
    due: Option<Due>,
    unsent: Unsent,
    /// The common share of written and unsent pages, thousandths; none if no sync has shown it.
    common: Option<u64>,
    curve: Curve,
    phases: WritePhases,
    rewrites: Rewrites,
    /// Whether all writes of the present round are counted: the memory to send fits into one chunk.
    all_counted: bool,
    /// The most written in a round, bytes.
    most_bytes: u64,
    /// The highest rate of the present round and of the last, bytes per second.
    peaks: (u64, u64),
    last: Whole,
    confirmation: Confirmation,
    /// The last sync has contradicted the prediction: a counter that no sync has confirmed is not believed then.
    doubted: bool,
}

impl Writes {
    /// Takes one sample in, and the round that it has ended, if any.
    pub fn update(&mut self, sample: &Sample, round: Option<&Round>) {
        if !matches!(sample.state, JobState::Setup | JobState::Precopy) {
            return;
        }
        self.now = sample.at;
        self.total_bytes = sample.total_bytes;
        self.begin(sample);
        // The limit read with this sample was in force at a sync since the last sample.
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

    /// The highest rate of first writes in the present round and the last, bytes per second. It is nearest to the true
    /// write rate, because right after a sync each page counts.
    #[must_use]
    pub fn peak_bytes_per_s(&self) -> Option<u64> {
        self.is_usable().then(|| self.peaks.0.max(self.peaks.1))
    }

    /// The working set, as far as the present round and the last show it, bytes.
    #[must_use]
    pub fn working_set_bytes(&self) -> Option<u64> {
        let so_far = self.so_far_bytes().unwrap_or(0);
        self.is_usable().then(|| self.last.bytes.max(so_far))
    }

    /// W: bytes written within `span` of a sync, by the newest round that took so long. None if none did.
    #[must_use]
    pub fn written_within_bytes(&self, span: Duration) -> Option<u64> {
        let bytes = self.curve.at(span).filter(|_| self.is_usable())?;
        Some(bytes.min(self.total_bytes))
    }

    /// Bytes written since the last sync by `at`, which is now or soon. None if unknown.
    #[must_use]
    pub fn written_bytes(&self, at: Timestamp) -> Option<u64> {
        if !self.is_usable() || self.due.is_some() {
            return None;
        }
        let so_far = self.so_far_bytes()?;
        let growth = self.growth_bytes(so_far, at)?;
        Some(so_far.saturating_add(growth).min(self.total_bytes))
    }

    /// The remaining memory that QEMU's next sync will find if it comes at `at`, which is now or soon, bytes: writes,
    /// and pages not sent by then, each page once. None if unknown.
    #[must_use]
    pub fn next_sync_bytes(&self, at: Timestamp) -> Option<u64> {
        self.remaining_bytes(at, self.unsent.bytes_at_sync(at))
    }

    /// The remaining memory that a sync on demand would find at `at`, which is now or soon, bytes. None if unknown.
    #[must_use]
    pub fn sync_on_demand_bytes(&self, at: Timestamp) -> Option<u64> {
        self.remaining_bytes(at, self.unsent.bytes_at(at))
    }

    /// Written and unsent pages at `at`, each once, bytes.
    fn remaining_bytes(&self, at: Timestamp, unsent_bytes: u64) -> Option<u64> {
        let written_bytes = self.written_bytes(at)?;
        let both_bytes = written_bytes.min(unsent_bytes).min(PROTECTED_BYTES);
        let common_bytes = scale(both_bytes, self.common_share(written_bytes), 1000);
        let remaining_bytes = written_bytes
            .saturating_add(unsent_bytes)
            .saturating_sub(common_bytes);
        Some(remaining_bytes.min(self.total_bytes))
    }

    /// The guest's phases, if its writes show any.
    #[must_use]
    pub fn phases(&self) -> Option<Phases> {
        self.phases.phases().filter(|_| self.shows_quiet())
    }

    /// Whether the guest has been quiet since the last sync, compared with its busiest rounds at that age; none until
    /// that shows. In rounds of more than a chunk, in which not all is counted at once, it shows only for a guest that
    /// rewrites what is sent.
    #[must_use]
    pub fn quiet(&self) -> Option<bool> {
        if self.due.is_some() {
            return None;
        }
        self.phases.quiet().filter(|_| self.is_followed())
    }

    /// Whether all writes of the present round are counted at once: a quiet guest then shows within a sample or two.
    #[must_use]
    pub fn counts_all(&self) -> bool {
        self.is_usable() && self.all_counted
    }

    /// Whether a quiet guest shows soon after a sync.
    #[must_use]
    pub fn shows_quiet(&self) -> bool {
        self.is_usable() && self.is_followed()
    }

    /// Whether busy and quiet can be told apart, by all writes or by rewrites of sent pages.
    fn is_followed(&self) -> bool {
        self.all_counted || self.rewrites.is_steady()
    }

    /// Trust in the counter.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        self.confirmation.trust()
    }

    /// Memory begins to flow: nothing has been written since, if the beginning was seen.
    fn begin(&mut self, sample: &Sample) {
        if self.begun || sample.state != JobState::Precopy || sample.iteration == 0 {
            return;
        }
        self.begun = true;
        if sample.iteration == 1 {
            self.all_counted = sample.total_bytes <= ONE_CHUNK_BYTES;
            self.due = Some(Due {
                at: sample.sync_at.unwrap_or(sample.at),
                first: true,
                all_counted: false,
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
        let all_counted = core::mem::replace(
            &mut self.all_counted,
            round.remaining_bytes <= PROTECTED_BYTES,
        );
        self.rewrites.find(round.remaining_bytes);
        // A second sync since the last reading: their writes cannot be told apart.
        let apart = self.due.is_none() && round.syncs == 1;
        if !apart {
            self.sync = None;
        }
        self.due = Some(Due {
            at: round.at,
            first: false,
            all_counted,
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

    /// The counter was reset: nothing known holds.
    fn forget(&mut self, faults: Faults) {
        *self = Self {
            unsent: self.unsent,
            begun: true,
            ..Self::default()
        };
        self.readings.push(faults);
    }

    /// Evaluates a sync, now that the counter is known on both sides of it.
    fn settle(&mut self, due: Due) {
        let since = self.sync.map(|sync| sync.at);
        let counter = if due.first {
            let at_begin = |pages| AtSync {
                pages,
                interpolated: 0,
                most: pages,
            };
            self.readings.at_begin(due.at).map(at_begin)
        } else {
            self.readings.at(due.at, since)
        };
        let Some(mut counter) = counter else {
            self.sync = None;
            return;
        };
        if let Some(sync) = self.sync {
            self.judge(sync, &due, &mut counter);
            let counted_bytes = bytes(counter.pages.saturating_sub(sync.pages));
            let span = due.at.since(sync.at);
            self.curve.record(span, counted_bytes);
            self.last = Whole {
                bytes: counted_bytes,
                span,
            };
            self.peaks = (0, self.peaks.0);
        }
        let AtSync {
            pages,
            interpolated,
            ..
        } = counter;
        self.curve.begin_round();
        if due.first {
            self.phases.begin(due.at, self.total_bytes);
        } else {
            self.phases.begin_round(due.at, bytes(interpolated));
        }
        self.rewrites.begin_round(due.at, bytes(pages));
        self.sync = Some(Mark {
            at: due.at,
            pages,
            interpolated: if due.first || due.found.is_some() {
                interpolated
            } else {
                u64::MAX
            },
        });
    }

    /// Compares what the sync `due` found with what was counted since `sync`. Where the guest has turned busy since the
    /// last reading before it, what was found tells how much of `counter` was counted by then.
    fn judge(&mut self, sync: Mark, due: &Due, counter: &mut AtSync) {
        let counted = counter.pages.saturating_sub(sync.pages);
        let interpolated = sync.interpolated.saturating_add(counter.interpolated);
        let well = interpolated.saturating_mul(INTERPOLATED_PART) <= counted;
        let Some(found) = due.found.filter(|_| well) else {
            return;
        };
        self.common = found
            .common(bytes(counted), PROTECTED_BYTES)
            .or(self.common);
        let around = counter.most.saturating_sub(counter.pages);
        if self
            .confirmation
            .judge(&found, bytes(counted), bytes(around))
        {
            let written = found.bytes.saturating_sub(found.unsent_bytes) / Faults::PAGE_BYTES;
            let by_then = sync.pages.saturating_add(written);
            counter.pages = by_then.clamp(counter.pages, counter.most);
        }
    }

    /// Takes in the counter, in the round of the last known sync.
    fn follow(&mut self, at: Timestamp, pages: u64) {
        let Some(sync) = self.sync else {
            return;
        };
        let written_bytes = bytes(pages.saturating_sub(sync.pages));
        let age = at.since(sync.at);
        self.curve.record(age, written_bytes);
        self.most_bytes = self.most_bytes.max(written_bytes);
        // A reading from before the sync is of the round before.
        if self.due.map_or(self.all_counted, |due| due.all_counted) {
            let expected_bytes = self.curve.most_at(age);
            self.phases
                .follow(at, written_bytes, expected_bytes, self.most_bytes, |span| {
                    self.curve.most_within(span)
                });
        } else if self.unsent.iteration > 1 {
            let verdict = self.rewrites.judge(at, bytes(pages), self.most_bytes);
            self.phases.take(verdict, at);
        }
        self.peaks.0 = self.peaks.0.max(self.rate_now());
    }

    /// Whether the counter is not refuted, not old, and either confirmed or more than nothing.
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

    /// Bytes counted since the last sync.
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
        let before = (before.at, before.pages);
        let sync = self
            .sync
            .filter(|sync| newest.at.since(sync.at) >= RATE_SPAN);
        let (at, pages) = sync.map_or(before, |sync| before.max((sync.at, sync.pages)));
        per_second(
            bytes(newest.pages.saturating_sub(pages)),
            newest.at.since(at),
        )
    }

    /// Bytes that will be written from the last reading until `at`: at the present rate, but no more than earlier
    /// rounds show.
    fn growth_bytes(&self, so_far_bytes: u64, at: Timestamp) -> Option<u64> {
        let newest = self.readings.newest()?;
        let at_this_rate = in_span(self.rate_now(), at.since(newest.at));
        let ceiling = self.ceiling_bytes(so_far_bytes, at);
        Some(at_this_rate.min(ceiling.saturating_sub(so_far_bytes)))
    }

    /// The most that will have been written by `at`: as much as earlier rounds by then, or as the last one in all.
    /// Neither if this round has written more already, because the guest is in another phase.
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

    /// The common share of written and unsent pages, thousandths. Pages left unsent by the first round are unrelated to
    /// the writes; later ones were written not long ago.
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
