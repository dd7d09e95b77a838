//! How fast the guest writes, as the count of its page faults tells it: a curve below the remaining memory.

use anyhow::Result;
use libvirt_hpc_control::sample::Faults;
use plotters::prelude::*;

use super::chart::{Area, Point, mib, since};
use crate::trace::SampleRecord;

const WRITES: RGBColor = RGBColor(0x55, 0xa8, 0x68);

/// How high it is, pixels.
const HEIGHT: u32 = 170;

/// The rate between each two readings, where the later one was: seconds since memory flowed, MiB/s.
#[derive(Debug, Default)]
pub(super) struct Rates {
    points: Vec<Point>,
    /// When the counter was read last, ns, and what it was.
    last: Option<(u64, u64)>,
}

impl Rates {
    /// Takes a sample in.
    pub(super) fn sample(&mut self, sample: &SampleRecord, from_ns: u64) {
        let Some((at_ns, pages)) = sample.faults_at_ns.zip(sample.faults_pages) else {
            return;
        };
        let Some((last_ns, last_pages)) = self.last.replace((at_ns, pages)) else {
            return;
        };
        // A counter that has fallen has begun anew, and tells of no time before.
        if let Some(more) = pages.checked_sub(last_pages).filter(|_| at_ns > last_ns) {
            let written = mib(more.saturating_mul(Faults::PAGE_BYTES));
            self.points
                .push((since(at_ns, from_ns), written / since(at_ns, last_ns)));
        }
    }

    /// Whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// How high it is drawn, pixels.
    pub(super) fn height(&self) -> u32 {
        if self.is_empty() { 0 } else { HEIGHT }
    }

    /// Draws them up to `last`, a second beyond the end of the picture's time.
    pub(super) fn draw(&self, area: &Area<'_>, last: f64, x_labels: usize) -> Result<()> {
        let most = self.points.iter().map(|point| point.1).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(38)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..last, 0.0..most * 1.08)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_labels(x_labels)
            .x_desc("seconds since memory flows")
            .y_desc("written, MiB/s")
            .y_labels(4)
            .draw()?;
        let curve = LineSeries::new(self.points.iter().copied(), WRITES.stroke_width(2));
        chart.draw_series(curve)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_control::sample::Sample;
    use libvirt_hpc_control::time::Timestamp;

    use super::*;

    fn rates(readings: &[(u64, u64)]) -> Vec<Point> {
        let mut rates = Rates::default();
        for &(at_ms, pages) in readings {
            let faults = Faults {
                at: Timestamp::from_nanos(at_ms * 1_000_000),
                pages,
            };
            let sample = Sample {
                faults: Some(faults),
                ..Sample::default()
            };
            rates.sample(&SampleRecord::from(&sample), 0);
        }
        rates.points
    }

    #[test]
    fn a_rate_stands_where_the_later_reading_was() {
        let half_a_second = rates(&[(1000, 100), (1500, 356)]);
        assert_eq!(half_a_second, [(1.5, 2.0)]);
    }

    #[test]
    fn a_counter_that_begins_anew_leaves_a_gap() {
        let anew = rates(&[(1000, 500), (2000, 0), (2000, 0), (3000, 256)]);
        assert_eq!(anew, [(3.0, 1.0)]);
    }
}
