//! What hears of the control loop in the agent: the recorder, the log, the metrics, and `hpc-status`.

use std::error::Error;
use std::sync::Arc;

use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;

use super::handle::MigrationHandle;
use crate::agent::api::{Control, MigrationStatus};
use crate::agent::metrics::CountedMigration;
use crate::drive::Observer;
use crate::in_words;
use crate::migration::recorder::{Messages, Recorder};
use crate::trace::SettingsRecord;

/// The log, of one domain.
#[derive(Clone, Debug)]
pub(crate) struct LogMessages(pub String);

impl Messages for LogMessages {
    fn warn(&mut self, text: &str) {
        log::warn!("{}: {text}", self.0);
    }

    fn how_to_abort(&self) -> &'static str {
        "virsh domjobabort aborts the migration"
    }

    fn how_to_end_sooner(&self) -> &'static str {
        "To end it sooner set a limit yourself (virsh migrate-setmaxdowntime), and next time allow a longer \
         pause or set a deadline (virsh-hpc hpc-policy)"
    }
}

/// Passes on what happens.
pub(crate) struct Reporter {
    recorder: Recorder<LogMessages>,
    handle: Arc<MigrationHandle>,
    domain: String,
    limits: SettingsRecord,
    counted: CountedMigration,
}

impl Reporter {
    /// Of the `domain` whose limits are `limits` before anything is set.
    pub(crate) fn new(
        recorder: Recorder<LogMessages>,
        handle: Arc<MigrationHandle>,
        domain: String,
        limits: SettingsRecord,
        counted: CountedMigration,
    ) -> Self {
        Self {
            recorder,
            handle,
            domain,
            limits,
            counted,
        }
    }

    /// What it counts for.
    pub(crate) fn counted(&mut self) -> &mut CountedMigration {
        &mut self.counted
    }

    pub(crate) fn recorder(&mut self) -> &mut Recorder<LogMessages> {
        &mut self.recorder
    }

    fn update_outlook(&self) {
        let outlook = self.recorder.outlook();
        self.handle.update(|status| {
            status.remaining_bytes = outlook.remaining_bytes;
            status.bytes_per_s = outlook.bytes_per_s;
            status.cause = outlook.cause.map(|cause| in_words::cause(cause).to_owned());
        });
    }
}

impl Publisher for Reporter {
    fn publish(&mut self, at: Timestamp, event: Event) {
        self.recorder.publish(at, event);
        self.counted.heard(&event);
        self.update_outlook();
        match event {
            Event::Released(release) => {
                let why = in_words::release(release, self.recorder.outlook().cause);
                // An external change has its line already.
                log::debug!("{}: control ends: {why}", self.domain);
                self.handle
                    .update(|status| status.control = Control::Released(why));
            }
            other => log::debug!("{}: {other:?}", self.domain),
        }
    }
}

impl Observer for Reporter {
    fn sampled(&mut self, sample: &Sample) {
        self.recorder.sampled(sample);
        let window = sample.window_bytes_per_s;
        let writing = self.recorder.outlook().writing;
        self.handle.update(|status| {
            update_status(status, sample);
            status.writes_bytes_per_s = writing.map(|writing| writing.bytes_per_s);
            status.hot_bytes = writing.map(|writing| writing.hot_bytes);
            if status.bytes_per_s == 0 {
                status.bytes_per_s = window;
            }
        });
    }

    fn sample_failed(&mut self, at: Timestamp, error: &dyn Error) {
        self.recorder.sample_failed(at, error);
    }

    fn outcome(&mut self, at: Timestamp, target: &Target, result: Result<(), &dyn Error>) {
        if result.is_ok() {
            let limits = &mut self.limits;
            limits.downtime_ms = target.downtime_ms.map_or(limits.downtime_ms, u64::from);
            limits.speed_mib_per_s = target.speed_mib_per_s.unwrap_or(limits.speed_mib_per_s);
            let limits = *limits;
            self.handle.update(|status| status.target = Some(limits));
        }
        self.recorder.outcome(at, target, result);
    }

    fn aborting(&mut self, at: Timestamp, result: Result<(), &dyn Error>) {
        self.recorder.aborting(at, result);
    }
}

/// Puts a sample into the status.
pub(crate) fn update_status(status: &mut MigrationStatus, sample: &Sample) {
    status.state = sample.state;
    status.elapsed_ms = sample.elapsed_ms;
    status.iteration = sample.iteration;
}

#[cfg(test)]
mod tests;
