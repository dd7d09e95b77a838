//! The samples of a trace, and what they tell of any moment between two syncs.

use std::time::Duration;

use libvirt_hpc_control::estimate::{Round, Rounds};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

use crate::trace::{Begin, ReadError, Record};

/// The first record, which says what was recorded.
pub(super) fn begin(
    records: &mut impl Iterator<Item = Result<(u64, Record), ReadError>>,
) -> Result<Begin, ReadError> {
    match records.next() {
        Some(Ok((_, Record::Begin(begin)))) => Ok(*begin),
        Some(Err(error)) => Err(error),
        _ => Err(ReadError::NoBegin { line: 1 }),
    }
}

/// The samples until the guest stopped.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The samples before memory flowed, which show the guest's phases as they will be.
    pub(super) before: Vec<Sample>,
    /// Those while it flowed, each with the round that ended before it.
    pub(super) samples: Vec<(Sample, Option<Round>)>,
    /// Which of those have one.
    ended: Vec<usize>,
    rounds: Rounds,
    /// The first and the last sample after the guest stopped.
    stop: Option<(Sample, Sample)>,
    moved: bool,
    aborted: bool,
}

impl Recording {
    /// Reads the rest of a trace.
    pub(super) fn read(
        records: impl Iterator<Item = Result<(u64, Record), ReadError>>,
    ) -> Result<Self, ReadError> {
        let mut recording = Self::default();
        for record in records {
            recording.take(&record?.1);
        }
        Ok(recording)
    }

    /// Takes in the next record. What follows the user's abort, if there was one, does not count.
    pub fn take(&mut self, record: &Record) {
        match record {
            _ if self.aborted => {}
            Record::Sample(record) => self.sample(record.into()),
            Record::Abort { .. } => self.aborted = true,
            Record::End(end) => self.moved = end.moved,
            _ => {}
        }
    }

    /// Whether no memory flowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    fn sample(&mut self, sample: Sample) {
        match sample.state {
            JobState::Precopy if sample.iteration > 0 => {
                let round = self.rounds.update(&sample);
                self.ended.extend(round.map(|_| self.samples.len()));
                self.samples.push((sample, round));
            }
            JobState::Setup | JobState::Precopy => self.before.push(sample),
            JobState::Switchover | JobState::Ended => {
                let (first, _) = self.stop.unwrap_or((sample, sample));
                self.stop = Some((first, sample));
            }
            JobState::Postcopy => {}
        }
    }

    /// The first and the last sample after the guest stopped, if it was moved: what the stop sent.
    fn stop(&self) -> Option<(Sample, Sample)> {
        self.stop.filter(|_| self.moved)
    }

    /// When memory began to flow.
    pub(super) fn start(&self) -> Timestamp {
        let first = self.samples.first();
        first.map_or_else(Timestamp::default, |(sample, _)| sample.at)
    }

    /// How long the first round took, if it ended.
    pub(super) fn round_one(&self) -> Option<Duration> {
        let (_, end) = self.samples.get(*self.ended.first()?)?;
        let end = end.as_ref()?;
        Some(end.at.since(self.start()))
    }

    /// What QEMU would have found remaining at the sample `index`, had it synced then, bytes: what it believed, and
    /// what was written since the last sync. That is reckoned with the rate of the round that was under way; where the
    /// record ends in it, with what the stop sent, or with the rate of the round before.
    pub(super) fn remaining_bytes(&self, index: usize) -> u64 {
        let Some((sample, round)) = self.samples.get(index) else {
            return 0;
        };
        if let Some(round) = round {
            return round.remaining_bytes;
        }
        // By search, not in turn: this is asked of every sample, and the first round of a large guest has very many.
        let past = self.ended.partition_point(|&ended| ended <= index);
        let round = |which: Option<&usize>| self.samples.get(*which?)?.1.as_ref();
        let before = round(past.checked_sub(1).and_then(|last| self.ended.get(last)));
        let under_way = round(self.ended.get(past));
        let sync = before.map_or_else(|| self.start(), |round| round.at);
        let rate = under_way
            .map(Round::unique_dirty_bytes_per_s)
            .or_else(|| self.last_rate(sync))
            .or_else(|| before.map(Round::unique_dirty_bytes_per_s));
        let written = per_second_in(rate.unwrap_or(0), sample.at.since(sync));
        sample.remaining_bytes.saturating_add(written)
    }

    /// Whether the recorded migration ended where a limit of `limit_ms` would have ended it, too: by what remained
    /// and what QEMU measured then.
    pub(super) fn ended_within(&self, limit_ms: u64) -> bool {
        self.stop().is_some_and(|(first, _)| {
            let remaining = match first.remaining_bytes {
                0 => self.sent_by_the_stop().unwrap_or(u64::MAX),
                remaining => remaining,
            };
            let threshold = u128::from(first.window_bytes_per_s) * u128::from(limit_ms) / 1000;
            u128::from(remaining) <= threshold
        })
    }

    /// What was sent after the last sample.
    fn sent_by_the_stop(&self) -> Option<u64> {
        let (last, _) = self.samples.last()?;
        let (_, end) = self.stop()?;
        end.processed_bytes.checked_sub(last.processed_bytes)
    }

    /// How fast the guest wrote from the last sync on, bytes per second: what the stop sent that QEMU had not
    /// believed to remain.
    fn last_rate(&self, sync: Timestamp) -> Option<u64> {
        let (last, _) = self.samples.last()?;
        let sent = self.sent_by_the_stop()?;
        let written = u128::from(sent.saturating_sub(last.remaining_bytes));
        let nanos = last.at.since(sync).as_nanos().max(1);
        u64::try_from(written * 1_000_000_000 / nanos).ok()
    }
}

