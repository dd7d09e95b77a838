//! The data of a trace about its guest: rounds, and processor time.

use libvirt_hpc_control::estimate::Rounds;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_plugin::trace::Record;

use super::super::guest::PAGE_BYTES;
use super::super::qemu::Qemu;

/// A round that ended in a sync.
#[derive(Clone, Copy, Debug)]
pub struct RoundSeen {
    /// When it began, seconds of the job.
    pub from_s: f64,
    /// When it ended, seconds of the job.
    pub to_s: f64,
    /// Bytes it did not get to send.
    pub unsent_bytes: f64,
    /// Bytes that the sync at its end found: those, and the writes meanwhile.
    pub found_bytes: f64,
}

/// The data of a trace about its guest.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its memory, bytes.
    pub total_bytes: u64,
    /// Memory that was sent as data in the first round, bytes.
    pub data_bytes: u64,
    /// Its rounds, including the one that the switchover ended.
    pub rounds: Vec<RoundSeen>,
    /// Seconds of the job, and processor time used by then, seconds.
    pub marks: Vec<(f64, f64)>,
}

/// Reads `records`; none without a whole round.
#[must_use]
pub fn see(records: &[Record]) -> Option<Seen> {
    let samples: Vec<Sample> = while_it_runs(records);
    let first = samples.first()?;
    let job_ns = first
        .at
        .as_nanos()
        .saturating_sub(first.elapsed_ms * 1_000_000);
    let seconds = |at_ns: u64| at_ns.saturating_sub(job_ns) as f64 / 1e9;
    let marks = samples.iter().filter_map(|sample| {
        let vcpu_time_ns = sample.vcpu_time_ns?;
        Some((seconds(sample.at.as_nanos()), vcpu_time_ns as f64 / 1e9))
    });
    let marks = marks.collect();
    let total_bytes = samples.last()?.total_bytes;
    let (mut tracker, mut rounds) = (Rounds::default(), Vec::new());
    let (mut begun_with, mut data_bytes) = (total_bytes, None);
    for sample in &samples {
        // The sync of the switchover shows as much as any.
        let sample = Sample {
            state: JobState::Precopy,
            ..*sample
        };
        let Some(round) = tracker.update(&sample) else {
            continue;
        };
        let to_s = seconds(round.at.as_nanos());
        let first = data_bytes.is_none();
        data_bytes.get_or_insert_with(|| data_of(round.sent_bytes, total_bytes));
        let sent = if first { begun_with } else { round.sent_bytes };
        rounds.push(RoundSeen {
            from_s: to_s - round.duration.as_secs_f64(),
            to_s,
            unsent_bytes: begun_with.saturating_sub(sent) as f64,
            found_bytes: round.remaining_bytes as f64,
        });
        begun_with = round.remaining_bytes;
    }
    Some(Seen {
        total_bytes,
        data_bytes: data_bytes?,
        rounds,
        marks,
    })
}

/// The samples from when memory flows until the guest stops; the first sample after that is the last.
fn while_it_runs(records: &[Record]) -> Vec<Sample> {
    let samples = records.iter().filter_map(|record| match record {
        Record::Sample(sample) => Some(Sample::from(sample)),
        _ => None,
    });
    let mut running = Vec::new();
    for sample in samples {
        let stopped = matches!(sample.state, JobState::Switchover);
        if stopped || sample.state == JobState::Precopy {
            running.push(sample);
        }
        if stopped {
            break;
        }
    }
    running
}

/// Bytes that were no zero pages, when all `total_bytes` were sent as `sent_bytes`.
fn data_of(sent_bytes: u64, total_bytes: u64) -> u64 {
    let qemu = Qemu::default();
    let zeros = qemu.wire_bytes(total_bytes, true);
    let more = PAGE_BYTES + qemu.page_header_bytes - qemu.zero_page_bytes;
    super::super::scale(sent_bytes.saturating_sub(zeros), PAGE_BYTES, more).min(total_bytes)
}
