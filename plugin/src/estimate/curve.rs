//! W(x): distinct bytes that the guest writes within x, from a few readings of it.
//!
//! ```text
//!   W |            . - - most: as the last rise
//!     |        o - - - - likely: the rise decays as it has so far
//!     |     o  ' - - - - least: no more than was seen
//!     |   o
//!     |  /  between: straight lines; before the first: decaying, too
//!     +-----------------> x
//! ```
//! The curve is concave, because a page that was written counts once. Memory written at random follows
//! `V (1 - exp(-w x / V))` (docs/control-law.md, section 1), so the rise of that form is what is likely.

use std::time::Duration;

use super::number::{scale, whole};

/// QEMU samples so many pages of each GiB (`DIRTYRATE_DEFAULT_SAMPLE_PAGES`, `migration/dirtyrate.h`).
const SAMPLED_PER_GIB: f64 = 512.0;

/// Readings that are so many standard errors apart are not of the same guest: of ten readings of a steady one the least
/// and the most are three apart.
pub(super) const CHANCE: f64 = 4.0;

/// Standard errors that a reading may be off, for least and most: nineteen of twenty are not.
const ERRORS: f64 = 2.0;

/// Below this ratio of two rises the curve is a straight line as far as one can see.
const STRAIGHT: f64 = 1.1;

/// How the readings of a guest may be off, in turn, as parts of their standard error: all alike, or every other one.
const CHANCES: [[f64; 2]; 4] = [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]];

/// Where a curve is drawn before its first reading, as parts of it.
const BEFORE: [f64; 6] = [0.03125, 0.0625, 0.125, 0.25, 0.5, 0.75];

/// Where a curve is drawn after its last reading, as multiples of it.
const AFTER: [f64; 13] = [
    1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0, 256.0, 4096.0,
];

/// The share of memory that a working set has at most, unless more was seen: the largest of published HPC codes rewrite
/// half of their memory, and a program that rewrote all of it would have no input.
const LARGEST_SHARE: f64 = 0.6;

/// Memory written within a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The span.
    pub span: Duration,
    /// Distinct bytes written in it.
    pub written_bytes: u64,
    /// Whether it was sampled from some pages; otherwise all of them were seen.
    pub sampled: bool,
}

/// W(x) by its corners, straight between them and flat after the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curve {
    /// Span in ns and bytes, both rising.
    corners: Vec<(u64, u64)>,
}

impl Curve {
    /// Nothing is written.
    #[must_use]
    pub const fn idle() -> Self {
        Self {
            corners: Vec::new(),
        }
    }

    /// Bytes written within `span_ns`.
    #[must_use]
    pub fn written_bytes(&self, span_ns: u64) -> u64 {
        let after = self.corners.partition_point(|(span, _)| *span <= span_ns);
        let (from, bytes) = match after.checked_sub(1) {
            Some(before) => self.corners[before],
            None => (0, 0),
        };
        let Some((to, most)) = self.corners.get(after) else {
            return bytes;
        };
        let rise = most.saturating_sub(bytes);
        bytes.saturating_add(scale(rise, span_ns - from, to - from))
    }

    /// The same, of a guest that writes `percent` of it.
    #[must_use]
    pub fn share(&self, percent: u64) -> Self {
        let part = |(span, bytes): &(u64, u64)| (*span, scale(*bytes, percent, 100));
        Self {
            corners: self.corners.iter().map(part).collect(),
        }
    }

    fn new(corners: impl IntoIterator<Item = (f64, f64)>, most: f64) -> Self {
        let (mut span, mut bytes) = (0, 0);
        let mut drawn = Vec::new();
        for (at, written) in corners {
            let at = whole(at);
            bytes = bytes.max(whole(written.min(most)));
            if at > span {
                span = at;
                drawn.push((at, bytes));
            }
        }
        Self { corners: drawn }
    }
}

/// The points of W(x) that the readings give: of the busy guest, and concave.
pub(super) fn points(readings: &[Reading], total_bytes: u64) -> Vec<(Duration, u64)> {
    let seen = in_order(readings, total_bytes).into_iter();
    seen.map(|(span, written, _)| (Duration::from_nanos(whole(span)), whole(written)))
        .collect()
}

/// What W(x) is likely to be, and between which two it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curves {
    /// Nothing more than was seen.
    pub least: Curve,
    /// In between.
    pub likely: Curve,
    /// All that may be.
    pub most: Curve,
    /// Others as likely: each reading is off by its standard error.
    pub by_chance: Vec<Curve>,
}

