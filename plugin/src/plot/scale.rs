//! What all curves of the picture share: points, units and the area they are drawn on.

use std::time::Duration;

use plotters::coord::Shift;
use plotters::prelude::*;

/// A point: seconds since memory flowed, MiB.
pub(super) type Point = (f64, f64);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) fn since(at_ns: u64, from_ns: u64) -> f64 {
    Duration::from_nanos(at_ns.saturating_sub(from_ns)).as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture of a guest needs no byte of it"
)]
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
