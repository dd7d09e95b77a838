//! The last readings of the counter.

use core::time::Duration;

use crate::sample::Faults;
use crate::time::Timestamp;

/// So many give the counter at a sync, and its rate.
const KEPT: usize = 4;

/// Within this time after memory began to flow, little has been counted.
const SOON: Duration = Duration::from_millis(100);

/// A reading compared with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The newest.
    Newer,
    /// Not newer.
    Old,
    /// Lower than before: the counter was reset, or a processor removed.
    Backwards,
}

/// The counter at a sync, pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AtSync {
    /// Its likely value.
    pub(super) pages: u64,
    /// The interpolated part of that.
    pub(super) interpolated: u64,
    /// What it had counted when it was read next.
    pub(super) most: u64,
}

/// The newest comes first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Readings([Option<Faults>; KEPT]);

impl Readings {
    /// Takes one in.
    pub(super) fn push(&mut self, faults: Faults) -> Pushed {
        if let Some(newest) = self.newest() {
            if faults.at <= newest.at {
                return Pushed::Old;
            }
            if faults.pages < newest.pages {
                return Pushed::Backwards;
            }
        }
        self.0.rotate_right(1);
        self.0[0] = Some(faults);
        Pushed::Newer
    }

    pub(super) const fn newest(&self) -> Option<Faults> {
        self.0[0]
    }

    pub(super) const fn before_newest(&self) -> Option<Faults> {
        self.0[1]
    }

    /// The interval of the last two.
    pub(super) fn apart(&self) -> Duration {
        let both = self.newest().zip(self.before_newest());
        both.map_or(Duration::ZERO, |(newest, before)| {
            newest.at.since(before.at)
        })
    }

    /// The counter when memory began to flow at `at`; none if it was read neither before nor soon after. Until then no
    /// writes are counted, because nothing is logged; in the first moments few, because QEMU protects memory as it
    /// sends.
    pub(super) fn at_begin(&self, at: Timestamp) -> Option<u64> {
        let mut readings = self.0.iter().flatten();
        let before = readings.clone().find(|reading| reading.at <= at);
        let soon = || readings.rfind(|reading| reading.at <= at.after(SOON));
        Some(before.or_else(soon)?.pages)
    }

    /// The counter at the sync `at`; none if it was not read on both sides.
    ///
    /// Right after a sync the counter rises differently, so the rate of the last two readings before it is continued up
    /// to the sync. If the round, which began at `since`, is too short for two, a straight line leads to the reading
    /// after.
    pub(super) fn at(&self, at: Timestamp, since: Option<Timestamp>) -> Option<AtSync> {
        let index = self
            .0
            .iter()
            .flatten()
            .position(|reading| reading.at <= at)?;
        let before = self.0[index]?;
        let after = self.0[index.checked_sub(1)?]?;
        let earlier = self.0.get(index + 1).copied().flatten();
        let earlier = earlier.filter(|earlier| since.is_none_or(|since| earlier.at >= since));
        let (from, to) = earlier.map_or((before, after), |earlier| (earlier, before));
        let most = after.pages.saturating_sub(before.pages);
        let rise = rise(from, to, at.since(before.at)).min(most);
        let interpolated = if earlier.is_some() { rise } else { most };
        Some(AtSync {
            pages: before.pages.saturating_add(rise),
            interpolated,
            most: after.pages,
        })
    }
}

/// How much the counter rises in `span`, at the rate between two readings.
fn rise(from: Faults, to: Faults, span: Duration) -> u64 {
    let pages = u128::from(to.pages.saturating_sub(from.pages));
    let pages = pages.saturating_mul(span.as_nanos()) / to.at.since(from.at).as_nanos().max(1);
    u64::try_from(pages).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_ms: u64, pages: u64) -> Faults {
        Faults {
            at: at(at_ms),
            pages,
        }
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn readings(of: &[(u64, u64)]) -> Readings {
        let mut readings = Readings::default();
        for &(at_ms, pages) in of {
            assert_eq!(readings.push(reading(at_ms, pages)), Pushed::Newer);
        }
        readings
    }

    fn at_sync(pages: u64, interpolated: u64, most: u64) -> Option<AtSync> {
        Some(AtSync {
            pages,
            interpolated,
            most,
        })
    }

    #[test]
    fn up_to_a_sync_the_counter_rises_as_before() {
        let swept = readings(&[(0, 0), (100, 10), (200, 20), (300, 90)]);
        assert_eq!(swept.at(at(250), None), at_sync(25, 5, 90));
        let flat = readings(&[(0, 0), (100, 50), (200, 50), (300, 100)]);
        assert_eq!(flat.at(at(290), None), at_sync(50, 0, 100));
        let stopped = readings(&[(0, 0), (100, 10), (200, 20), (300, 21)]);
        assert_eq!(
            stopped.at(at(290), None),
            at_sync(21, 1, 21),
            "no more than was read"
        );
    }

    #[test]
    fn a_round_too_short_for_two_readings_is_a_straight_line() {
        let short = readings(&[(0, 0), (100, 90), (200, 110)]);
        assert_eq!(short.at(at(150), Some(at(50))), at_sync(100, 20, 110));
    }

    #[test]
    fn before_memory_flows_nothing_is_counted() {
        let readings = readings(&[(100, 5), (200, 90)]);
        assert_eq!(readings.at_begin(at(190)), Some(5));
        assert_eq!(readings.at_begin(at(90)), Some(5), "soon after");
        assert_eq!(readings.at_begin(at(0)), Some(5), "no later than that");
        let late = self::readings(&[(101, 5), (200, 90)]);
        assert_eq!(late.at_begin(at(0)), None);
        assert_eq!(Readings::default().at_begin(at(90)), None);
    }

    #[test]
    fn a_sync_without_readings_on_both_sides_is_unknown() {
        let readings = readings(&[(100, 1), (200, 2)]);
        assert_eq!(readings.at(at(50), None), None);
        assert_eq!(readings.at(at(250), None), None);
        assert_eq!(Readings::default().at(at(0), None), None);
    }

    #[test]
    fn a_counter_only_rises() {
        let mut readings = readings(&[(100, 5)]);
        assert_eq!(readings.push(reading(100, 7)), Pushed::Old);
        assert_eq!(readings.push(reading(200, 4)), Pushed::Backwards);
        assert_eq!(readings.newest(), Some(reading(100, 5)));
        assert_eq!(readings.push(reading(200, 5)), Pushed::Newer);
        assert_eq!(readings.apart(), Duration::from_millis(100));
    }
}
