//! One migration as a picture: the remaining memory, the law's threshold, and the pause; below it how fast the guest
//! wrote, where that was counted.

pub mod chart;
mod decisions;
mod rates;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use libvirt_hpc_control::event::Cause;
use libvirt_hpc_control::sample::JobState;
use plotters::prelude::*;

use crate::harmless;
use crate::in_words;
use crate::trace::{Begin, End, EventRecord, Record, SampleRecord};
use chart::{Area, Chart, Legend, Mark, Name, Point, mib, since};
use decisions::Decisions;
use rates::Rates;

const REMAINING: RGBColor = RGBColor(0x4c, 0x72, 0xb0);
const THRESHOLD: RGBColor = RGBColor(0xdd, 0x84, 0x52);
const PAUSE: RGBColor = RGBColor(0xc4, 0x4e, 0x52);
const SYNC: RGBColor = RGBColor(0x22, 0x22, 0x22);

/// How much of its colour a pause has, for what is drawn over it to be seen.
const PAUSE_SHARE: f64 = 0.25;

/// What each colour is.
pub const LEGEND: [(RGBColor, &str); 4] = [
    (REMAINING, "remaining, as QEMU counts it"),
    (THRESHOLD, "threshold of the law"),
    (SYNC, "remaining at a bitmap sync"),
    (PAUSE, "the guest is paused"),
];

/// How a picture is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// For a page: with title, legend and the decisions in words.
    Page,
    /// For a phone's width: without them, for there is no room.
    Phone,
}

impl Layout {
    /// Width, and height of the upper part, pixels.
    const fn size(self) -> (u32, u32) {
        match self {
            Self::Page => (860, 460),
            Self::Phone => (350, 260),
        }
    }

    /// How many labels an axis may have.
    const fn labels(self) -> usize {
        match self {
            Self::Page => 11,
            Self::Phone => 5,
        }
    }

    const fn has_words(self) -> bool {
        matches!(self, Self::Page)
    }
}

/// The space around a chart, and the width of its labels on the left, pixels.
const MARGIN: i32 = 14;
const LABELS: i32 = 58;

/// What a trace holds for the picture.
#[derive(Debug, Default)]
pub struct Picture {
    /// When memory began to flow, ns: the picture's second 0.
    pub from_ns: Option<u64>,
    /// The remaining memory.
    pub remaining: Vec<Point>,
    /// The law's threshold.
    pub threshold: Vec<Point>,
    /// What each sync found.
    pub syncs: Vec<Point>,
    /// When what was decided.
    decisions: Vec<(f64, Cause)>,
    begin: Option<Box<Begin>>,
    end: Option<End>,
    rates: Rates,
}

/// `hpc-replay --plot`: draws the trace at `path` as SVG into `picture`.
///
/// # Errors
/// When the trace cannot be read or holds no pre-copy, or the picture cannot be written.
pub fn command(path: &Path, picture: &Path) -> Result<()> {
    let what = || format!("cannot draw the trace {}", path.display());
    let file = File::open(path).with_context(what)?;
    plot(BufReader::new(file), picture).with_context(what)
}

/// Draws the trace in `reader` as SVG into `path`.
///
/// # Errors
/// As [`command`].
pub fn plot(reader: impl BufRead, path: &Path) -> Result<()> {
    let mut picture = Picture::default();
    for record in crate::trace::read(reader) {
        picture.take(&record?.1);
    }
    let svg = picture
        .svg(Layout::Page)?
        .context("the trace holds no pre-copy")?;
    std::fs::write(path, svg).with_context(|| format!("cannot draw {}", path.display()))
}

fn draw_all(data: &Picture, area: &Area<'_>, layout: Layout) -> Result<()> {
    let (last, most) = data.extent();
    area.fill(&WHITE)?;
    if data.rates.is_empty() {
        draw(data, area, layout, last, most)?;
    } else {
        let (upper, lower) = area.split_vertically(layout.size().1);
        draw(data, &upper, layout, last, most)?;
        data.rates.draw(&lower, last * 1.08, layout.labels())?;
    }
    area.present()?;
    Ok(())
}