fn per_second_in(bytes_per_s: u64, span: Duration) -> u64 {
    let bytes = u128::from(bytes_per_s) * span.as_nanos() / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(poll: u64, iteration: u64) -> Sample {
        Sample {
            at: Timestamp::from_nanos(poll * 100_000_000),
            state: JobState::Precopy,
            iteration,
            elapsed_ms: poll * 100,
            processed_bytes: poll * 1_000_000 * iteration,
            remaining_bytes: 1_000,
            ..Sample::default()
        }
    }

    /// Half a day of a first round, which a guest of some TiB takes on a link of 1 Gbit/s: were the samples gone through for
    /// each of them, this would take hours.
    #[test]
    fn a_long_round_is_read_in_one_go() {
        const POLLS: u64 = 400_000;
        let mut recording = Recording::default();
        for poll in 0..POLLS {
            recording.sample(sample(poll, 1));
        }
        let most = (0..recording.samples.len()).map(|index| recording.remaining_bytes(index));
        assert_eq!(most.max(), Some(1_000));
        assert_eq!(recording.round_one(), None);
    }

    #[test]
    fn what_remains_is_by_the_round_under_way_or_else_by_the_one_before() {
        let mut recording = Recording::default();
        for poll in 0..30 {
            recording.sample(sample(poll, 1 + poll / 10));
        }
        assert_eq!(recording.ended, [10, 20]);
        let written = |index: usize| recording.remaining_bytes(index) - 1_000;
        let round = |index: usize| recording.samples[index].1.expect("a round");
        let (first, second) = (round(10), round(20));
        let by = |rate: u64, index: usize, since: Timestamp| {
            per_second_in(rate, recording.samples[index].0.at.since(since))
        };
        let (slow, fast) = (
            first.unique_dirty_bytes_per_s(),
            second.unique_dirty_bytes_per_s(),
        );
        assert_eq!(written(5), by(slow, 5, recording.start()));
        assert_eq!(written(15), by(fast, 15, first.at));
        assert_eq!(written(25), by(fast, 25, second.at));
        assert_eq!(recording.remaining_bytes(10), first.remaining_bytes);
        assert_eq!(recording.remaining_bytes(30), 0);
    }
}
