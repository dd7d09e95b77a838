//! The least remaining memory within the last 40 seconds, and before.

use std::collections::VecDeque;
use std::time::Duration;

/// `stallWindow`: 40 s in the code, 60 s in the text of the enhancement.
pub(super) const WINDOW: Duration = Duration::from_secs(40);

/// Remainders at boundaries, each less than the one before; and the least of the older ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    within: VecDeque<(Duration, u64)>,
    least_before: Option<u64>,
}

impl Candidates {
    /// Takes in the remainder at `clock`, if it is the least so far.
    pub(super) fn push(&mut self, clock: Duration, remaining: u64) {
        while let Some(&(at, old)) = self.within.front()
            && clock.saturating_sub(at) >= WINDOW
        {
            self.within.pop_front();
            self.least_before = Some(self.least_before.map_or(old, |least| least.min(old)));
        }
        let more_than_before = self.least_before.is_some_and(|least| remaining > least);
        let no_less_than_last = self
            .within
            .back()
            .is_some_and(|&(_, last)| remaining >= last);
        if !more_than_before && !no_less_than_last {
            self.within.push_back((clock, remaining));
        }
    }

    /// If `remaining` is not less than `least_percent` of the remainder before the window: the best of all.
    pub(super) fn stalled_at(&self, remaining: u64, least_percent: u64) -> Option<u64> {
        let before = self.least_before?;
        let within = self.within.iter().map(|&(_, remaining)| remaining);
        (remaining >= percent(before, least_percent)).then(|| within.fold(before, u64::min))
    }
}

/// So many per cent of it, saturating.
pub(super) fn percent(bytes: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}