fn draw(data: &Picture, area: &Area<'_>, layout: Layout, last: f64, most: f64) -> Result<()> {
    if !layout.has_words() {
        return draw_chart(data, area, layout, last, most);
    }
    let area = area.margin(MARGIN / 2, 0, 0, 0);
    let area = area.titled(&data.title(), ("sans-serif", 15))?;
    let area = Legend::new(&area, &names())?.below(&area)?;
    let width = area.dim_in_pixel().0;
    let x = |second| pixel(second / (last * 1.08), width);
    let decisions = Decisions::new(&data.decisions, &area, x)?;
    let (above, area) = area.split_vertically(decisions.height());
    decisions.draw(&above)?;
    draw_chart(data, &area, layout, last, most)
}

/// Where a part of the horizontal axis is, in a picture of a width.
#[expect(clippy::cast_possible_truncation, reason = "pixels are whole")]
fn pixel(part: f64, width: u32) -> i32 {
    let axis = f64::from(width) - f64::from(2 * MARGIN + LABELS);
    MARGIN + LABELS + (part * axis).round() as i32
}

/// What a picture shows, for its legend.
#[must_use]
pub fn names() -> [Name<'static>; 4] {
    let [remaining, threshold, sync, pause] = LEGEND;
    let name = |mark, color: RGBAColor, words| Name { mark, color, words };
    [
        name(Mark::Line, remaining.0.into(), remaining.1),
        name(Mark::Line, threshold.0.into(), threshold.1),
        name(Mark::Dot, sync.0.into(), sync.1),
        name(Mark::Band, pause.0.mix(PAUSE_SHARE), pause.1),
    ]
}

fn draw_chart(data: &Picture, area: &Area<'_>, layout: Layout, last: f64, most: f64) -> Result<()> {
    let top = most * 1.08;
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_top(0)
        .x_label_area_size(38)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..last * 1.08, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(layout.labels())
        .y_labels(layout.labels())
        .x_desc("seconds since memory flows")
        .y_desc("MiB")
        .draw()?;
    data.draw_into(&mut chart, last, top)
}

impl Picture {
    /// Takes in the next record.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Begin(found) => self.begin = Some(found.clone()),
            Record::End(found) => self.end = Some(found.clone()),
            Record::Sample(sample) if sample.state == JobState::Precopy => {
                let from = *self.from_ns.get_or_insert(sample.at_ns);
                self.sample(sample, from);
            }
            Record::Event { at_ns, event } => {
                if let Some(from) = self.from_ns {
                    self.event(*at_ns, event, from);
                }
            }
            _ => {}
        }
    }

    /// The picture as SVG; none if there was no pre-copy.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn svg(&self, layout: Layout) -> Result<Option<String>> {
        if self.remaining.is_empty() {
            return Ok(None);
        }
        let ((width, height), below) = (layout.size(), self.rates.height());
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (width, height + below)).into_drawing_area();
        draw_all(self, &area, layout).context("cannot draw the picture")?;
        drop(area);
        Ok(Some(svg))
    }

    /// The pause, seconds; none if it is not known.
    #[must_use]
    pub fn pause(&self) -> Option<f64> {
        let pause_ms = self.end.as_ref()?.totals.pause_ms?;
        Some(std::time::Duration::from_millis(pause_ms).as_secs_f64())
    }

    fn title(&self) -> String {
        harmless::printable(&title(self.begin.as_deref(), self.end.as_ref()))
    }

    fn sample(&mut self, sample: &SampleRecord, from_ns: u64) {
        self.remaining
            .push((since(sample.at_ns, from_ns), mib(sample.remaining_bytes)));
        self.rates.sample(sample, from_ns);
    }

    fn event(&mut self, at_ns: u64, event: &EventRecord, from_ns: u64) {
        match event {
            EventRecord::Round {
                sync_at_ns,
                remaining_bytes,
                ..
            } => {
                let at = (since(*sync_at_ns, from_ns), mib(*remaining_bytes));
                self.remaining.push(at);
                self.syncs.push(at);
            }
            EventRecord::Decided {
                accept_bytes,
                cause,
            } => {
                let at = since(at_ns, from_ns);
                if let Some(&(_, before)) = self.threshold.last() {
                    self.threshold.push((at, before));
                }
                self.threshold.push((at, mib(*accept_bytes)));
                self.decisions.push((at, *cause));
            }
            _ => {}
        }
    }

    /// Draws all of it into a chart as high as `top`; `last` is when the pause ended.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn draw_into(&self, chart: &mut Chart<'_, '_>, last: f64, top: f64) -> Result<()> {
        if let Some(pause) = self.pause() {
            let paused = [(last - pause, 0.0), (last, top)];
            chart::band(chart, paused, PAUSE.mix(PAUSE_SHARE))?;
        }
        chart::line(chart, &self.remaining, REMAINING)?;
        chart::line(chart, &self.threshold, THRESHOLD)?;
        let dot = |at: &Point| Circle::new(*at, 3, SYNC.filled());
        chart.draw_series(self.syncs.iter().map(dot))?;
        Ok(())
    }

    /// The last second, the pause included, and the most MiB. The first round is cut off at twice what the syncs find,
    /// or nothing else could be seen beside it.
    #[must_use]
    pub fn extent(&self) -> (f64, f64) {
        let last = self.remaining.iter().map(|p| p.0).fold(1.0, f64::max);
        let synced = self.syncs.iter().map(|p| p.1).fold(1.0, f64::max);
        let all = self.remaining.iter().map(|p| p.1).fold(1.0, f64::max);
        (last + self.pause().unwrap_or(0.0), all.min(synced * 2.0))
    }
}

