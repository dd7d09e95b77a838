//! The port between a controller and a migration. The adapter to libvirt implements it, and so does the plant.

use core::time::Duration;

use crate::sample::Sample;
use crate::target::Target;
use crate::time::Timestamp;

/// One outgoing migration, to be watched and set.
pub trait Job {
    /// Why libvirt refused.
    type Error: core::error::Error;

    /// The time now, on the clock of [`Sample::at`].
    fn now(&self) -> Timestamp;

    /// Reads the job now. With `settings`, downtime and speed are read back too.
    ///
    /// # Errors
    /// When libvirt cannot answer. A job that is over is an answer, not an error.
    fn sample(&mut self, settings: bool) -> Result<Sample, Self::Error>;

    /// Sets the fields of `target`, in the order speed, downtime, cache, speed of post-copy, action; stops at the first
    /// refusal.
    ///
    /// # Errors
    /// When libvirt refuses or cannot answer.
    fn apply(&mut self, target: &Target) -> Result<(), Self::Error>;

    /// Waits for an event (an iteration, a change of state, an end), but no longer than `at_most`. An event only
    /// shortens the wait; the next sample tells what happened.
    fn wait(&mut self, at_most: Duration);
}
