//! The end-to-end cost of a move to the application: how much later than undisturbed it gets to the same point of its
//! work.

use crate::listen::Heard;
use crate::report::{At, float};

/// The parameters of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long before the move, and at the end of the time that the guest is followed, the undisturbed
    /// progress is taken from, in nanoseconds; what was done then is expected again and again. Whole cycles
    /// of a workload with phases.
    pub baseline_ns: u64,
    /// How long after its arrival the guest is followed, in nanoseconds, so that slowness on the new host counts too
    /// (post-copy); none: as long as it was heard.
    pub after_ns: Option<u64>,
}

impl Delay {
    /// The delay in ms of the move that began at `since_ns`: the mean of how much later than expected from the progress
    /// before it the work of the last `baseline_ns` was done, and how much sooner than expected from that progress the
    /// work before it. The mean of the two, because machines that guests share are faster and slower by turns, and a
    /// steady gain or loss over the move is then not counted as the move's. `beats` are as for
    /// [`crate::report::measure`], from `baseline_ns` before.
    ///
    /// `None` if the guest did not arrive, or was not heard for the whole time before and after, or made
    /// progress too seldom to be timed by it.
    #[must_use]
    pub fn of(&self, beats: &[At<'_>], since_ns: u64) -> Option<f64> {
        let begin_ns = since_ns.checked_sub(self.baseline_ns)?;
        let begin = beats.partition_point(|b| b.heard.at_ns < since_ns);
        let moved = beats[begin..].windows(2);
        let mut arrivals = moved.filter(|w| w[0].host != w[1].host);
        let arrival_ns = arrivals.next()?[1].heard.at_ns;
        let last_ns = beats.last()?.heard.at_ns;
        let end_ns = self
            .after_ns
            .map_or(last_ns, |after_ns| arrival_ns + after_ns);
        let settled_ns = end_ns.saturating_sub(self.baseline_ns).max(arrival_ns);
        if last_ns < end_ns || settled_ns == end_ns {
            return None;
        }
        let (before, after) = (
            Expected::new(beats, begin_ns, since_ns)?,
            Expected::new(beats, settled_ns, end_ns)?,
        );
        let late = before.mean_delay(beats, settled_ns, end_ns)?;
        let early = -after.mean_delay(beats, begin_ns, since_ns)?;
        Some(f64::midpoint(late, early))
    }
}

/// The fewest beats with progress in a baseline: a program that rarely reports a step shows no speed.
const TOLD: usize = 20;

/// The expected progress: that of the baseline, repeated after it, and before it.
struct Expected<'a> {
    baseline: &'a [At<'a>],
    length_ns: f64,
    steps: f64,
}

