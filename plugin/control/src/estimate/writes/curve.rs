//! W(x): bytes written within x of a sync.

use core::time::Duration;

use crate::rate::scale;

/// Number of ages: two per octave from 32 ms on, up to seven hours.
const AGES: usize = 40;

/// The age at an index, ms.
const fn age_ms(index: usize) -> u64 {
    (if index.is_multiple_of(2) { 32 } else { 48 }) << (index / 2)
}

fn age(index: usize) -> Duration {
    Duration::from_millis(age_ms(index))
}

/// The curve, at each age as the newest round of that length has shown it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    bytes: [u64; AGES],
    /// How many points are known.
    known: usize,
    /// The same without the present round.
    before: [u64; AGES],
    before_known: usize,
    /// The most that any round but the present one has shown.
    most: [u64; AGES],
    /// The last point of the present round.
    last: (Duration, u64),
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            bytes: [0; AGES],
            known: 0,
            before: [0; AGES],
            before_known: 0,
            most: [0; AGES],
            last: (Duration::ZERO, 0),
        }
    }
}

impl Curve {
    /// A sync: the curve is drawn anew, over the known one.
    pub(super) fn begin_round(&mut self) {
        self.last = (Duration::ZERO, 0);
        self.before = self.bytes;
        self.before_known = self.known;
        for (most, bytes) in self.most.iter_mut().zip(self.bytes) {
            *most = bytes.max(*most);
        }
    }

    /// Takes in the bytes written so long after the sync.
    pub(super) fn record(&mut self, at: Duration, bytes: u64) {
        let (from, from_bytes) = self.last;
        if at <= from {
            return;
        }
        for index in 0..AGES {
            let age = age(index);
            if (from..=at).contains(&age) {
                self.bytes[index] = between((from, from_bytes), (at, bytes), age);
                self.known = self.known.max(index + 1);
            }
        }
        self.last = (at, bytes);
    }

    /// W at `span`; none if no round took so long.
    pub(super) fn at(&self, span: Duration) -> Option<u64> {
        read(&self.bytes[..self.known], span)
    }

    /// The same without the present round.
    pub(super) fn before(&self, span: Duration) -> Option<u64> {
        read(&self.before[..self.before_known], span)
    }

    /// The most that any round but the present one had written at `span`; beyond the longest round, the most of all.
    pub(super) fn most_at(&self, span: Duration) -> u64 {
        let points = &self.most[..self.before_known];
        let all = points.iter().copied().max().unwrap_or(0);
        read(points, span).unwrap_or(all)
    }

    /// The most that any round, the present one included, had written at `span`; beyond the longest, the most that a
    /// concave curve allows. None if nothing is known.
    pub(super) fn most_within(&self, span: Duration) -> Option<u64> {
        let last = self.known.checked_sub(1)?;
        let beyond = || {
            let (bytes, age_ms) = (self.bytes[last], age_ms(last));
            let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            scale(bytes, span_ms.saturating_add(1), age_ms)
        };
        Some(self.most_at(span).max(self.at(span).unwrap_or_else(beyond)))
    }
}

/// The curve through `points` at `span`. It never falls: where an older round showed less, the newer one counts.
fn read(points: &[u64], span: Duration) -> Option<u64> {
    let mut low = (Duration::ZERO, 0);
    for (index, &bytes) in points.iter().enumerate() {
        let high = (age(index), bytes.max(low.1));
        if span <= high.0 {
            return Some(between(low, high, span));
        }
        low = high;
    }
    None
}

/// The straight line between two points, at `at`.
fn between(from: (Duration, u64), to: (Duration, u64), at: Duration) -> u64 {
    let span = (to.0 - from.0).as_nanos().max(1);
    let part = at.saturating_sub(from.0).as_nanos();
    let rise = u128::from(to.1.saturating_sub(from.1)) * part / span;
    from.1
        .saturating_add(u64::try_from(rise).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn ages_are_two_an_octave() {
        let ages: [u64; 6] = core::array::from_fn(age_ms);
        assert_eq!(ages, [32, 48, 64, 96, 128, 192]);
        assert!(age_ms(AGES - 1) > 6 * 3_600_000);
    }

    #[test]
    fn a_straight_line_comes_back_as_far_as_it_was_drawn() {
        let mut curve = Curve::default();
        (1..=10).for_each(|step| curve.record(ms(step * 100), step * 1000));
        assert_eq!(curve.at(ms(0)), Some(0));
        assert_eq!(curve.at(ms(16)), Some(160));
        assert_eq!(curve.at(ms(500)), Some(5000));
        assert_eq!(curve.at(ms(768)), Some(7680));
        assert_eq!(curve.at(ms(800)), None, "beyond the last age");
        assert_eq!(curve.before(ms(16)), None, "the first round");
    }

    #[test]
    fn at_an_age_the_curve_is_what_was_recorded() {
        let mut curve = Curve::default();
        curve.record(ms(64), 700);
        assert_eq!((curve.at(ms(64)), curve.at(ms(65))), (Some(700), None));
        curve.record(ms(96), 1000);
        assert_eq!(
            (curve.at(ms(64)), curve.at(ms(96))),
            (Some(700), Some(1000))
        );
    }

    #[test]
    fn the_newest_round_counts_where_it_was_and_the_older_one_beyond() {
        let mut curve = Curve::default();
        (1..=10).for_each(|step| curve.record(ms(step * 100), step * 1000));
        curve.begin_round();
        (1..=2).for_each(|step| curve.record(ms(step * 100), step * 10));
        assert_eq!(curve.at(ms(192)), Some(19));
        assert_eq!(curve.at(ms(768)), Some(7680));
        assert_eq!(curve.before(ms(192)), Some(1920));
    }

    #[test]
    fn the_most_is_that_of_the_busiest_round_before_the_present_one() {
        let mut curve = Curve::default();
        let line = |curve: &mut Curve, bytes: u64| {
            (1..=10).for_each(|step| curve.record(ms(step * 100), step * bytes));
        };
        line(&mut curve, 1000);
        assert_eq!(curve.most_at(ms(192)), 0, "the present round");
        for bytes in [10, 0, 500] {
            curve.begin_round();
            line(&mut curve, bytes);
            assert_eq!(curve.most_at(ms(192)), 1920, "{bytes}");
        }
        curve.begin_round();
        line(&mut curve, 3000);
        assert_eq!(curve.most_at(ms(192)), 1920, "the present round");
        curve.begin_round();
        assert_eq!(curve.most_at(ms(192)), 5760);
    }

    /// Even if the longest round wrote less: the working set of a shorter one is no smaller later.
    #[test]
    fn beyond_the_longest_round_the_most_is_that_of_all() {
        let mut curve = Curve::default();
        curve.record(ms(1000), 50);
        curve.begin_round();
        curve.record(ms(100), 500);
        curve.begin_round();
        assert_eq!(curve.most_at(ms(100_000)), 480);
        assert_eq!(curve.most_at(ms(700)), 480);
        assert_eq!(Curve::default().most_at(ms(0)), 0);
    }

    #[test]
    fn it_never_falls() {
        let mut curve = Curve::default();
        curve.record(ms(1000), 10);
        curve.begin_round();
        curve.record(ms(100), 500);
        let read: std::vec::Vec<_> = (0..768).filter_map(|x| curve.at(ms(x))).collect();
        assert!(read.is_sorted(), "{read:?}");
    }
}
