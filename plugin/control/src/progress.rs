//! How far a migration is, and when it will end: for people, never for a decision.
//!
//! ```text
//!   sample, cause of the last decision --> estimates --> ending: an interval --> Progress: what may be shown
//! ```
//! What is shown never runs backwards: the percentage never falls, and neither bound of the remaining time ever rises. An
//! interval that cannot be true any more, because more time is needed than was ever shown, is withheld until it can.

mod ending;
mod pace;

use core::time::Duration;

use crate::estimate::{Bandwidth, Round, Rounds, Writes};
use crate::event::Cause;
use crate::law::Slowdown;
use crate::rate::{scale, span_of};
use crate::sample::{JobState, Sample};
use crate::time::Timestamp;
pub use ending::Remaining;
use ending::{Knowledge, Storage};
use pace::Pace;

/// The most that is shown before the end, hundredths of a per cent.
const MOST_HUNDREDTHS: u64 = 9_999;

/// The latest end counts only if the estimates of so many polls agree: one window of the link's may be odd.
const AGREEING: usize = 5;

/// What is known of a migration at a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The share of its time that has passed, as expected; hundredths of a per cent.
    pub done_hundredths: u64,
    /// The time until its end; none while no bound is known, or what was shown has turned out too short.
    pub remaining: Option<Remaining>,
    /// The bandwidth of the link, bytes per second; zero while unknown.
    pub bytes_per_s: u64,
    /// The rate at which the guest dirties memory, bytes per second, by KVM's counters, or by the last sync. None before
    /// either tells.
    pub dirty_bytes_per_s: Option<u64>,
    /// The pause if QEMU switched over now; none while unknown.
    pub pause_now: Option<Duration>,
}

/// Follows one migration.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The cost of pre-copy to the law that decides; none if no law of which anything is known decides.
    slowdown: Option<Slowdown>,
    /// When the policy ends pre-copy, after the job's begin.
    deadline: Option<Duration>,
    memory_bytes: u64,
    began: Option<Timestamp>,
    memory_since: Option<Timestamp>,
    pace: Pace,
    storage: Storage,
    rounds: Rounds,
    bandwidth: Bandwidth,
    writes: Writes,
    round: Option<Round>,
    before: Option<Round>,
    /// The most that has remained after a round, bytes.
    busiest_bytes: u64,
    /// The last estimates of the latest end, newest last.
    latest: [Duration; AGREEING],
    shown: Shown,
    /// The bounds as they were shown last, also if they are withheld now.
    bounds: Option<Remaining>,
}

impl Progress {
    /// Of a guest with so much memory, zero if that is not known, under a law with this `slowdown`, or none that is known,
    /// and a deadline.
    #[must_use]
    pub fn new(memory_bytes: u64, slowdown: Option<Slowdown>, deadline: Option<Duration>) -> Self {
        Self {
            slowdown,
            deadline,
            memory_bytes,
            began: None,
            memory_since: None,
            pace: Pace::default(),
            storage: Storage::default(),
            rounds: Rounds::default(),
            bandwidth: Bandwidth::default(),
            writes: Writes::default(),
            round: None,
            before: None,
            busiest_bytes: 0,
            latest: [Duration::ZERO; AGREEING],
            shown: Shown::default(),
            bounds: None,
        }
    }

    /// Takes one sample in, and why the last decision was taken: none if nobody decides. Returns what may be shown.
    pub fn poll(&mut self, sample: &Sample, cause: Option<Cause>) -> Shown {
        self.follow(sample);
        let knowledge = self.knowledge(sample, cause);
        let expected = knowledge.expected();
        self.shown.bytes_per_s = knowledge.bytes_per_s;
        self.shown.remaining = self.bounded(knowledge.remaining());
        self.advance(sample, expected);
        self.shown.pause_now = self.pause_now(sample);
        self.shown.dirty_bytes_per_s = self.dirty_bytes_per_s();
        self.shown
    }

    fn follow(&mut self, sample: &Sample) {
        self.began.get_or_insert(sample.at);
        self.memory_bytes = self.memory_bytes.max(sample.total_bytes);
        self.storage.follow(sample);
        if sample.state == JobState::Precopy && sample.iteration > 0 {
            self.memory_since.get_or_insert(sample.at);
            self.bandwidth.update(sample);
            self.pace.follow(sample);
        }
        let round = self.rounds.update(sample);
        self.writes.update(sample, round.as_ref());
        if let Some(round) = round {
            self.before = self.round.replace(round);
            self.busiest_bytes = self.busiest_bytes.max(round.remaining_bytes);
        }
    }

