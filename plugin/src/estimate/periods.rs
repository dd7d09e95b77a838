//! The periods in which the guest's dirty rate is measured.
//!
//! ```text
//!   1 s   2 s     1 s  1 s  1 s    3 s            W(1), W(2), and whether that still holds; then W(3)
//!   |--|  |----|  |--| |--| |--|  |------|
//!                                 |--| |--| |--|  or second by second, of a guest that works in phases
//! ```

use std::iter;

/// The longest period that QEMU takes, seconds.
const LONGEST_S: u32 = 60;

/// The shortest period that QEMU takes, seconds, and how often it is measured at most.
const SHORT_S: u32 = 1;
const SHORT_MOST: usize = 600;

/// The last part of the time of a steady guest is one period.
const LAST_PART: u32 = 3;

/// The periods of a survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Seconds, if the guest works in phases.
    all: Vec<u32>,
    taken_s: u32,
}

impl Periods {
    /// Those that fit into so many seconds: each twice as long as the last, for a third of the time, and then the
    /// shortest again and again, which shows phases. A tenth of the time is QEMU's.
    #[must_use]
    pub fn within(seconds: u32) -> Self {
        let mut left = seconds.saturating_sub(seconds.div_ceil(10));
        let mut all = Vec::new();
        let mut next = SHORT_S;
        while next <= left && next <= LONGEST_S && (all.len() < 2 || next <= left / 3) {
            all.push(next);
            left -= next;
            next *= 2;
        }
        let rest = usize::try_from(left).unwrap_or(0).min(SHORT_MOST);
        all.extend(iter::repeat_n(SHORT_S, rest));
        Self { all, taken_s: 0 }
    }

    /// The next one, seconds; none after the last. If the guest has been steady, the last third of the time is one: how
    /// its writes go on in a long iteration is then worth more than whether they still do.
    pub fn next(&mut self, is_steady: impl FnOnce() -> bool) -> Option<u32> {
        let mut end_s = 0_u32;
        let here = self.all.iter().find(|&&period| {
            end_s += period;
            end_s > self.taken_s
        });
        let shortest = *here?;
        let total_s: u32 = self.all.iter().sum();
        let left_s = total_s - self.taken_s;
        let is_last = left_s <= total_s / LAST_PART && left_s <= LONGEST_S;
        let period = if is_last && is_steady() {
            left_s
        } else {
            shortest
        };
        self.taken_s += period;
        Some(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(seconds: u32, is_steady: bool) -> Vec<u32> {
        let mut periods = Periods::within(seconds);
        iter::from_fn(|| periods.next(|| is_steady)).collect()
    }

    #[test]
    fn the_periods_double_for_a_third_of_the_time_and_the_first_comes_again() {
        for (seconds, expected) in [
            (10, &[1, 2, 1, 1, 1, 1, 1, 1][..]),
            (9, &[1, 2, 1, 1, 1, 1, 1]),
            (4, &[1, 2]),
            (2, &[1]),
            (1, &[]),
            (0, &[]),
            (20, &[1, 2, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ] {
            assert_eq!(all(seconds, false), expected, "{seconds}");
        }
    }

    #[test]
    fn the_last_third_of_a_steady_guest_is_one_period() {
        for (seconds, expected) in [
            (10, &[1, 2, 1, 1, 1, 3][..]),
            (9, &[1, 2, 1, 1, 1, 2]),
            (4, &[1, 2]),
            (2, &[1]),
            (20, &[1, 2, 4, 1, 1, 1, 1, 1, 6]),
        ] {
            assert_eq!(all(seconds, true), expected, "{seconds}");
        }
    }

    #[test]
    fn no_survey_takes_longer_than_it_may() {
        for is_steady in [false, true] {
            assert!(
                all(u32::MAX, is_steady)
                    .iter()
                    .all(|&period| period <= LONGEST_S)
            );
            for seconds in 0..200 {
                assert!(all(seconds, is_steady).iter().sum::<u32>() <= seconds);
            }
        }
    }
}
