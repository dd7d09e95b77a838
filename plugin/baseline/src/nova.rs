//! OpenStack nova: `_live_migration_monitor` in `nova/virt/libvirt/driver.py` and `nova/virt/libvirt/migration.py`
//! (commit 00a0304).

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::name::NovaTimeout;
use crate::peer::{Knobs, Moment, Peer, Poll};

/// `_live_migration_monitor` sleeps so long between two polls.
const POLL: Duration = Duration::from_millis(500);

/// `live_migration_downtime`, default: the highest limit, milliseconds.
const DOWNTIME_MS: u32 = 500;

/// `live_migration_downtime_steps`, default.
const STEPS: u32 = 10;

/// `live_migration_downtime_delay`, default: seconds for each GiB between two steps.
const DELAY_S_PER_GIB: u64 = 75;

/// `live_migration_completion_timeout`, default: seconds for each GiB.
const TIMEOUT_S_PER_GIB: u64 = 800;

const GIB: u64 = 1 << 30;

/// A guest counts as no less (`_live_migration_data_gb`), bytes.
const LEAST_BYTES: u64 = 2 * GIB;

/// A ramp of the limit by the clock, and a timeout, both in proportion to the guest's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nova {
    timeout: NovaTimeout,
    poll: Poll,
}

impl Nova {
    pub(crate) fn new(timeout: NovaTimeout) -> Self {
        Self {
            timeout,
            poll: Poll::default(),
        }
    }

    const fn at_timeout(self) -> Action {
        match self.timeout {
            NovaTimeout::Abort => Action::Abort,
            NovaTimeout::Pause => Action::Suspend,
            NovaTimeout::Postcopy => Action::StartPostcopy,
        }
    }
}

impl Peer for Nova {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if !self.poll.is_due(now.clock, POLL) {
            return;
        }
        let bytes = now.sample().total_bytes;
        if now.clock > for_each_gib(TIMEOUT_S_PER_GIB, bytes) {
            knobs.action = Some(self.at_timeout());
        }
        if let Some(ms) = step_ms(now.clock, bytes) {
            knobs.set_downtime(ms);
        }
    }
}

/// Whole seconds, as `int(seconds * gb)` makes them.
fn for_each_gib(seconds: u64, bytes: u64) -> Duration {
    let whole = u128::from(seconds) * u128::from(bytes.max(LEAST_BYTES)) / u128::from(GIB);
    Duration::from_secs(u64::try_from(whole).unwrap_or(u64::MAX))
}

/// The limit that is due: that of the last step whose time is past (`downtime_steps`, `update_downtime`).
fn step_ms(clock: Duration, bytes: u64) -> Option<u32> {
    let delay = for_each_gib(DELAY_S_PER_GIB, bytes);
    let base = DOWNTIME_MS / STEPS;
    let past = (0..=STEPS)
        .rev()
        .find(|&step| clock > delay.saturating_mul(step));
    past.map(|step| base + (DOWNTIME_MS - base) * step / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn four_gib_are_ramped_every_300_s_and_aborted_after_3200_s() {
        let mut script = Script::of("nova-abort").memory_bytes(4 * GIB);
        let limits = script.limits_until(3_200_000);
        let expected = [50, 95, 140, 185, 230, 275, 320, 365, 410, 455, 500];
        // At the first poll the clock is at 0, which is not past the first step's time.
        let due = |step: u64| if step == 0 { 500 } else { step * 300_000 + 500 };
        let expected: Vec<_> = (0..)
            .zip(expected)
            .map(|(step, ms)| (due(step), ms))
            .collect();
        assert_eq!(limits, expected);
        assert_eq!(script.first_action(), Some((3_200_500, Action::Abort)));
    }

    #[test]
    fn a_small_guest_counts_as_two_gib() {
        let mut script = Script::of("nova-abort").memory_bytes(GIB / 2);
        let limits = script.limits_until(160_000);
        assert_eq!(limits, [(500, 50), (150_500, 95)]);
        let action = script.first_action();
        assert_eq!(action, Some((1_600_500, Action::Abort)));
    }

    #[test]
    fn it_completes_by_force_where_it_may() {
        for (law, action) in [
            ("nova-force-complete", Action::Suspend),
            ("nova-force-complete=postcopy", Action::StartPostcopy),
        ] {
            let mut script = Script::of(law).memory_bytes(GIB);
            assert_eq!(script.first_action(), Some((1_600_500, action)), "{law}");
        }
    }
}