impl<'a> Expected<'a> {
    fn new(beats: &'a [At<'a>], from_ns: u64, to_ns: u64) -> Option<Self> {
        // From the last beat before its beginning on, so that no part of it is unheard.
        let begin = beats
            .partition_point(|b| b.heard.at_ns <= from_ns)
            .checked_sub(1)?;
        let end = beats.partition_point(|b| b.heard.at_ns < to_ns);
        let baseline = beats.get(begin..end)?;
        let (first, last) = (&baseline.first()?.heard, &baseline.last()?.heard);
        let steps = float(last.beat.steps.saturating_sub(first.beat.steps));
        let progress = |w: &&[At<'_>]| w[1].heard.beat.steps > w[0].heard.beat.steps;
        let told = baseline.windows(2).filter(progress).count();
        (first.beat.ready && told >= TOLD).then(|| Self {
            baseline,
            length_ns: float(last.at_ns - first.at_ns),
            steps,
        })
    }

    /// The mean over the work done from `from_ns` to `end_ns`.
    fn mean_delay(&self, beats: &[At<'_>], from_ns: u64, end_ns: u64) -> Option<f64> {
        let (mut delays, mut work) = (0.0, 0.0);
        for pair in beats.windows(2) {
            let (before, heard) = (&pair[0].heard, &pair[1].heard);
            let steps = float(heard.beat.steps.saturating_sub(before.beat.steps));
            if before.at_ns >= from_ns && heard.at_ns <= end_ns && steps > 0.0 {
                delays += steps * (float(heard.at_ns) - self.reached_ns(heard)?);
                work += steps;
            }
        }
        (work > 0.0).then(|| delays / work / 1e6)
    }

    /// When as many steps as `heard` has were expected, in ns of the same clock.
    fn reached_ns(&self, heard: &Heard) -> Option<f64> {
        let first = &self.baseline.first()?.heard;
        let done = float(heard.beat.steps) - float(first.beat.steps);
        let cycles = (done / self.steps).floor();
        let into = done - cycles * self.steps;
        let steps_at = |at: &At<'_>| float(at.heard.beat.steps.saturating_sub(first.beat.steps));
        let later = self
            .baseline
            .partition_point(|at| steps_at(at) < into)
            .max(1);
        let [before, after] = self.baseline.get(later - 1..=later)? else {
            return None;
        };
        let (low, high) = (steps_at(before), steps_at(after));
        let share = if high > low {
            (into - low) / (high - low)
        } else {
            0.0
        };
        let (begin, end) = (float(before.heard.at_ns), float(after.heard.at_ns));
        Some(begin + share * (end - begin) + cycles * self.length_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::MS;

    const CYCLE_MS: u64 = 3000;
    const DELAY: Delay = Delay {
        baseline_ns: 2 * CYCLE_MS * MS,
        after_ns: Some(7000 * MS),
    };

    fn at(host: &str, ms: u64, steps: u64) -> At<'_> {
        crate::report::tests::at(host, ms, ms, steps)
    }

    /// A step a millisecond for 2 s, then nothing for 1 s; `ms` of the guest's own time.
    fn phased(ms: u64) -> u64 {
        ms / CYCLE_MS * 2000 + (ms % CYCLE_MS).min(2000)
    }

    /// 30 s of a guest that is paused for `pause_ms` at `pause_at_ms`.
    fn paused(pause_at_ms: u64, pause_ms: u64) -> Vec<At<'static>> {
        let own = (0..30_000).step_by(10);
        let beat = |ms| match ms {
            ms if ms < pause_at_ms => at("alpha", ms, phased(ms)),
            ms => at("beta", ms + pause_ms, phased(ms)),
        };
        own.map(beat).collect()
    }

    #[test]
    fn a_pause_delays_by_its_length_in_whatever_phase_it_falls() {
        for pause_at in [9500, 10_500, 11_500, 14_990] {
            let delay = DELAY.of(&paused(pause_at, 700), 9_100 * MS);
            let delay = delay.expect("it arrived");
            assert!((delay - 700.0).abs() < 15.0, "{pause_at}: {delay}");
        }
    }

    #[test]
    fn slow_work_delays_by_the_time_it_takes_to_do_the_rest() {
        // Half speed from 10 s to 14 s, the move at 12 s; 2000 steps less are 2 s.
        let steps = |ms: u64| ms - (ms.clamp(10_000, 14_000) - 10_000) / 2;
        let host = |ms| if ms < 12_000 { "alpha" } else { "beta" };
        let beats: Vec<_> = (0..3000)
            .map(|n| n * 10)
            .map(|ms| at(host(ms), ms, steps(ms)))
            .collect();
        let delay = Delay {
            after_ns: Some(9000 * MS),
            ..DELAY
        };
        let delay = delay.of(&beats, 10_000 * MS).expect("it arrived");
        assert!((delay - 2000.0).abs() < 15.0, "{delay}");
    }

    #[test]
    fn a_machine_that_becomes_faster_on_the_way_is_no_gain() {
        // A tenth faster from half-way between the two baselines on, with a pause of 700 ms there.
        let steps = |ms: u64| ms.min(13_500) * 10 + ms.saturating_sub(13_500) * 11;
        let beat = |ms| match ms {
            ms if ms < 13_500 => at("alpha", ms, steps(ms)),
            ms => at("beta", ms + 700, steps(ms)),
        };
        let beats: Vec<_> = (0..3000).map(|n| beat(n * 10)).collect();
        let delay = Delay {
            baseline_ns: 3000 * MS,
            after_ns: Some(6500 * MS),
        };
        let delay = delay.of(&beats, 10_000 * MS).expect("it arrived");
        assert!((delay - 700.0).abs() < 30.0, "{delay}");
    }

    #[test]
    fn what_was_not_heard_is_not_measured() {
        let beats = paused(9500, 700);
        assert_eq!(DELAY.of(&beats, 5_000 * MS), None, "too little before");
        assert_eq!(
            DELAY.of(&beats[..1600], 9_100 * MS),
            None,
            "too little after"
        );
        assert_eq!(DELAY.of(&paused(29_999, 0), 9_100 * MS), None, "no arrival");
        let mut seldom = paused(9500, 700);
        for at in &mut seldom {
            at.heard.beat.steps -= at.heard.beat.steps % 1000;
        }
        assert_eq!(DELAY.of(&seldom, 9_100 * MS), None, "too few steps");
    }
}
