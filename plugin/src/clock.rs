//! The one clock of this crate: all that is decided takes its time as an argument.

use std::time::{Instant, SystemTime};

/// Now.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "somebody has to ask; whoever decides does not come here"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The date: for names of files, and to recognise a job by when libvirt says that it began, which is by this clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "somebody has to ask; no span of time is measured by it"
)]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