impl Curves {
    /// The curves of a guest of `total_bytes`, of which `data_bytes` hold data; none without readings.
    #[must_use]
    pub fn of(readings: &[Reading], total_bytes: u64, data_bytes: u64) -> Option<Self> {
        let seen = Seen::new(readings, total_bytes, data_bytes)?;
        Some(Self {
            least: seen.least(),
            likely: seen.likely(),
            most: seen.most(),
            by_chance: seen.by_chance().map(|seen| seen.likely()).collect(),
        })
    }
}

/// What was seen.
struct Seen {
    /// As of [`in_order`].
    points: Vec<(f64, f64, f64)>,
    data: f64,
}

impl Seen {
    fn new(readings: &[Reading], total_bytes: u64, data_bytes: u64) -> Option<Self> {
        let points = in_order(readings, total_bytes);
        (!points.is_empty()).then_some(Self {
            points,
            data: data_bytes.min(total_bytes) as f64,
        })
    }

    /// The same guest, if its readings had been off; none if they are exact.
    fn by_chance(&self) -> impl Iterator<Item = Self> {
        let is_exact = self.points.iter().all(|(_, _, error)| *error == 0.0);
        let chances = CHANCES.iter().filter(move |_| !is_exact);
        chances.map(|chance| {
            let off = |((span, written, error), errors): (&(f64, f64, f64), &f64)| {
                (*span, (written + errors * error).max(0.0), *error)
            };
            let mut points: Vec<_> = self
                .points
                .iter()
                .zip(chance.iter().cycle())
                .map(off)
                .collect();
            shape(&mut points);
            Self {
                points,
                data: self.data,
            }
        })
    }

    fn least(&self) -> Curve {
        let less =
            |(span, written, error): &(f64, f64, f64)| (*span, (written - ERRORS * error).max(0.0));
        Curve::new(self.points.iter().map(less), self.data)
    }

    fn likely(&self) -> Curve {
        let (span, written, _) = self.points[0];
        let decay = self.first_decay();
        let before = BEFORE.map(|part| {
            let share = (1.0 - (-decay * part).exp()) / (1.0 - (-decay).exp());
            (
                span * part,
                written * if decay < 1e-3 { part } else { share },
            )
        });
        let (last, rise, decay_span) = self.end();
        let after = AFTER.map(|times| {
            let further = last.0 * (times - 1.0);
            let more = match decay_span {
                Some(decays) => rise * decays * (1.0 - (-further / decays).exp()),
                None => (rise * further).min((self.guess(last.1) - last.1).max(0.0)),
            };
            (last.0 * times, last.1 + more)
        });
        let seen = self
            .points
            .iter()
            .map(|(span, written, _)| (*span, *written));
        Curve::new(before.into_iter().chain(seen).chain(after), self.data)
    }

    fn most(&self) -> Curve {
        let up = |(span, written, error): &(f64, f64, f64)| (*span, written + ERRORS * error);
        let first = up(&self.points[0]);
        let (last, rise, _) = self.end();
        let end = up(&self.points[self.points.len() - 1]);
        let after = AFTER.map(|times| (last.0 * times, end.1 + rise * last.0 * (times - 1.0)));
        let at_once = [(1.0, first.1)];
        Curve::new(
            at_once
                .into_iter()
                .chain(self.points.iter().map(up))
                .chain(after),
            self.data,
        )
    }

    /// How often the rise has decayed by e within the first span: by the first two readings, if they tell. They are taken
    /// to differ by no more than is certain, because most programs rewrite their working set within less than a second,
    /// those of the benchmark within 0.3 s, and sampling errors would make every other one of them a slow one.
    fn first_decay(&self) -> f64 {
        /// Nothing is known within one span: nine tenths of what is written in it are in its first half.
        const UNKNOWN: f64 = 4.6;
        let [first, second, ..] = self.points.as_slice() else {
            return UNKNOWN;
        };
        let earlier = first.1 / first.0;
        let error = (first.2 * first.2 + second.2 * second.2).sqrt();
        let later = (second.1 - first.1 - error).max(0.0) / (second.0 - first.0);
        // Mean rises of two spans that follow one another; their middles are so many first spans apart.
        let apart = second.0 / first.0 / 2.0;
        match earlier / later.max(f64::MIN_POSITIVE) {
            ratio if ratio < STRAIGHT => 0.0,
            ratio => (ratio.ln() / apart).min(100.0),
        }
    }

