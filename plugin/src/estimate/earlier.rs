//! What the trace of an earlier migration tells of the next.

use std::time::Duration;

use libvirt_hpc_control::estimate::{
    Activity, Bandwidth, PhaseSpans, Phases, Prior, Round, Rounds, Writes,
};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::time::Timestamp;

use super::curve::{self, Reading};
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

    use libvirt_hpc_control::estimate::{CheckedPrior, Trust};

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

    fn names() -> Vec<String> {
        let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
        let files = std::fs::read_dir(traces).expect("traces");
        let names = files.map(|file| file.expect("a file").file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".trace"))
            .collect()
    }

    /// The rounds of a migration, as the law sees them.
    fn rounds(name: &str) -> Vec<Round> {
        let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
        let text = std::fs::read(traces.join(name)).expect(name);
        let mut reader = Reader::default();
        for record in trace::read(text.as_slice()).map_while(Result::ok) {
            if let (_, Record::Sample(sample)) = &record {
                reader.take(&sample.into());
            }
        }
        reader.ended
    }

    #[test]
    fn no_migration_is_refuted_by_its_own_trace() {
        let names = names();
        assert!(names.len() > 40, "{names:?}");
        for name in names {
            let mut checked = CheckedPrior::new(committed(&name).prior());
            for round in rounds(&name) {
                checked.update(round.at, Some(&round));
            }
            assert_ne!(checked.trust(), Trust::Refuted, "{name}");
        }
    }

    #[test]
    fn only_a_guest_that_was_watched_long_enough_and_did_not_turn_is_steady() {
        let watched = |name: &str| committed(&format!("{name}.trace")).prior().watched();
        // Too short, seen to turn, and with unequal rounds.
        for name in [
            "kvm-spinning-law-10",
            "kvm-flat-law-10",
            "kvm-waiting-law-30",
            "kvm-waiting-stock",
            "phases-500-law-10",
            "phases-stock",
        ] {
            assert_eq!(watched(name), Duration::ZERO, "{name}");
        }
    }

    #[test]
    fn a_guest_that_did_the_same_for_as_long_as_a_survey_is_steady() {
        let steady_s = |until_s: u64, found_mib: [u64; 3]| {
            let second = |s: u64| Timestamp::from_nanos(s * 1_000_000_000);
            let round = |(number, mib): (u64, u64)| Round {
                syncs: 1,
                at: second(10 + number),
                duration: Duration::from_millis(1000 + number),
                remaining_bytes: mib * MIB,
                ..Round::default()
            };
            let reader = Reader {
                ended: (0..).zip(found_mib).map(round).collect(),
                last: second(until_s),
                ..Reader::default()
            };
            reader.steady().as_secs()
        };
        assert_eq!(steady_s(18, [100, 100, 76]), 8);
        assert_eq!(steady_s(17, [100, 100, 100]), 0, "too short");
        assert_eq!(steady_s(18, [100, 100, 74]), 0, "it turned");
        assert_eq!(steady_s(18, [10, 100, 100]), 8, "W may rise");
    }

    #[test]
    fn a_round_in_a_quiet_phase_does_not_make_the_guest_one_that_writes_little() {
        for name in ["kvm-waiting-law-10", "kvm-spinning-stop-8", "phases-law-10"] {
            let prior = committed(&format!("{name}.trace")).prior();
            let within = |ms| {
                let span = Duration::from_millis(ms);
                let points = prior.written();
                points
                    .filter(|(at, _)| *at <= span)
                    .map(|(_, bytes)| bytes)
                    .last()
            };
            assert!(
                within(2000).is_some_and(|bytes| bytes > 90 * MIB),
                "{name}: {prior:?}"
            );
        }
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
