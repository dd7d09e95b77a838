//! The common part of other stacks' laws: they poll, and turn knobs that then stay.

use std::time::Duration;

use libvirt_hpc_control::estimate::Round;
use libvirt_hpc_control::guard::DOWNTIME_LIMIT_MAX_MS;
use libvirt_hpc_control::law::{Limit, View};
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Action;

use crate::times::Times;

/// Shorter than any pause that QEMU expects: it sends each round to its end, and stops only if nothing remains.
const NEVER_MS: u32 = 1;

/// The migration at one sample, by the law's own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    /// Time of the job on the law's clock.
    pub(crate) clock: Duration,
    /// The input of any law.
    pub(crate) view: &'a View,
    /// How fast that clock runs.
    pub(crate) times: Times,
}

impl Moment<'_> {
    pub(crate) const fn sample(&self) -> &Sample {
        &self.view.sample
    }

    /// The round that has just ended, if this is the first sample after a sync.
    pub(crate) const fn round(&self) -> Option<&Round> {
        self.view.round.as_ref()
    }

    /// How long `bytes` take at `bytes_per_s`; the longest span at no rate.
    pub(crate) fn time_to_send(bytes: u64, bytes_per_s: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_s.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The settings of a law so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Knobs {
    pub(crate) limit: Limit,
    pub(crate) speed_mib_per_s: Option<u64>,
    pub(crate) action: Option<Action>,
}

impl Knobs {
    /// As the migration was started.
    pub(crate) const UNTOUCHED: Self = Self {
        limit: Limit::Leave,
        speed_mib_per_s: None,
        action: None,
    };

    /// Whether no limit has been set yet.
    pub(crate) const fn is_untouched(&self) -> bool {
        matches!(self.limit, Limit::Leave)
    }

    /// `migrate-set-parameters downtime-limit`
    pub(crate) fn set_downtime(&mut self, ms: u32) {
        self.limit = Limit::Millis(ms);
    }

    /// The largest limit: QEMU stops the guest at its next window.
    pub(crate) fn force(&mut self) {
        self.set_downtime(DOWNTIME_LIMIT_MAX_MS);
    }

    /// The smallest limit: for laws of other machines, which send each round to its end and stop when they say so.
    pub(crate) fn run_on(&mut self) {
        self.set_downtime(NEVER_MS);
    }
}

/// A law of somebody else's.
pub(crate) trait Peer {
    /// Turns the knobs that are due at this sample.
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs);
}

/// When a law polls next, on its own clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Poll {
    due: Duration,
}

impl Poll {
    /// The first poll is due at `clock`.
    pub(crate) const fn from(clock: Duration) -> Self {
        Self { due: clock }
    }

    /// Whether a law that polls every `period` polls now. Its rhythm is kept however late the sample is, and missed
    /// polls are dropped: a peer's loop sleeps between its polls or (`KubeVirt`) waits for a ticker's next tick, and
    /// the delay of our sample is not its own. None polls twice for a time that has passed.
    pub(crate) fn is_due(&mut self, clock: Duration, period: Duration) -> bool {
        let Some(late) = clock.checked_sub(self.due) else {
            return false;
        };
        let into = late.as_nanos().checked_rem(period.as_nanos()).unwrap_or(0);
        // Less than a period, which is a Duration.
        let into = Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX));
        self.due = clock.saturating_sub(into).saturating_add(period);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(500);

    fn polled(poll: &mut Poll, at_ms: &[u64]) -> Vec<u64> {
        let due = |ms: &&u64| poll.is_due(Duration::from_millis(**ms), PERIOD);
        at_ms.iter().filter(due).copied().collect()
    }

    #[test]
    fn polls_a_little_late_keep_the_rhythm() {
        let mut poll = Poll::default();
        let polled = polled(&mut poll, &[0, 100, 501, 900, 1_000, 1_499, 1_503, 2_000]);
        assert_eq!(polled, [0, 501, 1_000, 1_503, 2_000]);
    }

    #[test]
    fn a_poll_that_was_missed_is_not_made_up_for() {
        let mut poll = Poll::from(PERIOD);
        let polled = polled(
            &mut poll,
            &[499, 1_700, 1_701, 1_999, 2_000, 9_000, 9_499, 9_500],
        );
        assert_eq!(polled, [1_700, 2_000, 9_000, 9_500]);
    }

    #[test]
    fn without_a_period_every_sample_is_a_poll() {
        let mut poll = Poll::default();
        let clock = Duration::from_secs(1);
        assert!(poll.is_due(clock, Duration::ZERO) && poll.is_due(clock, Duration::ZERO));
        assert!(poll.is_due(Duration::MAX, Duration::MAX));
    }
}
