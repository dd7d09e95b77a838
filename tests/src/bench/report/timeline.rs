//! One run: remaining memory, the law's threshold, and the guest's phases.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_plugin::trace::{EventRecord, Record, read};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::super::progress::{Curve, LEAD_NS};

const SIZE: (u32, u32) = (860, 440);
const REMAINING: RGBColor = RGBColor(0x4c, 0x72, 0xb0);
const THRESHOLD: RGBColor = RGBColor(0xdd, 0x84, 0x52);
const SYNC: RGBColor = RGBColor(0x22, 0x22, 0x22);
const PAUSE: RGBColor = RGBColor(0xc4, 0x4e, 0x52);

/// The phases, in turn.
const PHASES: [RGBColor; 4] = [
    RGBColor(0xd0, 0xd7, 0xe5),
    RGBColor(0xd9, 0xef, 0xd9),
    RGBColor(0xf3, 0xe9, 0xcf),
    RGBColor(0xe8, 0xd9, 0xef),
];

/// Seconds since the command began, and MiB.
type Point = (f64, f64);

#[derive(Default)]
struct Timeline {
    title: String,
    remaining: Vec<Point>,
    thresholds: Vec<Point>,
    syncs: Vec<Point>,
    /// Begin and end, seconds.
    pause: Option<(f64, f64)>,
    /// Begin, seconds, and which.
    phases: Vec<(f64, usize)>,
}

/// Draws a run from `trace` and `curve`, which share the hosts' clock.
pub(super) fn draw(trace: &[u8], curve: &Curve, path: &Path) -> Result<()> {
    let timeline = Timeline::read(trace, curve)?;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    paint(&timeline, &area).with_context(|| format!("drawing {}", path.display()))
}

impl Timeline {
    fn read(trace: &[u8], curve: &Curve) -> Result<Self> {
        let since = |at_ns: u64| seconds(at_ns.saturating_sub(curve.began_ns));
        let lead_s = seconds(LEAD_NS);
        let phase = |(at_ms, phase): &(u64, usize)| (seconds(at_ms * 1_000_000) - lead_s, *phase);
        let mut timeline = Self {
            phases: curve.phases.iter().map(phase).collect(),
            title: format!(
                "{} over {}, under the adaptive law; iteration 1 is cut off at the top",
                curve.key.guest, curve.key.link
            ),
            ..Self::default()
        };
        for record in read(trace) {
            match record?.1 {
                Record::Sample(sample) if sample.state == JobState::Precopy => {
                    timeline
                        .remaining
                        .push((since(sample.at_ns), mib(sample.remaining_bytes)));
                }
                Record::Event { at_ns, event } => timeline.event(since(at_ns), &event, since),
                Record::End(end) => {
                    let stopped = timeline.remaining.last().map_or(0.0, |p| p.0);
                    let pause = end.totals.pause_ms.map(|ms| seconds(ms * 1_000_000));
                    timeline.pause = pause.map(|pause| (stopped, stopped + pause));
                }
                _ => {}
            }
        }
        Ok(timeline)
    }

    fn event(&mut self, at: f64, event: &EventRecord, since: impl Fn(u64) -> f64) {
        match event {
            EventRecord::Round {
                sync_at_ns,
                remaining_bytes,
                ..
            } => {
                let sync = (since(*sync_at_ns), mib(*remaining_bytes));
                self.remaining.push(sync);
                self.syncs.push(sync);
            }
            EventRecord::Decided { accept_bytes, .. } => {
                if let Some(&(_, before)) = self.thresholds.last() {
                    self.thresholds.push((at, before));
                }
                self.thresholds.push((at, mib(*accept_bytes)));
            }
            _ => {}
        }
    }

    /// The last second, and the most MiB: the first round is cut off at twice the remainders of the syncs.
    fn extent(&self) -> (f64, f64) {
        let last = self.remaining.iter().map(|p| p.0).fold(1.0, f64::max);
        let synced = self.syncs.iter().map(|p| p.1).fold(1.0, f64::max);
        let all = self.remaining.iter().map(|p| p.1).fold(1.0, f64::max);
        (
            self.pause.map_or(last, |p| p.1) * 1.05,
            all.min(synced * 2.0),
        )
    }
}

fn paint<B>(timeline: &Timeline, area: &DrawingArea<B, Shift>) -> Result<()>
where
    B: DrawingBackend,
    B::ErrorType: 'static,
{
    let (last, most) = timeline.extent();
    let top = most * 1.08;
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(&timeline.title, ("sans-serif", 15))
        .x_label_area_size(38)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..last, 0.0..top)?;
    let mut named = Vec::new();
    for (place, (from, phase)) in timeline.phases.iter().enumerate() {
        let until = timeline.phases.get(place + 1).map_or(last, |next| next.0);
        if until <= 0.0 || *from >= last {
            continue;
        }
        let color = PHASES[phase % PHASES.len()];
        let band = Rectangle::new(
            [(from.max(0.0), 0.0), (until.min(last), top)],
            color.filled(),
        );
        let series = chart.draw_series([band])?;
        if timeline.phases.len() > 1 && !named.contains(phase) {
            named.push(*phase);
            series
                .label(format!("phase {phase} of the guest"))
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 18, y + 5)], color.filled())
                });
        }
    }
    if let Some((from, until)) = timeline.pause {
        let color = PAUSE.mix(0.35);
        chart
            .draw_series([Rectangle::new([(from, 0.0), (until, top)], color.filled())])?
            .label("the guest is paused")
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], color.filled()));
    }
    for (points, color, label) in [
        (&timeline.remaining, REMAINING, "R: remaining memory"),
        (&timeline.thresholds, THRESHOLD, "threshold of the law"),
    ] {
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                color.stroke_width(2),
            ))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .draw_series(
            timeline
                .syncs
                .iter()
                .map(|at| Circle::new(*at, 3, SYNC.filled())),
        )?
        .label("R at a sync")
        .legend(|(x, y)| Circle::new((x + 9, y), 3, SYNC.filled()));
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("seconds since the migration began")
        .y_desc("MiB")
        .draw()?;
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    area.present()?;
    Ok(())
}

fn seconds(ns: u64) -> f64 {
    Duration::from_nanos(ns).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a picture needs no byte of it")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
