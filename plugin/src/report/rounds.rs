//! The rounds of a migration: what each iteration of pre-copy sent, and what its sync found.

use std::time::Duration;

use libvirt_hpc_control::estimate::{Round, Rounds};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;
use serde::Serialize;

use super::kept::Kept;
use super::rate::per_second;

/// One round that has ended with a sync, or the last one, which has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct OneRound {
    /// The iteration, from 1; the first of several, if syncs between them were missed.
    pub(super) round: u64,
    /// The last of several.
    pub(super) to_round: u64,
    /// Milliseconds since memory flowed.
    pub(super) start_ms: u64,
    pub(super) length_ms: u64,
    pub(super) sent_bytes: u64,
    /// What its sync found; none if it ended without one.
    pub(super) remaining_bytes: Option<u64>,
    pub(super) bandwidth_bytes_per_s: Option<u64>,
    /// Distinct bytes that the guest wrote, per second: those that the sync found, without those that were pending all the
    /// time.
    pub(super) dirty_rate_bytes_per_s: Option<u64>,
    /// The downtime limit in force at its end; none if it was not read.
    pub(super) limit_ms: Option<u64>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct RoundTable {
    rounds: Kept<OneRound>,
    limit_ms: Option<u64>,
    /// When memory flowed.
    from: Option<Timestamp>,
    /// Where the present round began, and its iteration.
    present: Option<(Timestamp, u64)>,
}

impl RoundTable {
    /// Of a migration whose downtime limit was `limit_ms` before.
    pub(super) fn new(limit_ms: Option<u64>) -> Self {
        Self {
            limit_ms,
            ..Self::default()
        }
    }

    /// A downtime limit was set.
    pub(super) fn set(&mut self, limit_ms: Option<u32>) {
        self.limit_ms = limit_ms.map(u64::from).or(self.limit_ms);
    }

    pub(super) const fn rounds(&self) -> &Kept<OneRound> {
        &self.rounds
    }

    /// Takes in the next sample, and the round that has ended by it, if one has.
    pub(super) fn take(&mut self, sample: &Sample, ended: Option<&Round>) {
        // Read together with the sample, and so what was in force until now.
        self.limit_ms = sample
            .settings
            .map_or(self.limit_ms, |settings| Some(settings.downtime_ms));
        if sample.state == JobState::Precopy && sample.iteration > 0 {
            self.from.get_or_insert(sample.at);
            self.present.get_or_insert((sample.at, sample.iteration));
        }
        let Some((from, ended)) = self.from.zip(ended) else {
            return;
        };
        let start = ended.at.before(ended.duration);
        let to_round = ended.iteration.saturating_sub(1);
        let written = ended.remaining_bytes.saturating_sub(ended.unsent_bytes);
        self.rounds.push(OneRound {
            round: ended.iteration.saturating_sub(ended.syncs),
            to_round,
            start_ms: ms(start.since(from)),
            length_ms: ms(ended.duration),
            sent_bytes: ended.sent_bytes,
            remaining_bytes: Some(ended.remaining_bytes),
            bandwidth_bytes_per_s: rate(ended.sent_bytes, ended.duration),
            dirty_rate_bytes_per_s: rate(written, ended.duration),
            limit_ms: self.limit_ms,
        });
        self.present = Some((ended.at, ended.iteration));
    }

    /// Pre-copy ends with the sample `last`, in the midst of a round.
    pub(super) fn end(&mut self, last: &Sample, rounds: &Rounds) {
        let Some((from, (start, round))) = self.from.zip(self.present) else {
            return;
        };
        let (length, sent_bytes) = (last.at.since(start), rounds.so_far(last).bytes);
        if length.is_zero() {
            return;
        }
        self.rounds.push(OneRound {
            round,
            to_round: round,
            start_ms: ms(start.since(from)),
            length_ms: ms(length),
            sent_bytes,
            remaining_bytes: None,
            bandwidth_bytes_per_s: rate(sent_bytes, length),
            dirty_rate_bytes_per_s: None,
            limit_ms: self.limit_ms,
        });
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn rate(bytes: u64, span: Duration) -> Option<u64> {
    per_second(bytes, u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
}
