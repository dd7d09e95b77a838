//! One run: remaining memory, the law's threshold, and the guest's phases.

use std::path::Path;

use anyhow::{Context, Result};
use libvirt_hpc_plugin::plot::chart::{self, Area, Legend, Mark, Name, since};
use libvirt_hpc_plugin::plot::{self, Picture};
use libvirt_hpc_plugin::trace;
use plotters::prelude::*;

use super::super::progress::{Curve, LEAD_NS};

const SIZE: (u32, u32) = (860, 470);

/// The phases, in turn.
const PHASES: [(RGBColor, &str); 4] = [
    (RGBColor(0xd0, 0xd7, 0xe5), "phase 0 of the guest"),
    (RGBColor(0xd9, 0xef, 0xd9), "phase 1 of the guest"),
    (RGBColor(0xf3, 0xe9, 0xcf), "phase 2 of the guest"),
    (RGBColor(0xe8, 0xd9, 0xef), "phase 3 of the guest"),
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
    let shown = shown(&phases(picture, curve), last);
    let charts = Legend::new(area, &names(&shown))?.below(area)?;
    let mut chart = ChartBuilder::on(&charts)
        .margin(14)
        .caption(title, ("sans-serif", 15))
        .x_label_area_size(38)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..last, 0.0..top)?;
    for (from, until, phase) in &shown {
        let color = PHASES[phase % PHASES.len()].0.to_rgba();
        chart::band(&mut chart, [(*from, 0.0), (*until, top)], color)?;
    }
    picture.draw_into(&mut chart, end, top)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("seconds since memory flows")
        .y_desc("MiB")
        .draw()?;
    area.present()?;
    Ok(())
}

/// The phases within the picture: from, until, and which.
fn shown(phases: &[(f64, usize)], last: f64) -> Vec<(f64, f64, usize)> {
    let ends = phases.iter().skip(1).map(|next| next.0).chain([last]);
    let all = phases.iter().zip(ends);
    all.map(|((from, phase), until)| (from.max(0.0), until.min(last), *phase))
        .filter(|(from, until, _)| from < until)
        .collect()
}

/// The legend's: what every picture of a migration shows, and the phases, if there are several.
fn names(shown: &[(f64, f64, usize)]) -> Vec<Name<'static>> {
    let is_shown = |phase: usize| {
        shown
            .iter()
            .any(|(_, _, other)| other % PHASES.len() == phase)
    };
    let phases = PHASES
        .iter()
        .enumerate()
        .filter(|(phase, _)| is_shown(*phase));
    let phases: Vec<_> = phases
        .map(|(_, (color, words))| Name {
            mark: Mark::Band,
            color: color.to_rgba(),
            words,
        })
        .collect();
    let several = phases.len() > 1;
    plot::names()
        .into_iter()
        .chain(phases.into_iter().filter(|_| several))
        .collect()
}