    fn knowledge(&self, sample: &Sample, cause: Option<Cause>) -> Knowledge {
        let age = self.memory_since.map(|since| sample.at.since(since));
        let bytes_per_s = self.bandwidth.smooth();
        let pace = match self.round {
            None => self.pace.bytes_per_s,
            Some(_) => bytes_per_s,
        };
        let fastest = bytes_per_s.max(pace);
        let elapsed = Duration::from_millis(sample.elapsed_ms);
        Knowledge {
            state: sample.state,
            storage: self.storage,
            memory_bytes: self.memory_bytes,
            round_bytes: sample.remaining_bytes,
            bytes_per_s,
            fastest_bytes_per_s: fastest,
            slowest_bytes_per_s: if pace > 0 {
                bytes_per_s.min(pace)
            } else {
                bytes_per_s
            },
            first_round: match self.round {
                None => age.map(|age| age + span_of(sample.remaining_bytes, fastest)),
                Some(_) => None,
            },
            found_bytes: self.round.map(|round| round.remaining_bytes),
            found_before_bytes: self.before.map(|round| round.remaining_bytes),
            busiest_bytes: self.busiest_bytes,
            next_bytes: self.next_bytes(sample, fastest),
            cause,
            slowdown: self.slowdown,
            until_deadline: self.deadline.map(|after| after.saturating_sub(elapsed)),
        }
    }

    /// The remaining memory that the sync at the end of this round will find, by KVM's counters.
    fn next_bytes(&self, sample: &Sample, bytes_per_s: u64) -> Option<u64> {
        let left = span_of(sample.remaining_bytes, bytes_per_s);
        self.writes.next_sync_bytes(sample.at.after(left))
    }

    /// The bounds as they may be shown: neither rises.
    fn bounded(&mut self, estimate: Option<Remaining>) -> Option<Remaining> {
        let estimate = estimate?;
        if self.bounds.is_none() || estimate.most.is_zero() {
            self.latest = [estimate.most; AGREEING];
        }
        self.latest.rotate_left(1);
        self.latest[AGREEING - 1] = estimate.most;
        let agreed = self.latest.iter().copied().max().unwrap_or(estimate.most);
        let known = self.bounds.unwrap_or(Remaining {
            least: estimate.least,
            most: agreed,
        });
        let most = known.most.min(agreed);
        let bounds = Remaining {
            least: known.least.min(estimate.least).min(most),
            most,
        };
        self.bounds = Some(bounds);
        (estimate.least <= most).then_some(bounds)
    }

    /// The percentage: the share of the expected time that has passed.
    fn advance(&mut self, sample: &Sample, expected: Option<Duration>) {
        let (Some(began), Some(expected)) = (self.began, expected) else {
            return;
        };
        let passed = u64::try_from(sample.at.since(began).as_millis()).unwrap_or(u64::MAX);
        let coming = u64::try_from(expected.as_millis()).unwrap_or(u64::MAX);
        let done = scale(passed, 10_000, passed.saturating_add(coming));
        self.shown.done_hundredths = self.shown.done_hundredths.max(done.min(MOST_HUNDREDTHS));
    }

    /// What a sync on demand would find, by KVM's counters, or what the last one has found, over the bandwidth.
    fn pause_now(&self, sample: &Sample) -> Option<Duration> {
        let counted = self.writes.sync_on_demand_bytes(sample.at);
        let found = self.round.map(|round| round.remaining_bytes);
        let bytes = counted.or(found)?;
        (sample.state == JobState::Precopy && self.shown.bytes_per_s > 0)
            .then(|| span_of(bytes, self.shown.bytes_per_s))
    }

    fn dirty_bytes_per_s(&self) -> Option<u64> {
        let found = self.round.filter(|round| round.duration > Duration::ZERO);
        self.writes
            .peak_bytes_per_s()
            .or_else(|| found.map(|round| round.unique_dirty_bytes_per_s()))
    }
}

#[cfg(test)]
mod tests;
