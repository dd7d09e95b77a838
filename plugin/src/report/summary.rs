//! What a trace tells of its migration, taken in record by record.

use libvirt_hpc_control::estimate::{Rounds, Trust, Writes};
use libvirt_hpc_control::sample::{JobState, Sample};

use super::rate::{per_second, takes_ms};
use super::rounds::RoundTable;
use super::stock::{Evidence, Stock};
use super::timeline::Timeline;
use crate::plot::Picture;
use crate::replay::Recording;
use crate::trace::{Begin, End, EventRecord, NO_END, ReadError, Record};

/// Where XBZRLE begins to be anything to speak of, bytes.
pub(super) const MIB: u64 = 1 << 20;

/// Where the time of a record is known from: a trace has no wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedBy {
    /// The agent names its traces by when it begins them.
    FileName,
    /// The file was last written then: the end, unless it was copied.
    FileTime,
}

/// When it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// As ISO 8601, in UTC.
    pub at: String,
    /// Whence that is known.
    pub by: RecordedBy,
}

/// Why a trace tells less than a whole one.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It has no last record.
    #[error("line {line}: {NO_END}")]
    NoEnd {
        /// Its last line, from 1.
        line: u64,
    },
}

/// What counters tell of the guest's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counters {
    /// There were none.
    NotRead,
    /// KVM's count of page faults.
    Faults(Trust),
}

/// What was measured; what is not known is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) precopy_ms: Option<u64>,
    /// The pause that the last sync seen announced, milliseconds: what remained over the bandwidth.
    pub(super) pause_estimated_ms: Option<u64>,
    pub(super) rounds: u64,
    pub(super) memory_bytes: u64,
    pub(super) sent_bytes: u64,
    /// The mean of pre-copy, bytes per second.
    pub(super) bandwidth_bytes_per_s: Option<u64>,
    /// The highest that confirmed counters showed.
    pub(super) write_rate_bytes_per_s: Option<u64>,
    pub(super) working_set_bytes: Option<u64>,
}

/// One migration.
#[derive(Debug)]
pub struct Migration {
    /// The trace's name, as it was given.
    pub trace: String,
    /// When it was recorded, if that is known.
    pub recorded: Option<Recorded>,
    /// Why the trace tells less than a whole one, if it does.
    pub problem: Option<Problem>,
    pub(super) begin: Begin,
    pub(super) end: Option<End>,
    pub(super) numbers: Numbers,
    pub(super) counters: Counters,
    pub(super) stock: Stock,
    pub(super) rounds: RoundTable,
    pub(super) timeline: Timeline,
    pub(super) picture: Picture,
}

/// Takes in the records of the trace named `trace`. A problem after the first record leaves what was read before.
///
/// # Errors
/// When nothing can be read of it.
pub fn summarise(
    trace: String,
    recorded: Option<Recorded>,
    mut records: impl Iterator<Item = Result<(u64, Record), ReadError>>,
) -> Result<Migration, ReadError> {
    let begin = match records.next() {
        Some(Ok((_, Record::Begin(begin)))) => begin,
        Some(Err(error)) => return Err(error),
        _ => return Err(ReadError::NoBegin { line: 1 }),
    };
    let limit_ms = begin.settings_before.map(|before| before.downtime_ms);
    let mut reader = Reader {
        table: RoundTable::new(limit_ms),
        observes: begin.observe,
        ..Reader::default()
    };
    reader.picture.take(&Record::Begin(begin.clone()));
    let (mut problem, mut last) = (None, 1);
    for record in records {
        match record {
            Ok((line, record)) => {
                last = line;
                reader.take(&record);
            }
            Err(error) => problem = Some(Problem::Read(error)),
        }
    }
    if problem.is_none() && reader.end.is_none() {
        problem = Some(Problem::NoEnd { line: last });
    }
    if let Some((_, last)) = &reader.precopy {
        reader.table.end(last, &reader.rounds);
    }
    let evidence = reader.evidence();
    Ok(Migration {
        trace,
        recorded,
        problem,
        numbers: reader.numbers(),
        counters: reader.counters.unwrap_or(Counters::NotRead),
        stock: Stock::of(&begin, &reader.recording, evidence),
        begin: *begin,
        end: reader.end,
        rounds: reader.table,
        timeline: reader.timeline,
        picture: reader.picture,
    })
}

