//! cloud-hypervisor: the pre-copy loop of `vmm/src/lib.rs` (commit ae44c29).
//!
//! It decides before each iteration, by the exact content of the dirty log; so QEMU's limit is kept at its smallest
//! until it decides to stop.

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::peer::{Knobs, Moment, Peer};

/// `downtime`, default 300 ms: a pause, not a time on its clock.
const DOWNTIME: Duration = Duration::from_millis(300);

/// `timeout`, default 3600 s.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// Stops as soon as the remaining memory fits the pause at the rate of the iteration before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloudHypervisor {
    ignore_timeout: bool,
}

impl CloudHypervisor {
    pub(crate) const fn new(ignore_timeout: bool) -> Self {
        Self { ignore_timeout }
    }
}

impl Peer for CloudHypervisor {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if knobs.is_untouched() {
            knobs.run_on();
        }
        let Some(round) = now.round() else {
            return;
        };
        let remaining = round.remaining_bytes;
        if remaining == 0 || Moment::time_to_send(remaining, round.bytes_per_s()) <= DOWNTIME {
            knobs.force();
        } else if now.clock >= TIMEOUT {
            if self.ignore_timeout {
                knobs.force();
            } else {
                knobs.action = Some(Action::Abort);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn it_stops_at_a_sync_that_leaves_300_ms() {
        // Rounds of 1 s at 100 MB/s; from the fourth sync on 30 MB remain.
        let remaining = |at_ms: u64| {
            if at_ms < 4_000 {
                30_000_001
            } else {
                30_000_000
            }
        };
        let mut script = Script::of("cloud-hypervisor")
            .iteration_every_ms(1_000)
            .at_syncs(remaining);
        assert_eq!(script.limits_until(5_000), [(0, 1), (4_000, 2_000_000)]);
    }

    #[test]
    fn after_an_hour_it_cancels_or_stops() {
        let script = |law| {
            Script::of(law)
                .iteration_every_ms(7_000)
                .at_syncs(|_| 100_000_000)
        };
        let due = 3_605_000;
        assert_eq!(
            script("cloud-hypervisor").first_action(),
            Some((due, Action::Abort))
        );
        let mut ignoring = script("cloud-hypervisor=ignore");
        assert_eq!(ignoring.limits_until(3_700_000), [(0, 1), (due, 2_000_000)]);
    }
}
