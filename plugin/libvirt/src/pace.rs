//! When to read something expensive: no more often than a share of a core allows.

use core::time::Duration;

use libvirt_hpc_control::time::Timestamp;

/// One reading in so many times its duration: 2 % of a core, because a call is at most one core's work.
const SHARE: u32 = 50;

/// The least time between two readings, which is that between two polls of the job.
const APART: Duration = Duration::from_millis(100);

/// The longest time between two readings that found nothing: whether faults are counted does not change while a guest
/// runs, but another call may have had the domain.
const APART_FRUITLESS: Duration = Duration::from_secs(10);

/// When the next reading may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    not_before: Timestamp,
    fruitless: Option<Duration>,
}

impl Pace {
    /// Whether a reading may begin.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.not_before
    }

    /// A reading began and ended then, and has `found` something or nothing. Those that find nothing become less
    /// frequent.
    pub fn finished(&mut self, began: Timestamp, ended: Timestamp, found: bool) {
        let share = ended.since(began).saturating_mul(SHARE);
        self.fruitless = (!found).then(|| {
            let last = self.fruitless.unwrap_or(APART / 2);
            last.saturating_mul(2).min(APART_FRUITLESS)
        });
        let apart = share.max(self.fruitless.unwrap_or(APART)).max(APART);
        self.not_before = began.after(apart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// When the next reading after one from `began` on may be, ms.
    fn next(pace: &Pace, began: u64) -> u64 {
        (began..)
            .find(|&ms| pace.is_due(at(ms)))
            .expect("some time")
    }

    #[test]
    fn the_first_reading_is_due_at_once() {
        assert!(Pace::default().is_due(at(0)));
    }

    #[test]
    fn a_reading_costs_two_per_cent_of_a_core_at_most() {
        for (took, apart) in [
            (0, 100),
            (1, 100),
            (2, 100),
            (3, 150),
            (12, 600),
            (76, 3_800),
        ] {
            let mut pace = Pace::default();
            pace.finished(at(1_000), at(1_000 + took), true);
            assert_eq!(next(&pace, 1_000) - 1_000, apart, "took {took} ms");
        }
    }

    #[test]
    fn readings_that_find_nothing_become_less_frequent() {
        let (mut pace, mut now) = (Pace::default(), 0);
        let apart: Vec<u64> = (0..10)
            .map(|_| {
                pace.finished(at(now), at(now + 1), false);
                let span = next(&pace, now) - now;
                now += span;
                span
            })
            .collect();
        assert_eq!(
            apart,
            [
                100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000
            ]
        );
        pace.finished(at(now), at(now + 1), true);
        assert_eq!(next(&pace, now) - now, 100, "found");
        pace.finished(at(now), at(now + 1), false);
        assert_eq!(next(&pace, now) - now, 100, "one failure changes nothing");
    }

    #[test]
    fn the_end_of_the_clock_and_an_endless_call_are_no_panic() {
        let mut pace = Pace::default();
        pace.finished(at(0), Timestamp::from_nanos(u64::MAX), true);
        assert!(!pace.is_due(at(1_000_000)));
        pace.finished(Timestamp::from_nanos(u64::MAX), at(0), false);
    }
}