#[derive(Default)]
struct Reader {
    recording: Recording,
    picture: Picture,
    timeline: Timeline,
    end: Option<End>,
    numbers: Numbers,
    /// The first and the last sample while memory flowed and the guest ran.
    precopy: Option<(Sample, Sample)>,
    rounds: Rounds,
    table: RoundTable,
    /// Targets were not carried out.
    observes: bool,
    writes: Writes,
    counters: Option<Counters>,
    compressed: bool,
    set_speed: bool,
    least_pause_ms: Option<u64>,
}

impl Reader {
    fn take(&mut self, record: &Record) {
        self.recording.take(record);
        self.picture.take(record);
        self.timeline.take(record);
        match record {
            Record::Sample(sample) => self.sample(&sample.into()),
            Record::Event { event, .. } => self.event(event),
            Record::Outcome {
                target,
                error: None,
                ..
            } => {
                self.set_speed |= target.speed_mib_per_s.is_some();
                if !self.observes {
                    self.table.set(target.downtime_ms);
                }
            }
            Record::End(end) => self.end = Some(end.clone()),
            _ => {}
        }
    }

    fn sample(&mut self, sample: &Sample) {
        let numbers = &mut self.numbers;
        numbers.rounds = numbers.rounds.max(sample.iteration);
        numbers.memory_bytes = numbers.memory_bytes.max(sample.total_bytes);
        numbers.sent_bytes = numbers.sent_bytes.max(sample.processed_bytes);
        self.compressed |= sample.compression_cache_bytes > 0;
        if sample.faults.is_some() {
            self.counters
                .get_or_insert(Counters::Faults(Trust::Unconfirmed));
        }
        let round = self.rounds.update(sample);
        self.table.take(sample, round.as_ref());
        self.writes.update(sample, round.as_ref());
        if sample.state != JobState::Precopy || sample.iteration == 0 {
            return;
        }
        let (first, _) = self.precopy.unwrap_or((*sample, *sample));
        self.precopy = Some((first, *sample));
        // What the law did not trust is not told, even if it is found right in hindsight.
        if self.counters == Some(Counters::Faults(Trust::Confirmed)) {
            let (rate, set) = (
                self.writes.peak_bytes_per_s(),
                self.writes.working_set_bytes(),
            );
            numbers.write_rate_bytes_per_s = numbers.write_rate_bytes_per_s.max(rate);
            numbers.working_set_bytes = numbers.working_set_bytes.max(set);
        }
    }

    fn event(&mut self, event: &EventRecord) {
        match event {
            EventRecord::Round {
                remaining_bytes,
                duration_ns,
                sent_bytes,
                ..
            } => {
                let window = self.precopy.map_or(0, |(_, last)| last.window_bytes_per_s);
                let bytes_per_s = match per_second(*sent_bytes, *duration_ns) {
                    Some(0) | None => window,
                    Some(measured) => measured,
                };
                let pause_ms = takes_ms(*remaining_bytes, bytes_per_s);
                self.numbers.pause_estimated_ms = pause_ms;
                let least_ms = self.least_pause_ms.into_iter().chain(pause_ms).min();
                self.least_pause_ms = least_ms;
            }
            EventRecord::Counter { trust } => {
                self.counters = Some(Counters::Faults(*trust));
                if *trust == Trust::Refuted {
                    self.numbers.write_rate_bytes_per_s = None;
                    self.numbers.working_set_bytes = None;
                }
            }
            _ => {}
        }
    }

    fn evidence(&self) -> Evidence {
        let by_qemu = self
            .end
            .as_ref()
            .map(|end| end.totals.differences_memory_bytes >= MIB);
        Evidence {
            compressed: by_qemu.unwrap_or(self.compressed),
            set_speed: self.set_speed,
            least_pause_ms: self.least_pause_ms,
        }
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = self.numbers;
        if let Some(End { totals, .. }) = &self.end {
            numbers.rounds = numbers.rounds.max(totals.iterations);
            numbers.sent_bytes = numbers.sent_bytes.max(totals.sent_bytes);
        }
        if let Some((first, last)) = &self.precopy {
            let nanos = u64::try_from(last.at.since(first.at).as_nanos()).unwrap_or(u64::MAX);
            let sent = last.processed_bytes.saturating_sub(first.processed_bytes);
            numbers.precopy_ms = Some(nanos / 1_000_000);
            numbers.bandwidth_bytes_per_s = per_second(sent, nanos).filter(|rate| *rate > 0);
        }
        numbers
    }
}
