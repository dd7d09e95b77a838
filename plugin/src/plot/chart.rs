//! What all pictures share: points, units, the area they are drawn on, lines, bands, and the legend below them.

use std::time::Duration;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

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

/// Draws a line through `points`.
///
/// # Errors
/// When it cannot be drawn.
pub fn line(chart: &mut Chart<'_, '_>, points: &[Point], color: RGBColor) -> Result<()> {
    let style = color.stroke_width(2);
    chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
    Ok(())
}

/// Fills the rectangle between two corners.
///
/// # Errors
/// When it cannot be drawn.
pub fn band(chart: &mut Chart<'_, '_>, corners: [Point; 2], color: RGBAColor) -> Result<()> {
    chart.draw_series([Rectangle::new(corners, color.filled())])?;
    Ok(())
}

/// How a name is marked in a legend: as what it names is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A line.
    Line,
    /// A filled area.
    Band,
    /// A dot.
    Dot,
}

/// What is drawn in a colour.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    /// How.
    pub mark: Mark,
    /// In which colour.
    pub color: RGBAColor,
    /// What it is.
    pub words: &'a str,
}

/// The height of a row of a legend, the width of a mark, and the space around it, pixels.
const ROW: u32 = 20;
const MARK: i32 = 18;
const SPACE: i32 = 8;

/// The size of words beside curves.
pub const WORDS: (&str, i32) = ("sans-serif", 12);

/// A legend that is drawn below a chart.
#[derive(Debug)]
pub struct Legend<'a> {
    /// Names, and where their marks begin, pixels.
    places: Vec<((i32, i32), Name<'a>)>,
    rows: u32,
}

impl<'a> Legend<'a> {
    /// The names in order, in as many rows as the width of `area` needs.
    ///
    /// # Errors
    /// When words cannot be measured.
    pub fn new(area: &Area<'_>, names: &[Name<'a>]) -> Result<Self> {
        let left = 3 * SPACE;
        let right = i32::try_from(area.dim_in_pixel().0)? - SPACE;
        let (mut x, mut row) = (left, 0_u32);
        let mut places = Vec::new();
        for name in names {
            let width = MARK + SPACE + words_width(area, name.words)?;
            if x > left && x + width > right {
                (x, row) = (left, row + 1);
            }
            places.push(((x, i32::try_from(row * ROW + ROW / 2)?), *name));
            x += width + 2 * SPACE;
        }
        let rows = row + 1;
        Ok(Self { places, rows })
    }

    /// Draws it into the bottom of `area`, and returns what is above it.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn below<'b>(&self, area: &Area<'b>) -> Result<Area<'b>> {
        let height = self.rows * ROW + ROW / 2;
        let (above, below) = area.split_vertically(area.dim_in_pixel().1.saturating_sub(height));
        for ((x, y), name) in &self.places {
            let (x, y, filled) = (*x, *y, name.color.filled());
            match name.mark {
                Mark::Line => {
                    let style = name.color.stroke_width(2);
                    below.draw(&PathElement::new([(x, y), (x + MARK, y)], style))?;
                }
                Mark::Band => {
                    below.draw(&Rectangle::new([(x, y - 5), (x + MARK, y + 5)], filled))?
                }
                Mark::Dot => below.draw(&Circle::new((x + MARK / 2, y), 3, filled))?,
            }
            let style = TextStyle::from(WORDS).pos(Pos::new(HPos::Left, VPos::Center));
            below.draw(&Text::new(name.words, (x + MARK + SPACE, y), style))?;
        }
        Ok(above)
    }
}

/// How wide words are drawn, pixels.
///
/// # Errors
/// When they cannot be measured.
pub fn words_width(area: &Area<'_>, words: &str) -> Result<i32> {
    let (width, _) = area.estimate_text_size(words, &TextStyle::from(WORDS))?;
    Ok(i32::try_from(width)?)
}
