//! The cost of each law over the best forced stop.

use std::path::Path;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::plot::chart::Area;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::compare::{Overall, regret};
use super::super::laws::Class;
use super::super::summary::Cell;
use super::palette;

const WIDTH: u32 = 860;
const ROW: u32 = 38;
const FRAME: u32 = 110;

/// One law's row.
struct Row {
    title: &'static str,
    color: RGBColor,
    mean: f64,
    each: Vec<f64>,
    /// On how many guests and links it completed, of how many.
    cells: (usize, usize),
}

/// Draws the picture, the laws with the least regret at the top.
pub(super) fn draw(cells: &[Cell<'_>], laws: &[Overall], path: &Path) -> Result<()> {
    let mut rows: Vec<_> = laws.iter().filter_map(|law| row(cells, law)).collect();
    rows.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let height = FRAME + ROW * u32::try_from(rows.len())?;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    paint(&rows, &area).with_context(|| format!("drawing {}", path.display()))
}

fn row(cells: &[Cell<'_>], law: &Overall) -> Option<Row> {
    if law.law.class == Class::Postcopy {
        return None;
    }
    let each = |cell: &Cell<'_>| regret(cell, cell.better(law.law.name)?, 0.1);
    Some(Row {
        title: law.law.title,
        color: palette::of(law.law.name),
        mean: law.regret[0].mean?,
        each: cells.iter().filter_map(each).collect(),
        cells: law.cells,
    })
}

fn paint(rows: &[Row], area: &Area<'_>) -> Result<()> {
    let all = || rows.iter().flat_map(|row| &row.each).copied();
    let (low, high) = (all().fold(0.9, f64::min), all().fold(1.5, f64::max));
    let count = u32::try_from(rows.len())?;
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(110)
        .caption("J over the best forced stop's: the bar is the geometric mean, a dot is a guest on a link", ("sans-serif", 15))
        .x_label_area_size(40)
        .y_label_area_size(190)
        .build_cartesian_2d((low / 1.05..high * 1.1).log_scale(), 0.0..f64::from(count.max(1)))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .disable_y_mesh()
        .x_labels(20)
        .y_labels(0)
        .x_desc("J over the oracle's, delta 10 %")
        .draw()?;
    let words = |side| TextStyle::from(("sans-serif", 13)).pos(Pos::new(side, VPos::Center));
    for (row, place) in rows.iter().zip(0_u32..) {
        let y = f64::from(place);
        let bar = Rectangle::new(
            [(1.0, y + 0.2), (row.mean, y + 0.8)],
            row.color.mix(0.45).filled(),
        );
        chart.draw_series([bar])?;
        let dot = |x: &f64| Circle::new((*x, y + 0.5), 4, row.color.filled());
        chart.draw_series(row.each.iter().map(dot))?;
        let (left, right) = (
            chart.backend_coord(&(low / 1.05, y + 0.5)),
            chart.backend_coord(&(high * 1.1, y + 0.5)),
        );
        area.draw(&Text::new(
            row.title,
            (left.0 - 8, left.1),
            words(HPos::Right),
        ))?;
        let figure = format!("{:.2}  ({} of {})", row.mean, row.cells.0, row.cells.1);
        area.draw(&Text::new(
            figure,
            (right.0 + 8, right.1),
            words(HPos::Left),
        ))?;
    }
    area.present()?;
    Ok(())
}