    /// The last reading, the rise there in bytes per ns, and the span in which it decays by e; none if it does not.
    fn end(&self) -> ((f64, f64), f64, Option<f64>) {
        let last = self.points[self.points.len() - 1];
        let end = (last.0, last.1);
        let before = self
            .points
            .len()
            .checked_sub(2)
            .map(|index| self.points[index]);
        let Some(before) = before else {
            // Nothing is known of how it goes on: as much again at most.
            return (end, last.1 / last.0, Some(last.0 / 2.0));
        };
        let rise = ((last.1 - before.1) / (last.0 - before.0)).max(0.0);
        let mean = before.1 / before.0;
        let ratio = mean / rise.max(f64::MIN_POSITIVE);
        let decays = (ratio >= STRAIGHT).then(|| last.0 / 2.0 / ratio.ln());
        // The rise falls on from the middle of the last span to its end.
        let at_end = decays.map_or(rise, |decays| {
            rise * (-(last.0 - before.0) / 2.0 / decays).exp()
        });
        (end, at_end, decays)
    }

    /// A working set of which only a part was seen: any share up to the largest is as likely, on a scale of ratios.
    fn guess(&self, seen: f64) -> f64 {
        (seen.max(1.0) * (LARGEST_SHARE * self.data).max(seen)).sqrt()
    }
}

/// The readings in order, of the busy guest, and concave: span in ns, bytes, and what those may be off.
fn in_order(readings: &[Reading], total_bytes: u64) -> Vec<(f64, f64, f64)> {
    let mut readings: Vec<&Reading> = readings
        .iter()
        .filter(|reading| !reading.span.is_zero())
        .collect();
    readings.sort_by_key(|reading| reading.span);
    let same = |one: &&Reading, other: &&Reading| other.span - one.span <= one.span / 10;
    let mut points: Vec<_> = readings
        .chunk_by(same)
        .map(|group| point(group, total_bytes as f64))
        .collect();
    shape(&mut points);
    points
}

/// Makes them concave and rising.
fn shape(points: &mut [(f64, f64, f64)]) {
    // Whoever wrote more per time in a longer span was quiet in a part of the shorter.
    let mut most_per_ns = 0.0_f64;
    for (span, written, _) in points.iter_mut().rev() {
        *written = written.max(most_per_ns * *span);
        most_per_ns = most_per_ns.max(*written / *span);
    }
    rising(points);
}

/// W(x) never falls. Where readings do, by no more than chance makes them, their mean counts for all of them; else the
/// guest was busier in the shorter span.
fn rising(points: &mut [(f64, f64, f64)]) {
    for end in 1..points.len() {
        let (mut begin, mut mean) = (end, points[end].1);
        while begin > 0 && points[begin - 1].1 > mean {
            let (_, before, error) = points[begin - 1];
            if before - mean > CHANCE * error {
                mean = before;
                break;
            }
            let count = (end + 1 - begin) as f64;
            mean = (mean * count + before) / (count + 1.0);
            begin -= 1;
        }
        points[begin..=end]
            .iter_mut()
            .for_each(|point| point.1 = mean);
    }
}

/// One point of readings of the same span. If they differ by no more than chance makes them, the mean of the exact ones
/// counts, or else of all; otherwise the busiest, and the others show in the phases.
fn point(group: &[&Reading], total: f64) -> (f64, f64, f64) {
    let written = |reading: &&Reading| (reading.written_bytes as f64).min(total);
    let most = group.iter().map(written).fold(0.0, f64::max);
    let least = group.iter().map(written).fold(total, f64::min);
    let exact: Vec<&Reading> = (group.iter().copied())
        .filter(|reading| !reading.sampled)
        .collect();
    let is_sampled = exact.len() < group.len();
    let error = |written| {
        if is_sampled {
            sampling_error(written, total)
        } else {
            0.0
        }
    };
    let span = group[0].span.as_nanos() as f64;
    let mean = |of: &[&Reading]| of.iter().map(written).sum::<f64>() / of.len() as f64;
    let all = mean(group);
    if most - least > CHANCE * error(all) {
        (span, most, error(most))
    } else if exact.is_empty() {
        (span, all, error(all))
    } else {
        (span, mean(&exact), 0.0)
    }
}

/// The standard error of `written` of `total` bytes, by so many pages as QEMU samples.
pub(super) fn sampling_error(written: f64, total: f64) -> f64 {
    let gib = total / (1_u64 << 30) as f64;
    let pages = (SAMPLED_PER_GIB * gib).max(1.0);
    let share = (written / total.max(1.0)).clamp(0.0, 1.0);
    // Where no page or each was written, one more or less may have been.
    let spread = (share * (1.0 - share)).max(1.0 / pages);
    total * (spread / pages).sqrt()
}

#[cfg(test)]
mod tests;
