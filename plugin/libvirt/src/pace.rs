//! When to look at something that costs: no more often than a share of a core allows.

use core::time::Duration;

use libvirt_hpc_control::time::Timestamp;

/// One look in so many times what it takes: 2 % of a core, for the call is at most one core's work.
const SHARE: u32 = 50;

/// The least time between two looks: nobody looks at the job more often.
const APART: Duration = Duration::from_millis(100);

/// The most between two looks where nothing was found: whether somebody counts does not change while a guest runs, but a
/// look may have found the domain held by another call.
const APART_FRUITLESS: Duration = Duration::from_secs(10);

/// When the next look may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    not_before: Timestamp,
    fruitless: Option<Duration>,
}

impl Pace {
    /// Whether a look may begin.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.not_before
    }

    /// A look began and ended then, and has `found` something or nothing. In vain it is made less and less often.
    pub(crate) fn looked(&mut self, began: Timestamp, ended: Timestamp, found: bool) {
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

    /// When the next look after one from `began` on may be, ms.
    fn next(pace: &Pace, began: u64) -> u64 {
        (began..)
            .find(|&ms| pace.is_due(at(ms)))
            .expect("some time")
    }

    #[test]
    fn the_first_look_is_due_at_once() {
        assert!(Pace::default().is_due(at(0)));
    }

    #[test]
    fn a_look_costs_two_per_cent_of_a_core_at_most() {
        for (took, apart) in [
            (0, 100),
            (1, 100),
            (2, 100),
            (3, 150),
            (12, 600),
            (76, 3_800),
        ] {
            let mut pace = Pace::default();
            pace.looked(at(1_000), at(1_000 + took), true);
            assert_eq!(next(&pace, 1_000) - 1_000, apart, "took {took} ms");
        }
    }

    #[test]
    fn what_is_looked_for_in_vain_is_looked_for_ever_less() {
        let (mut pace, mut now) = (Pace::default(), 0);
        let apart: Vec<u64> = (0..10)
            .map(|_| {
                pace.looked(at(now), at(now + 1), false);
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
        pace.looked(at(now), at(now + 1), true);
        assert_eq!(next(&pace, now) - now, 100, "found");
        pace.looked(at(now), at(now + 1), false);
        assert_eq!(next(&pace, now) - now, 100, "one look in vain is no news");
    }

    #[test]
    fn a_clock_at_its_end_and_a_call_that_took_for_ever_are_no_panic() {
        let mut pace = Pace::default();
        pace.looked(at(0), Timestamp::from_nanos(u64::MAX), true);
        assert!(!pace.is_due(at(1_000_000)));
        pace.looked(Timestamp::from_nanos(u64::MAX), at(0), false);
    }
}
