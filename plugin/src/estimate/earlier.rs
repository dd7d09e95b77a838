//! What the trace of an earlier migration tells of the next.

use std::time::Duration;

use libvirt_hpc_control::estimate::{
    Activity, Bandwidth, PhaseSpans, Prior, Round, Rounds, Writes,
};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

use super::curve::{self, Reading};
use crate::trace::{Begin, ReadError, Record};

/// The spans for which the law's own curve is asked, where KVM's page faults were counted, ms.
const SPANS_MS: [u64; 11] = [
    100, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000,
];

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
    /// For how long memory flowed.
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
    begun: Option<Timestamp>,
    last: Timestamp,
    ended: Vec<Round>,
}

impl Reader {
    fn take(&mut self, sample: &Sample) {
        if sample.state != JobState::Precopy || sample.iteration == 0 {
            return;
        }
        self.begun.get_or_insert(sample.at);
        self.last = sample.at;
        self.memory_bytes = sample.total_bytes;
        self.bandwidth.update(sample);
        let round = self.rounds.update(sample);
        self.activity.update(sample);
        self.writes.update(sample, round.as_ref());
        self.ended.extend(round);
    }

    fn result(self, begin: &Begin) -> Earlier {
        let phases = self.phases();
        let watched = self
            .begun
            .map_or(Duration::ZERO, |begun| self.last.since(begun));
        let limited = begin.policy.speed_max_mib_per_s.is_some();
        let bandwidth = self.bandwidth.smooth();
        let first = self.ended.first().filter(|round| round.iteration == 2);
        let counted: Vec<Reading> = SPANS_MS
            .iter()
            .filter_map(|ms| {
                let span = Duration::from_millis(*ms);
                let written_bytes = self.writes.written_within_bytes(span)?;
                Some(Reading {
                    span,
                    written_bytes,
                    sampled: false,
                })
            })
            .collect();
        let readings = if counted.is_empty() {
            self.ended.iter().filter_map(found).collect()
        } else {
            counted
        };
        Earlier {
            domain: begin.domain.clone(),
            uuid: begin.uuid.clone(),
            destination: begin.destination.clone(),
            memory_bytes: self.memory_bytes,
            bandwidth_bytes_per_s: (bandwidth > 0 && !limited).then_some(bandwidth),
            data_bytes: first.map(|round| round.sent_bytes),
            readings,
            phases,
            watched,
        }
    }

    /// By vCPU time, or else by writes, as for the law.
    fn phases(&self) -> Option<PhaseSpans> {
        let phases = self.activity.phases().or_else(|| self.writes.phases())?;
        Some(PhaseSpans {
            busy: phases.busy_span?,
            quiet: phases.idle_span?,
        })
    }
}

/// What a sync found was written since the one before, but for what had not been sent.
fn found(round: &Round) -> Option<Reading> {
    (round.syncs == 1 && !round.duration.is_zero()).then(|| Reading {
        span: round.duration,
        written_bytes: round.remaining_bytes.saturating_sub(round.unsent_bytes),
        sampled: false,
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
    let rate = |reading: &Reading| {
        u128::from(reading.written_bytes) * 1_000_000_000 / reading.span.as_nanos().max(1)
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
mod tests {
    use std::path::Path;

    use super::*;
    use crate::trace;

    const MIB: u64 = 1 << 20;

    fn reading(ms: u64, mib: u64) -> Reading {
        Reading {
            span: Duration::from_millis(ms),
            written_bytes: mib * MIB,
            sampled: true,
        }
    }

    fn committed(name: &str) -> Earlier {
        let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
        let text = std::fs::read(traces.join(name)).expect(name);
        Earlier::read(trace::read(text.as_slice())).expect(name)
    }

    #[test]
    fn a_trace_tells_the_link_the_data_and_what_was_written() {
        let earlier = committed("flat-law-10.trace");
        let bandwidth = earlier.bandwidth_bytes_per_s.expect("a bandwidth");
        assert!(
            (100_000_000..130_000_000).contains(&bandwidth),
            "{earlier:?}"
        );
        let data = earlier.data_bytes.expect("a round");
        assert!(data > 0 && data <= earlier.memory_bytes);
        assert!(
            earlier
                .readings
                .iter()
                .any(|reading| reading.written_bytes > 0)
        );
    }

    #[test]
    fn what_is_no_trace_is_an_error_and_a_cut_one_counts_as_far_as_it_goes() {
        assert!(Earlier::read(trace::read(&b"no trace\n"[..])).is_err());
        assert!(Earlier::read(trace::read(&b""[..])).is_err());
        let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
        let text = std::fs::read(traces.join("flat-law-10.trace")).expect("a trace");
        let cut = Earlier::read(trace::read(&text[..text.len() / 2])).expect("a part");
        assert!(cut.memory_bytes > 0);
    }

    #[test]
    fn earlier_readings_lengthen_those_of_now_if_the_guest_writes_as_then() {
        let now = [reading(1000, 600), reading(4000, 600)];
        let then = [reading(100, 500), reading(2000, 600), reading(60_000, 700)];
        let expected = [now[0], now[1], then[0], then[2]];
        assert_eq!(joined(&now, &then), expected);
        let another = [reading(100, 500), reading(60_000, 5000)];
        assert_eq!(
            joined(&now, &another),
            [now[0], now[1], another[0], another[1]]
        );
        let less = [reading(60_000, 100)];
        assert_eq!(joined(&now, &less), now);
        let more = [reading(100, 5000)];
        assert_eq!(joined(&now, &more), now);
        assert_eq!(joined(&[], &then), then);
        assert_eq!(joined(&now, &[]), now);
    }
}
