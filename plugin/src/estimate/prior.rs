//! What the law may know of a guest before its migration.

use std::time::Duration;

use libvirt_hpc_control::estimate::{PhaseSpans, Prior};

use super::curve::{self, Reading};
use super::pattern::Pattern;

/// The prior of a guest of `total_bytes` that was watched for so long.
#[must_use]
pub fn prior(
    readings: &[Reading],
    pattern: Option<&Pattern>,
    total_bytes: u64,
    watched: Duration,
) -> Prior {
    let phases = pattern.map(|pattern| PhaseSpans {
        busy: Duration::from_nanos(pattern.busy_ns),
        quiet: Duration::from_nanos(pattern.quiet_ns),
    });
    Prior::new(curve::points(readings, total_bytes), phases, watched)
}
