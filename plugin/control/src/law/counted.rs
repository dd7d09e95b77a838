//! For tests: a guest whose writes are counted.

use crate::estimate::{Round, Writes};
use crate::sample::{Faults, JobState, Sample};
use crate::time::Timestamp;

/// The writes that a law is shown.
pub(super) struct Counted {
    writes: Writes,
    iteration: u64,
    sync_ms: u64,
    /// Pages counted by the last sync.
    pages: u64,
}

impl Counted {
    /// Memory begins to flow.
    pub(super) fn new() -> Self {
        let mut counted = Self {
            writes: Writes::default(),
            iteration: 1,
            sync_ms: 100,
            pages: 0,
        };
        counted.poll(0, Some(0), None);
        counted
    }

    /// The estimate `age_ms` after the last sync, with so many bytes written by then, if the counter was read.
    pub(super) fn at(&mut self, age_ms: u64, written_bytes: Option<u64>) -> Writes {
        self.poll(age_ms, written_bytes, None);
        self.writes
    }

    /// The estimate after a round of a guest whose writes, so long after its beginning in ms, are given.
    pub(super) fn round(&mut self, round_ms: u64, written: impl Fn(u64) -> u64) -> Writes {
        (100..round_ms).step_by(100).for_each(|age_ms| {
            self.poll(age_ms, Some(written(age_ms)), None);
        });
        let found_bytes = written(round_ms);
        self.iteration += 1;
        self.sync_ms += round_ms;
        self.pages += found_bytes / Faults::PAGE_BYTES;
        let round = Round {
            iteration: self.iteration,
            syncs: 1,
            at: self.now(0),
            remaining_bytes: found_bytes,
            ..Round::default()
        };
        self.poll(0, None, Some(&round));
        self.writes
    }

    /// So long after the last sync.
    pub(super) fn now(&self, age_ms: u64) -> Timestamp {
        Timestamp::from_nanos((self.sync_ms + age_ms) * 1_000_000)
    }

    fn poll(&mut self, age_ms: u64, written_bytes: Option<u64>, round: Option<&Round>) {
        let at = self.now(age_ms);
        let sample = Sample {
            at,
            state: JobState::Precopy,
            iteration: self.iteration,
            sync_at: Some(self.now(0)),
            total_bytes: 1 << 40,
            faults: written_bytes.map(|bytes| Faults {
                at,
                pages: self.pages + bytes / Faults::PAGE_BYTES,
            }),
            ..Sample::default()
        };
        self.writes.update(&sample, round);
    }
}
