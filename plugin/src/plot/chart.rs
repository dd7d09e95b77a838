//! What all pictures share: points, units, the area they are drawn on, and series with a name.

use std::time::Duration;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// A point: seconds, and MiB or what else the axis says.
pub type Point = (f64, f64);

/// Where a picture is drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Two axes in an area.
pub type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Seconds from `from_ns` to `at_ns`.
#[must_use]
pub fn since(at_ns: u64, from_ns: u64) -> f64 {
    Duration::from_nanos(at_ns.saturating_sub(from_ns)).as_secs_f64()
}

/// Bytes in MiB.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture of a guest needs no byte of it"
)]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Draws a line through `points`, named `label`.
///
/// # Errors
/// When it cannot be drawn.
pub fn line(
    chart: &mut Chart<'_, '_>,
    points: &[Point],
    color: RGBColor,
    label: &str,
) -> Result<()> {
    let style = color.stroke_width(2);
    chart
        .draw_series(LineSeries::new(points.iter().copied(), style))?
        .label(label)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    Ok(())
}

/// Fills the rectangle between two corners, named `label` unless that is empty.
///
/// # Errors
/// When it cannot be drawn.
pub fn band(
    chart: &mut Chart<'_, '_>,
    corners: [Point; 2],
    color: RGBAColor,
    label: &str,
) -> Result<()> {
    let style = color.filled();
    let series = chart.draw_series([Rectangle::new(corners, style)])?;
    if !label.is_empty() {
        series
            .label(label)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], style));
    }
    Ok(())
}

/// Draws the names of all series into the upper right corner.
///
/// # Errors
/// When they cannot be drawn.
pub fn names<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>) -> Result<()> {
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    Ok(())
}
