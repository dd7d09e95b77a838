//! The figures over the number of migrations, a panel for each kind.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::lap::steps;
use super::reading::{OnHost, Reading};
use crate::bench::stats::median;
use crate::rig::HOSTS;

const WIDTH: u32 = 860;

/// The room for the legends, right of the curves.
const LEGENDS: u32 = 240;
const LEGEND_ROW: i32 = 15;

/// A curve has so many points at most, each the median of the readings of whole laps.
const POINTS: usize = 100;

/// A curve of each host.
struct Line {
    name: &'static str,
    colors: [RGBColor; 2],
    value: fn(&OnHost) -> f64,
}

/// Curves with one axis.
struct Panel {
    axis: &'static str,
    height: u32,
    lines: &'static [Line],
}

const AGENT: [RGBColor; 2] = [RGBColor(0xc4, 0x1e, 0x3a), RGBColor(0xdd, 0x84, 0x52)];
const DAEMON: [RGBColor; 2] = [RGBColor(0x4c, 0x72, 0xb0), RGBColor(0x8f, 0xb0, 0xd8)];
const FILES: [RGBColor; 2] = [RGBColor(0x2e, 0x7d, 0x4f), RGBColor(0x8c, 0xc8, 0xa0)];

macro_rules! lines {
    ($($name:literal, $colors:expr, $value:expr;)*) => {
        &[$(Line { name: $name, colors: $colors, value: $value }),*]
    };
}

const PANELS: [Panel; 4] = [
    Panel {
        axis: "memory, MiB",
        height: 220,
        lines: lines! {
            "libvirt-hpcd", AGENT, |on| mib(on.agent.rss_kib);
            "libvirtd", DAEMON, |on| mib(on.daemon.rss_kib);
        },
    },
    Panel {
        axis: "descriptors",
        height: 160,
        lines: lines! {
            "libvirt-hpcd", AGENT, |on| count(on.agent.descriptors);
            "libvirtd", DAEMON, |on| count(on.daemon.descriptors);
        },
    },
    Panel {
        axis: "threads",
        height: 160,
        lines: lines! {
            "libvirt-hpcd", AGENT, |on| count(on.agent.threads);
            "libvirtd", DAEMON, |on| count(on.daemon.threads);
        },
    },
    Panel {
        axis: "files",
        height: 180,
        lines: lines! {
            "traces", FILES, |on| count(on.traces);
            "leases", AGENT, |on| count(on.leases);
        },
    },
];

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const fn count(value: u64) -> f64 {
    value as f64
}

const fn mib(kib: u64) -> f64 {
    count(kib) / 1024.0
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the readings as SVG into `path`.
///
/// # Errors
/// When it cannot be drawn or written.
pub(super) fn draw(readings: &[Reading], path: &Path) -> Result<()> {
    let height = PANELS.iter().map(|panel| panel.height).sum::<u32>() + 30;
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut rest = area.titled(&title(readings), ("sans-serif", 15))?;
    for panel in &PANELS {
        let (upper, lower) = rest.split_vertically(panel.height);
        panel.draw(readings, &upper, &area)?;
        rest = lower;
    }
    area.present()?;
    drop((rest, area));
    Ok(std::fs::write(path, svg)?)
}

fn title(readings: &[Reading]) -> String {
    let Some(last) = readings.last() else {
        return "no readings".to_owned();
    };
    format!(
        "{} migrations in {:.0} minutes: memory, descriptors, threads and files",
        last.migrations,
        last.at_s / 60.0
    )
}

/// The curve of a figure: migrations made, and the median of the readings about there.
fn curve(readings: &[Reading], value: impl Fn(&Reading) -> f64) -> Vec<(f64, f64)> {
    let each = readings
        .len()
        .div_ceil(POINTS)
        .next_multiple_of(steps().len());
    let point = |about: &[Reading]| {
        let migrations = median(about.iter().map(|reading| count(reading.migrations)))?;
        Some((migrations, median(about.iter().map(&value))?))
    };
    readings.chunks(each).filter_map(point).collect()
}

impl Panel {
    fn draw(&self, readings: &[Reading], part: &Area<'_>, whole: &Area<'_>) -> Result<()> {
        let last = readings
            .last()
            .map_or(1.0, |reading| count(reading.migrations))
            .max(1.0);
        let curves: Vec<_> = self.curves(readings).collect();
        let most = curves
            .iter()
            .flat_map(|(_, _, points)| points)
            .map(|p| p.1)
            .fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(part)
            .margin(8)
            .margin_right(LEGENDS)
            .x_label_area_size(34)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..last, 0.0..most * 1.1)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .max_light_lines(1)
            .y_labels(5)
            .x_label_formatter(&|migrations| format!("{migrations:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .x_desc("migrations")
            .y_desc(self.axis)
            .draw()?;
        let mut legends = Vec::new();
        for (name, color, points) in curves {
            let end = points.last().copied().unwrap_or_default();
            chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
            legends.push((
                chart.backend_coord(&(last, end.1)),
                format!("{name}: {:.0}", end.1),
                color,
            ));
        }
        drop(chart);
        write_legends(legends, whole)
    }

    fn curves<'a>(
        &'a self,
        readings: &'a [Reading],
    ) -> impl Iterator<Item = (String, RGBColor, Vec<(f64, f64)>)> + 'a {
        self.lines.iter().flat_map(move |line| {
            (0..HOSTS.len()).map(move |host| {
                let points = curve(readings, |reading| (line.value)(&reading.hosts[host]));
                (
                    format!("{} of {}", line.name, HOSTS[host]),
                    line.colors[host],
                    points,
                )
            })
        })
    }
}

/// Each beside its curve's end, or below the one above it.
fn write_legends(mut legends: Vec<((i32, i32), String, RGBColor)>, area: &Area<'_>) -> Result<()> {
    legends.sort_by_key(|((_, y), ..)| *y);
    let mut free = i32::MIN;
    for ((x, y), words, color) in legends {
        let y = y.max(free);
        free = y + LEGEND_ROW;
        let style = TextStyle::from(("sans-serif", 12))
            .pos(Pos::new(HPos::Left, VPos::Center))
            .color(&color);
        area.draw(&Text::new(words, (x + 8, y), style))?;
    }
    Ok(())
}
