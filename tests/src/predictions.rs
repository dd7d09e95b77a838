//! What KVM's page faults tell of the next sync, beside what it found.

use std::time::Duration;

use libvirt_hpc_control::estimate::{Rounds, Trust, Writes};
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::time::Timestamp;

/// How long before a sync its prediction is made.
const BEFORE: Duration = Duration::from_millis(100);

/// Shorter rounds have few samples to predict from: the counter is read every 100 ms.
pub const FEW_POLLS: Duration = Duration::from_millis(500);

/// A sync: when, and what it found, bytes.
pub type Sync = (Timestamp, u64);

/// A sync, and its prediction.
#[derive(Clone, Copy, Debug)]
pub struct Prediction {
    /// Duration of the round that it ended.
    pub round: Duration,
    /// What it found.
    pub found_bytes: u64,
    /// What was expected; none if nothing was.
    pub expected_bytes: Option<u64>,
}

impl Prediction {
    /// Whether it was right within so many per cent.
    #[must_use]
    pub fn is_within_percent(&self, percent: u64) -> bool {
        self.expected_bytes.is_some_and(|expected| {
            expected.abs_diff(self.found_bytes) * 100 <= self.found_bytes * percent
        })
    }
}

/// The predictions, from the samples of one migration, of each of its `syncs` that has a sample long enough before it in its
/// round, and the trust in the counter at the end. The first of `syncs` begins the first round.
#[must_use]
pub fn predictions(samples: &[Sample], syncs: &[Sync]) -> (Vec<Prediction>, Trust) {
    let (mut rounds, mut writes, mut predictions) = (Rounds::default(), Writes::default(), vec![]);
    for pair in samples.windows(2) {
        let (sample, next) = (&pair[0], &pair[1]);
        writes.update(sample, rounds.update(sample).as_ref());
        let due = |at: &Timestamp| {
            let made = at.before(BEFORE);
            sample.at <= made && made < next.at
        };
        let sync = syncs.windows(2).find(|pair| due(&pair[1].0));
        if let Some([begin, (at, found_bytes)]) = sync
            && sample.at.since(begin.0) >= BEFORE
        {
            predictions.push(Prediction {
                round: at.since(begin.0),
                found_bytes: *found_bytes,
                expected_bytes: writes.next_sync_bytes(*at),
            });
        }
    }
    (predictions, writes.trust())
}
