//! Measurements of one migration: by its client, and by the guest's users.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The guest's users' view of a move; `rig report`.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Whether the guest was heard on both hosts.
    pub moved: bool,
    /// The host that heard the guest last.
    pub host: String,
    /// From the last heartbeat on the old host to the first on the new one.
    pub pause_ms: Option<f64>,
    /// The longest silence, whatever its cause.
    pub longest_gap_ms: f64,
    /// From the beginning to the first heartbeat on the new host.
    pub arrived_after_ms: Option<f64>,
    /// Steps a second in the 3 s before the beginning.
    pub steps_per_s_before: Option<f64>,
    /// Steps a second from the beginning to the pause.
    pub steps_per_s_during: Option<f64>,
    /// Steps a second after the pause.
    pub steps_per_s_after: Option<f64>,
    /// Work lost until the arrival, in time of the guest's undisturbed speed.
    pub work_lost_ms: Option<f64>,
    /// Corrupt pages found by the guest.
    pub corrupt_pages: u64,
    /// Hosts on which the guest runs.
    pub running_copies: u64,
}

/// One migration: the command's answer, its time, and the guest's report.
#[derive(Debug)]
pub struct Move {
    /// The command's output and status.
    pub output: Output,
    /// From the command's start to its end.
    pub total: Duration,
    /// The guest's users' view.
    pub report: Report,
}

impl Move {
    /// The pause as the guest's users saw it.
    ///
    /// # Errors
    /// When the guest did not move.
    pub fn pause(&self) -> Result<Duration> {
        let ms = self
            .report
            .pause_ms
            .with_context(|| format!("the guest did not move: {self:?}"))?;
        Ok(Duration::from_secs_f64(ms / 1000.0))
    }

    /// J = pause + delta x (time under pre-copy), seconds, at the default delta of 10 %; with the whole time for the
    /// time under pre-copy.
    ///
    /// # Errors
    /// When the guest did not move.
    pub fn j(&self) -> Result<f64> {
        Ok(self.pause()?.as_secs_f64() + 0.1 * self.total.as_secs_f64())
    }

    /// The command's standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}
