//! Measurements of one migration: by its client, and by the guest's users.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result};
/// The guest's users' view of a move: `rig report`.
pub use libvirt_hpc_guest::report::Report;

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