fn title(begin: Option<&Begin>, end: Option<&End>) -> String {
    let who = begin.map_or_else(
        || "a migration".to_owned(),
        |b| format!("{}, law {}", b.domain, b.law),
    );
    let Some(end) = end else {
        return format!("{who}: not ended");
    };
    let total = end.totals.total_ms;
    let (how, pause) = match end.moved {
        true => ("moved in", format!(", {}", in_words::pause(&end.totals))),
        false => ("not moved in", String::new()),
    };
    format!(
        "{who}: {how} {}.{} s{pause}",
        total / 1000,
        total % 1000 / 100
    )
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_control::sample::{Faults, Sample};
    use libvirt_hpc_control::time::Timestamp;

    use super::*;
    use crate::trace::Writer;
    use crate::trace::tests::begin;

    const TRACE: &str = r#"{"type":"sample","data":{}}"#;

    #[test]
    fn what_is_no_trace_is_no_picture() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.svg");
        assert!(plot(TRACE.as_bytes(), &path).is_err());
        assert!(plot(&b""[..], &path).is_err());
        assert!(!path.exists());
    }

    /// A migration of one round and three samples, its page faults counted or not.
    fn drawn(counted: bool) -> String {
        let sample = |at_ns: u64| {
            let faults = Faults {
                at: Timestamp::from_nanos(at_ns),
                pages: at_ns / 10_000,
            };
            let sample = Sample {
                at: Timestamp::from_nanos(at_ns),
                state: JobState::Precopy,
                remaining_bytes: 1 << 30,
                faults: Some(faults).filter(|_| counted),
                ..Sample::default()
            };
            Record::Sample((&sample).into())
        };
        let mut writer = Writer::new(Vec::new());
        let begin = Record::Begin(Box::new(begin()));
        for record in [begin, sample(1_000_000_000), sample(2_000_000_000)] {
            writer.write(&record).expect("memory takes everything");
        }
        let trace = writer.into_inner().expect("nothing failed");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.svg");
        plot(&trace[..], &path).expect("a picture");
        std::fs::read_to_string(&path).expect("a picture")
    }

    #[test]
    fn what_the_guest_writes_is_a_curve_of_its_own_where_it_was_counted() {
        let (with, without) = (drawn(true), drawn(false));
        assert!(with.contains("written, MiB/s") && with.contains("height=\"630\""));
        assert!(!without.contains("written, MiB/s") && without.contains("height=\"460\""));
    }
}
