//! Pause against total time, each law over the adaptive one.

use std::path::Path;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::plot::chart::Area;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::compare::Overall;
use super::super::laws::ADAPTIVE;
use super::super::summary::{Cell, Entry};
use super::palette;

const SIZE: (u32, u32) = (860, 520);

/// The names are next to the picture, or they would cover it.
const LEGEND: (i32, i32) = (668, 60);
const LEGEND_ROW: i32 = 26;
const LEGEND_WIDTH: u32 = 205;

/// Pause and total time of a law over the adaptive one: the mean, and each guest and link.
struct Dots {
    title: &'static str,
    color: RGBColor,
    mean: (f64, f64),
    each: Vec<(f64, f64)>,
}

/// Draws the picture, without laws that never completed.
pub(super) fn draw(cells: &[Cell<'_>], laws: &[Overall], path: &Path) -> Result<()> {
    let dots: Vec<_> = laws.iter().filter_map(|law| dots(cells, law)).collect();
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    paint(&dots, &area).with_context(|| format!("drawing {}", path.display()))
}

fn dots(cells: &[Cell<'_>], law: &Overall) -> Option<Dots> {
    let each = |cell: &Cell<'_>| {
        let (other, adaptive) = (cell.better(law.law.name)?, cell.better(ADAPTIVE)?);
        let over = |value: fn(&Entry<'_>) -> Option<f64>| Some(value(other)? / value(adaptive)?);
        Some((over(|e| e.total_ms())?, over(|e| e.pause_ms())?))
    };
    Some(Dots {
        title: law.law.title,
        color: palette::of(law.law.name),
        mean: (law.total_over_adaptive?, law.pause_over_adaptive?),
        each: cells.iter().filter_map(each).collect(),
    })
}

fn paint(dots: &[Dots], area: &Area<'_>) -> Result<()> {
    let all = || dots.iter().flat_map(|d| d.each.iter().chain([&d.mean]));
    let range = |value: fn(&(f64, f64)) -> f64| {
        let low = all().map(value).fold(0.8, f64::min);
        let high = all().map(value).fold(1.25, f64::max);
        (low / 1.15..high * 1.15).log_scale()
    };
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(LEGEND_WIDTH)
        .caption(
            "Pause against total time, each over the adaptive law's: the large dot is the geometric mean",
            ("sans-serif", 15),
        )
        .x_label_area_size(40)
        .y_label_area_size(58)
        .build_cartesian_2d(range(|p| p.0), range(|p| p.1))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(20)
        .y_labels(20)
        .x_label_formatter(&|ratio| format!("{ratio:.1}"))
        .y_label_formatter(&|ratio| format!("{ratio:.1}"))
        .x_desc("total time, times adaptive")
        .y_desc("pause, times adaptive")
        .draw()?;
    for Dots {
        color, mean, each, ..
    } in dots
    {
        let color = *color;
        let small = |at: &(f64, f64)| Circle::new(*at, 3, color.mix(0.35).filled());
        chart.draw_series(each.iter().map(small))?;
        chart.draw_series([Circle::new(*mean, 8, color.filled())])?;
    }
    for (dots, place) in dots.iter().zip(0..) {
        let at = (LEGEND.0, LEGEND.1 + place * LEGEND_ROW);
        area.draw(&Circle::new(at, 6, dots.color.filled()))?;
        let words = TextStyle::from(("sans-serif", 13)).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(dots.title, (at.0 + 14, at.1), words))?;
    }
    area.present()?;
    Ok(())
}
