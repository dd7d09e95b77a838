//! What the trace of an earlier migration tells of the next.

use std::time::Duration;

use libvirt_hpc_control::estimate::{
    Activity, Bandwidth, PhaseSpans, Phases, Prior, Round, Rounds, Writes,
};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

use super::curve::{self, Reading};
use super::number::scale;
use crate::trace::{Begin, ReadError, Record};

/// The spans for which the law's own curve is asked, where KVM's page faults were counted, ms.
const SPANS_MS: [u64; 11] = [
    100, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000,
];

/// A guest that does the same for so long is taken for steady: as long as `hpc-estimate` watches it by default.
const STEADY: Duration = Duration::from_secs(8);

/// A steady guest writes no less in a longer round than in a shorter, but for so much, per cent.
const LESS_PERCENT: u64 = 75;

/// Readings of then and now that differ by more than this factor are not of the same program.
const SAME: u64 = 2;

/// One earlier migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The domain's name.
    pub domain: String,
    /// The domain's UUID.
    pub uuid: String,
    /// The destination's URI; none if somebody else began the migration.
    pub destination: Option<String>,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// The bandwidth, bytes per second; none if a speed limit or nothing but zero pages was seen.
    pub bandwidth_bytes_per_s: Option<u64>,
    /// What the first round sent, bytes; none if it did not end.
    pub data_bytes: Option<u64>,
    /// What the guest wrote within some spans.
    pub readings: Vec<Reading>,
    /// The lengths of its phases, if one of each kind was seen to end.
    pub phases: Option<PhaseSpans>,
    /// For how long it was seen to write as a steady guest does, from the first sync on; none if it did not, or not for
    /// as long as `hpc-estimate` would have watched it.
    pub watched: Duration,
}

impl Earlier {
    /// Reads a trace to its end, or to where it cannot be read on: what came before counts.
    ///
    /// # Errors
    /// When it does not begin as a trace does.
    pub fn read(
        mut records: impl Iterator<Item = Result<(u64, Record), ReadError>>,
    ) -> Result<Self, ReadError> {
        let begin = match records.next() {
            Some(Ok((_, Record::Begin(begin)))) => begin,
            Some(Err(error)) => return Err(error),
            _ => return Err(ReadError::NoBegin { line: 1 }),
        };
        let mut reader = Reader::default();
        for record in records.map_while(Result::ok) {
            if let (_, Record::Sample(sample)) = &record {
                reader.take(&sample.into());
            }
        }
        Ok(reader.result(&begin))
    }

    /// What the law may know of the guest in its next migration.
    #[must_use]
    pub fn prior(&self) -> Prior {
        let points = curve::points(&self.readings, self.memory_bytes);
        Prior::new(points, self.phases, self.watched)
    }
}

#[derive(Debug, Default)]
struct Reader {
    memory_bytes: u64,
    rounds: Rounds,
    bandwidth: Bandwidth,
    activity: Activity,
    writes: Writes,
    last: Timestamp,
    ended: Vec<Round>,
}

impl Reader {
    fn take(&mut self, sample: &Sample) {
        if sample.state == JobState::Setup {
            // As the law does: the counter is read before memory flows, and the guest already works in its phases.
            self.activity.update(sample);
            self.writes.update(sample, None);
        }
        if sample.state != JobState::Precopy || sample.iteration == 0 {
            return;
        }
        self.last = sample.at;
        self.memory_bytes = sample.total_bytes;
        self.bandwidth.update(sample);
        let round = self.rounds.update(sample);
        self.activity.update(sample);
        self.writes.update(sample, round.as_ref());
        self.ended.extend(round);
    }

    fn result(self, begin: &Begin) -> Earlier {
        let (phases, watched) = (self.phases(), self.steady());
        let limited = begin.policy.speed_max_mib_per_s.is_some();
        let bandwidth = self.bandwidth.smooth();
        let first = self.ended.first().filter(|round| round.iteration == 2);
        // The newest rounds may have been quiet: what syncs found in busier ones counts as well.
        let counted = SPANS_MS.iter().filter_map(|ms| self.counted(*ms));
        let all: Vec<Reading> = counted.chain(self.ended.iter().filter_map(found)).collect();
        Earlier {
            domain: begin.domain.clone(),
            uuid: begin.uuid.clone(),
            destination: begin.destination.clone(),
            memory_bytes: self.memory_bytes,
            bandwidth_bytes_per_s: (bandwidth > 0 && !limited).then_some(bandwidth),
            data_bytes: first.map(|round| round.sent_bytes),
            readings: of_busy_guest(&all),
            phases,
            watched,
        }
    }

