//! VEP 291: a ramp of the limit. The legacy law runs in parallel.

use std::time::Duration;

use super::stall::MAX_MS;
use crate::peer::{Knobs, Moment};

/// The first limit, milliseconds.
const FIRST_MS: u32 = 150;

/// The ramp has so many steps.
const STEPS: u32 = 7;

/// From this iteration on.
const ITERATION: u64 = 3;

/// The shortest time between two steps.
const DWELL: Duration = Duration::from_secs(10);

/// The limit in force, and since when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tune {
    limit: Option<(u32, Duration)>,
}

impl Tune {
    pub(super) fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        let Some((ms, since)) = self.limit else {
            return self.set(FIRST_MS, now, knobs);
        };
        let dwelt = now.clock.saturating_sub(since) >= DWELL;
        if now.sample().iteration < ITERATION || !dwelt {
            return;
        }
        let step = ((MAX_MS - FIRST_MS) / STEPS).max(1);
        let next = (ms + step).min(MAX_MS);
        if next > ms {
            self.set(next, now, knobs);
        }
    }

    fn set(&mut self, ms: u32, now: &Moment<'_>, knobs: &mut Knobs) {
        self.limit = Some((ms, now.clock));
        knobs.set_downtime(ms);
    }
}

#[cfg(test)]
mod tests {
    use crate::script::Script;

    const RAMP: [u32; 9] = [150, 257, 364, 471, 578, 685, 792, 899, 900];

    #[test]
    fn nine_limits_ten_seconds_apart_from_the_third_iteration_on() {
        // The third iteration begins at 14 s.
        let mut script = Script::of("vep-291").iteration_every_ms(7_000);
        let times = [
            0, 14_000, 24_000, 34_000, 44_000, 54_000, 64_000, 74_000, 84_000,
        ];
        let expected: Vec<_> = times.into_iter().zip(RAMP).collect();
        assert_eq!(script.limits_until(120_000), expected);
    }

    #[test]
    fn at_a_twentieth_of_its_times_the_steps_are_half_a_second_apart() {
        let mut script = Script::of("vep-291@0.05").iteration_every_ms(350);
        let times = [0, 700, 1_200, 1_700, 2_200, 2_700, 3_200, 3_700, 4_200];
        let expected: Vec<_> = times.into_iter().zip(RAMP).collect();
        assert_eq!(script.limits_until(6_000), expected);
    }
}
