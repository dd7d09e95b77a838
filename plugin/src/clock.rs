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

/// The date, for names of files.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "somebody has to ask; nothing is decided by it"
)]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