    /// The law's own curve.
    fn counted(&self, span_ms: u64) -> Option<Reading> {
        let span = Duration::from_millis(span_ms);
        let written_bytes = self.writes.written_within_bytes(span)?;
        Some(Reading {
            span,
            written_bytes,
            sampled: false,
        })
    }

    /// By vCPU time, or else by writes, as for the law.
    fn seen_phases(&self) -> Option<Phases> {
        self.activity.phases().or_else(|| self.writes.phases())
    }

    /// For how long it was steady. What it writes shows from the first sync on; a guest that turned once has phases,
    /// although they were not seen whole.
    fn steady(&self) -> Duration {
        let first = self.ended.first().map_or(self.last, |round| round.at);
        let watched = self.last.since(first);
        let found: Vec<Reading> = self.ended.iter().filter_map(found).collect();
        let turned = self.seen_phases().is_some() || is_uneven(&found);
        if turned || watched < STEADY {
            return Duration::ZERO;
        }
        watched
    }

    fn phases(&self) -> Option<PhaseSpans> {
        let phases = self.seen_phases()?;
        Some(PhaseSpans {
            busy: phases.busy_span?,
            quiet: phases.idle_span?,
        })
    }
}

/// The readings in which the guest was not quiet, by their spans: none wrote much more per time in a longer one.
fn of_busy_guest(readings: &[Reading]) -> Vec<Reading> {
    let was_quiet = |reading: &Reading| {
        let longer = readings.iter().filter(|longer| longer.span > reading.span);
        longer
            .map(rate)
            .any(|most| most > rate(reading).saturating_mul(SAME.into()))
    };
    let mut busy: Vec<Reading> = readings
        .iter()
        .filter(|one| !was_quiet(one))
        .copied()
        .collect();
    busy.sort_by_key(|reading| reading.span);
    busy
}

/// Bytes a second.
fn rate(reading: &Reading) -> u128 {
    u128::from(reading.written_bytes) * 1_000_000_000 / reading.span.as_nanos().max(1)
}

/// Whether a longer round found less than a shorter.
fn is_uneven(found: &[Reading]) -> bool {
    let less = |longer: &Reading, shorter: &Reading| {
        let most = shorter.written_bytes.saturating_mul(LESS_PERCENT) / 100;
        longer.span >= shorter.span && longer.written_bytes < most
    };
    let has_more = |longer| found.iter().any(|shorter| less(longer, shorter));
    found.iter().any(has_more)
}

/// What was written since the sync before. A page that had not been sent and was written is pending once: the memory
/// not sent is taken to be written as the rest is (as in [`super::precopy`]), which tells nothing if most was not sent.
fn found(round: &Round) -> Option<Reading> {
    let pending_before = round.done_bytes.saturating_add(round.unsent_bytes);
    let is_most_done = round.unsent_bytes <= round.done_bytes;
    (round.syncs == 1 && !round.duration.is_zero() && is_most_done).then(|| {
        let newly_pending = round.remaining_bytes.saturating_sub(round.unsent_bytes);
        let written = scale(newly_pending, pending_before.max(1), round.done_bytes);
        Reading {
            span: round.duration,
            written_bytes: written.min(round.remaining_bytes),
            sampled: false,
        }
    })
}

/// The readings of now, and those of an earlier migration for the spans that none of them has, if the guest writes as it
/// did then. Whether it does shows where the two meet.
#[must_use]
pub fn joined(now: &[Reading], then: &[Reading]) -> Vec<Reading> {
    let (Some(shortest), Some(longest)) = (
        now.iter().min_by_key(|reading| reading.span),
        now.iter().max_by_key(|reading| reading.span),
    ) else {
        return then.to_vec();
    };
    // Within a longer span no less is written, and no more per time.
    let fits = |earlier: &Reading, present: &Reading| {
        let (shorter, longer) = if earlier.span < present.span {
            (earlier, present)
        } else {
            (present, earlier)
        };
        shorter.written_bytes <= longer.written_bytes.saturating_mul(SAME)
            && rate(longer) <= rate(shorter).saturating_mul(SAME.into())
    };
    let is_same = then
        .iter()
        .all(|earlier| fits(earlier, shortest) && fits(earlier, longest));
    let beyond = |reading: &&Reading| reading.span < shortest.span || reading.span > longest.span;
    let more = then.iter().filter(|_| is_same).filter(beyond);
    now.iter().chain(more).copied().collect()
}

#[cfg(test)]
mod tests;
