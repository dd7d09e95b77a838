//! Bytes and milliseconds, as QEMU's limit takes them.

use super::{DOWNTIME_LIMIT_MAX_MS, Order};
use crate::event::Cause;
use crate::target::Target;

/// The limit that just accepts `bytes`, or, rounded `down`, that accepts no byte more; within QEMU's own
/// bounds.
pub(super) fn ms_for(bytes: u64, bytes_per_s: u64, down: bool) -> u32 {
    let thousandfold = u128::from(bytes) * 1000;
    let per_s = u128::from(bytes_per_s.max(1));
    let ms = if down {
        thousandfold / per_s
    } else {
        thousandfold.div_ceil(per_s)
    };
    u32::try_from(ms)
        .unwrap_or(u32::MAX)
        .clamp(1, DOWNTIME_LIMIT_MAX_MS)
}

/// What `bytes_per_s` carries in `ms`.
pub(super) fn bytes_in_ms(bytes_per_s: u64, ms: u32) -> u64 {
    u64::try_from(u128::from(bytes_per_s) * u128::from(ms) / 1000).unwrap_or(u64::MAX)
}

/// Stops the guest at QEMU's next window, whatever is left.
pub(super) fn force(cause: Cause) -> Order {
    let target = Target {
        downtime_ms: Some(DOWNTIME_LIMIT_MAX_MS),
        ..Target::NONE
    };
    Order {
        target,
        cause,
        forbidden_pause: None,
    }
}
