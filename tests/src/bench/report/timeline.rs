//! One run: remaining memory, the law's threshold, and the guest's phases.

use std::path::Path;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::plot::chart::{self, Area, since};
use libvirt_hpc_plugin::plot::{LEGEND, Picture};
use libvirt_hpc_plugin::trace;
use plotters::prelude::*;

use super::super::progress::{Curve, LEAD_NS};

const SIZE: (u32, u32) = (860, 440);

/// The phases, in turn.
const PHASES: [RGBColor; 4] = [
    RGBColor(0xd0, 0xd7, 0xe5),
    RGBColor(0xd9, 0xef, 0xd9),
    RGBColor(0xf3, 0xe9, 0xcf),
    RGBColor(0xe8, 0xd9, 0xef),
];

/// Draws a run from `trace` and `curve`, which share the hosts' clock.
pub(super) fn draw(trace: &[u8], curve: &Curve, path: &Path) -> Result<()> {
    let mut picture = Picture::default();
    for record in trace::read(trace) {
        picture.take(&record?.1);
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    paint(&picture, curve, &area).with_context(|| format!("drawing {}", path.display()))
}

/// When each phase of the guest began, in seconds of the picture, and which it is.
fn phases(picture: &Picture, curve: &Curve) -> Vec<(f64, usize)> {
    let from_ns = picture.from_ns.unwrap_or(curve.began_ns);
    let flows_after = since(from_ns, curve.began_ns) + since(LEAD_NS, 0);
    let phase = |(at_ms, phase): &(u64, usize)| (since(at_ms * 1_000_000, 0) - flows_after, *phase);
    curve.phases.iter().map(phase).collect()
}

fn paint(picture: &Picture, curve: &Curve, area: &Area<'_>) -> Result<()> {
    let (end, most) = picture.extent();
    let (last, top) = (end * 1.05, most * 1.08);
    let title = format!(
        "{} over {}, under the adaptive law; iteration 1 is cut off at the top",
        curve.key.guest, curve.key.link
    );
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(title, ("sans-serif", 15))
        .x_label_area_size(38)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..last, 0.0..top)?;
    let phases = phases(picture, curve);
    let mut named = Vec::new();
    for (place, (from, phase)) in phases.iter().enumerate() {
        let until = phases.get(place + 1).map_or(last, |next| next.0);
        if until <= 0.0 || *from >= last {
            continue;
        }
        let mut label = String::new();
        if phases.len() > 1 && !named.contains(phase) {
            named.push(*phase);
            label = format!("phase {phase} of the guest");
        }
        let corners = [(from.max(0.0), 0.0), (until.min(last), top)];
        let color = PHASES[phase % PHASES.len()].to_rgba();
        chart::band(&mut chart, corners, color, &label)?;
    }
    let [remaining, threshold, (sync_color, _), (pause_color, paused)] = LEGEND;
    if let Some(pause) = picture.pause() {
        let corners = [(end - pause, 0.0), (end, top)];
        chart::band(&mut chart, corners, pause_color.mix(0.35), paused)?;
    }
    chart::line(&mut chart, &picture.remaining, remaining.0, remaining.1)?;
    chart::line(&mut chart, &picture.threshold, threshold.0, threshold.1)?;
    let sync = |(at, _): &(chart::Point, _)| Circle::new(*at, 3, sync_color.filled());
    chart
        .draw_series(picture.syncs.iter().map(sync))?
        .label("remaining at a bitmap sync")
        .legend(move |(x, y)| Circle::new((x + 9, y), 3, sync_color.filled()));
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("seconds since memory flows")
        .y_desc("MiB")
        .draw()?;
    chart::names(&mut chart)?;
    area.present()?;
    Ok(())
}
