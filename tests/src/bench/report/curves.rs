//! The application's progress before, during and after a run, one line per law.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::plot::chart::{self, Area, Legend, Mark, Name, Point};
use plotters::prelude::*;

use super::super::laws;
use super::super::progress::{BIN_MS, Curve, LEAD_NS};
use super::super::summary::Cell;
use super::palette;

const SIZE: (u32, u32) = (860, 660);

/// The speed is that over so many bins: heartbeats are few around a pause.
const SMOOTH: usize = 5;

/// No curve is drawn longer than this after the beginning, seconds.
const LONGEST_S: f64 = 40.0;

/// One law's curves: seconds since the migration began, the speed relative to the undisturbed one, and the seconds of
/// work by which the application is behind.
struct Line {
    title: &'static str,
    color: RGBColor,
    speed: Vec<Point>,
    behind: Vec<Point>,
}

/// Draws the curves kept of a guest on a link; false if there are none, or its speed is no measure.
pub(super) fn draw(cell: &Cell<'_>, curves: &[Curve], path: &Path) -> Result<bool> {
    let of_law = |law: &laws::Law| {
        let hpc_law = cell.better(law.name)?.hpc_law;
        let curve = curves.iter().find(|curve| {
            let key = &curve.key;
            (key.guest.as_str(), key.link.as_str()) == (cell.guest, cell.link)
                && (key.law.as_str(), key.hpc_law.as_str()) == (law.name, hpc_law)
        })?;
        let rate = cell.undisturbed(cell.run(&curve.key)?)?;
        Some(line(law, curve, rate))
    };
    let lines: Vec<_> = laws::LAWS.iter().filter_map(of_law).collect();
    if lines.is_empty() {
        return Ok(false);
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    paint(&cell.name(), &lines, &area).with_context(|| format!("drawing {}", path.display()))?;
    Ok(true)
}

#[expect(clippy::cast_precision_loss, reason = "steps stay far below 2^53")]
fn line(law: &laws::Law, curve: &Curve, rate: f64) -> Line {
    let bin_s = Duration::from_millis(BIN_MS).as_secs_f64();
    let lead_s = Duration::from_nanos(LEAD_NS).as_secs_f64();
    let at = |bin: usize| (bin + 1) as f64 * bin_s - lead_s;
    let done = |bin: usize| curve.steps.get(bin).copied().unwrap_or(0) as f64 / rate;
    let bins = || (0..curve.steps.len()).filter(|bin| at(*bin) <= LONGEST_S);
    let speed = |bin: usize| (done(bin) - done(bin - SMOOTH)) / (SMOOTH as f64 * bin_s);
    // Behind since the migration began, not since the lead.
    let start = bins().find(|bin| at(*bin) >= 0.0).unwrap_or(0);
    let behind = |bin: usize| (at(bin) - at(start)) - (done(bin) - done(start));
    Line {
        title: law.title,
        color: palette::of(law.name),
        speed: bins()
            .skip(SMOOTH)
            .map(|bin| (at(bin), speed(bin)))
            .collect(),
        behind: bins().map(|bin| (at(bin), behind(bin))).collect(),
    }
}

fn paint(name: &str, lines: &[Line], area: &Area<'_>) -> Result<()> {
    area.fill(&WHITE)?;
    let name_of = |line: &Line| Name {
        mark: Mark::Line,
        color: line.color.into(),
        words: line.title,
    };
    let names: Vec<Name<'_>> = lines.iter().map(name_of).collect();
    let charts = Legend::new(area, &names)?.below(area)?;
    let (upper, lower) = charts.split_vertically(290);
    let title = format!("{name}: the application's speed, over undisturbed");
    panel(&title, "speed", lines, |l| &l.speed, &upper)?;
    let title = "Seconds of work behind an undisturbed guest";
    panel(title, "s behind", lines, |l| &l.behind, &lower)?;
    area.present()?;
    Ok(())
}

fn panel(
    title: &str,
    axis: &str,
    lines: &[Line],
    points: impl Fn(&Line) -> &Vec<Point>,
    area: &Area<'_>,
) -> Result<()> {
    let all = || lines.iter().flat_map(&points);
    let last = all().map(|p| p.0).fold(1.0, f64::max);
    let (low, high) = (
        all().map(|p| p.1).fold(0.0, f64::min),
        all().map(|p| p.1).fold(1.0, f64::max),
    );
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .caption(title, ("sans-serif", 15))
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(-2.0..last * 1.02, low * 1.05..high * 1.08)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("seconds since the migration began")
        .y_desc(axis)
        .draw()?;
    for line in lines {
        chart::line(&mut chart, points(line), line.color)?;
    }
    Ok(())
}
