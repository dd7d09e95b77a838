//! The output of the guard.

use core::time::Duration;

use crate::event::Cause;
use crate::target::{DOWNTIME_LIMIT_MAX_MS, Target};

/// A target, and its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The complete target.
    pub target: Target,
    /// The law's cause, or that of the rule that overruled it.
    pub cause: Cause,
    /// The pause that the policy forbids, if the law would have switched over.
    pub forbidden_pause: Option<Duration>,
}

impl Order {
    /// Stops the guest at QEMU's next window with any remainder.
    pub(super) const fn switchover(cause: Cause) -> Self {
        let target = Target {
            downtime_ms: Some(DOWNTIME_LIMIT_MAX_MS),
            ..Target::NONE
        };
        Self {
            target,
            cause,
            forbidden_pause: None,
        }
    }
}
