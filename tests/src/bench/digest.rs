//! The content of a run's trace.

use anyhow::Result;
use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_plugin::trace::{EventRecord, Record, SampleRecord, Totals, Versions, read};

/// Figures of a trace. Times are milliseconds since the job began, but for the spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Digest {
    /// The versions involved.
    pub(super) versions: Versions,
    /// The totals; none if the trace was cut short.
    pub(super) totals: Option<Totals>,
    /// How long the first round took.
    pub(super) round_one_ms: Option<u64>,
    /// When rounds ended.
    pub(super) syncs_ms: Vec<u64>,
    /// The last sample with the guest running on the source.
    pub(super) precopy_until_ms: Option<u64>,
    /// The first sample in post-copy.
    pub(super) postcopy_from_ms: Option<u64>,
    pub(super) rounds: u64,
    /// Bytes of memory sent, at the last sample.
    pub(super) sent_bytes: u64,
}

impl Digest {
    /// Reads a trace.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(trace: &[u8]) -> Result<Self> {
        let mut digest = Self::default();
        let mut began_ns = None;
        for record in read(trace) {
            match record?.1 {
                Record::Begin(begin) => digest.versions = begin.versions,
                Record::Sample(sample) => {
                    began_ns
                        .get_or_insert(sample.at_ns.saturating_sub(sample.elapsed_ms * 1_000_000));
                    digest.sample(&sample);
                }
                Record::Event { event, .. } => digest.event(&event, began_ns.unwrap_or(0)),
                Record::End(end) => digest.totals = Some(end.totals),
                _ => {}
            }
        }
        if let Some(totals) = &digest.totals {
            digest.sent_bytes = digest.sent_bytes.max(totals.sent_bytes);
        }
        Ok(digest)
    }

    /// The guest's work that auto-converge took, milliseconds; none if the trace was cut short.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a run of minutes"
    )]
    pub(super) fn throttled_ms(&self) -> Option<f64> {
        let totals = self.totals.as_ref()?;
        Some(totals.throttled_ms as f64)
    }

    fn sample(&mut self, sample: &SampleRecord) {
        match sample.state {
            JobState::Precopy => self.precopy_until_ms = Some(sample.elapsed_ms),
            JobState::Postcopy => {
                self.postcopy_from_ms.get_or_insert(sample.elapsed_ms);
            }
            _ => {}
        }
        self.rounds = self.rounds.max(sample.iteration);
        self.sent_bytes = self.sent_bytes.max(sample.processed_bytes);
    }

    fn event(&mut self, event: &EventRecord, began_ns: u64) {
        if let EventRecord::Round {
            sync_at_ns,
            duration_ns,
            ..
        } = event
        {
            self.round_one_ms.get_or_insert(duration_ns / 1_000_000);
            self.syncs_ms
                .push(sync_at_ns.saturating_sub(began_ns) / 1_000_000);
        }
    }
}
