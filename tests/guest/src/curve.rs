//! The application's progress before, during and after a move, to be plotted.

use crate::report::{At, ms};
use serde::Serialize;

/// The recorded part of the progress. Times are in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The beginning of the move; the curve's times count from here.
    pub since_ns: u64,
    /// How long before it the curve begins.
    pub before_ns: u64,
    /// How long after it the curve ends.
    pub after_ns: u64,
    /// The span of one point.
    pub every_ns: u64,
}

/// One point of the curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When, in ms after the beginning of the move; negative before it.
    pub at_ms: f64,
    /// The host that heard the guest.
    pub host: String,
    /// Steps done since the first point.
    pub steps: u64,
    /// The phase that ran.
    pub phase: usize,
}

impl Window {
    /// The first beat of every span of the window, and the two on either side of a change of host, so that the pause is
    /// exact. `beats` are in order of time.
    #[must_use]
    pub fn curve(&self, beats: &[At<'_>]) -> Vec<Point> {
        let from_ns = self.since_ns.saturating_sub(self.before_ns);
        let until_ns = self.since_ns.saturating_add(self.after_ns);
        let begin = beats.partition_point(|b| b.heard.at_ns < from_ns);
        let end = beats.partition_point(|b| b.heard.at_ns <= until_ns);
        let beats = beats.get(begin..end).unwrap_or_default();
        let stretch = |at: &At<'_>| (at.heard.at_ns - from_ns) / self.every_ns.max(1);
        let kept = beats.iter().enumerate().filter(|(n, at)| {
            let differs = |other: Option<&At<'_>>| other.is_none_or(|o| o.host != at.host);
            let previous = n.checked_sub(1).and_then(|n| beats.get(n));
            let begins = previous.is_none_or(|p| stretch(p) != stretch(at));
            begins || differs(previous) || differs(beats.get(n + 1))
        });
        let first_steps = beats.first().map_or(0, |at| at.heard.beat.steps);
        kept.map(|(_, at)| self.point(at, first_steps)).collect()
    }

    fn point(&self, at: &At<'_>, first_steps: u64) -> Point {
        let later = ms(at.heard.at_ns.saturating_sub(self.since_ns));
        let earlier = ms(self.since_ns.saturating_sub(at.heard.at_ns));
        Point {
            at_ms: later - earlier,
            host: at.host.to_owned(),
            steps: at.heard.beat.steps.saturating_sub(first_steps),
            phase: at.heard.beat.phase,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat::Beat;
    use crate::listen::Heard;

    #[test]
    fn the_pause_stays_as_it_was() {
        let at = |host, ms: u64| {
            let beat = format!("g {ms} 0 {} 0 1 0 1", 50 + ms).parse::<Beat>();
            let (at_ns, beat) = (ms * 1_000_000, beat.expect("it is a heartbeat"));
            At {
                host,
                heard: Heard { at_ns, beat },
            }
        };
        let alpha = (100..205).step_by(5).map(|ms| at("alpha", ms));
        let beta = (333..400).step_by(5).map(|ms| at("beta", ms));
        let window = Window {
            since_ns: 150_000_000,
            before_ns: 40_000_000,
            after_ns: 200_000_000,
            every_ns: 50_000_000,
        };
        let points = window.curve(&alpha.chain(beta).collect::<Vec<_>>());
        let times: Vec<_> = points.iter().map(|p| p.at_ms).collect();
        assert_eq!(times, [-40.0, 10.0, 50.0, 183.0, 198.0]);
        assert_eq!((points[0].steps, points[3].steps), (0, 223));
        assert_eq!((points[3].host.as_str(), points[3].phase), ("beta", 1));
    }
}
