//! The one clock of this crate: all that is decided takes its time as an argument.

use std::time::{Duration, Instant, SystemTime};

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

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// By the clock that does not step.
    pub at: Instant,
    /// By the wall clock.
    pub wall: SystemTime,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: now(),
            wall: wall(),
        }
    }

    /// How long it was until `later`, and by how much the wall clock was set forward meanwhile.
    #[must_use]
    pub fn until(&self, later: &Self) -> (Duration, Duration) {
        let span = later.at.saturating_duration_since(self.at);
        let wall = later.wall.duration_since(self.wall).unwrap_or_default();
        (span, wall.saturating_sub(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_was_set_forward_is_ahead_of_the_other() {
        let second = Duration::from_secs(1);
        let earlier = Moment::now();
        let later = |wall| Moment {
            at: earlier.at + 10 * second,
            wall,
        };
        let until = |wall| earlier.until(&later(wall));
        assert_eq!(until(earlier.wall + 10 * second).1, Duration::ZERO);
        assert_eq!(
            until(earlier.wall + 3610 * second),
            (10 * second, 3600 * second)
        );
        assert_eq!(
            until(earlier.wall - 3600 * second),
            (10 * second, Duration::ZERO),
            "set back"
        );
    }
}
