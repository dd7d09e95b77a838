//! What a law accepts, as the limit that QEMU is given: within the policy's longest pause.

use core::time::Duration;

use super::link::Link;
use super::{DOWNTIME_LIMIT_MAX_MS, Guard, Order};
use crate::estimate::Bandwidth;
use crate::event::Cause;
use crate::law::{Decision, Limit};
use crate::sample::Sample;
use crate::target::Target;

/// What a pause takes with nothing left to send: 20 to 29 ms measured on idle guests (device state, stop
/// and start). No estimate of QEMU's holds it, so that it is taken off the policy's ceiling.
const PAUSE_FIXED_MS: u32 = 30;

/// Going, a limit up to that of one of QEMU's windows (100 ms) is reckoned with the window it reports now, be it a
/// stall: it would be refused for as long as that lasts, and should it end, no more than so long a pause is accepted.
const STALL_MS: u32 = 100;

/// What a sync found left, and which: between syncs `memory_remaining` is not what a switchover would send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Synced {
    iteration: u64,
    remaining_bytes: u64,
}

impl Synced {
    pub(super) fn follow(&mut self, sample: &Sample) {
        if sample.iteration != self.iteration {
            *self = Self {
                iteration: sample.iteration,
                remaining_bytes: sample.remaining_bytes,
            };
        }
    }
}

impl Guard {
    /// What the law accepts, within the policy.
    pub(super) fn limit(
        &mut self,
        sample: &Sample,
        decision: &Decision,
        bandwidth: &Bandwidth,
    ) -> Order {
        match decision.limit {
            Limit::Leave => self.keep(decision.cause),
            Limit::Bytes(accept) => self.limit_bytes(sample, accept, decision.cause, bandwidth),
            Limit::Millis(limit_ms) => self.limit_ms(limit_ms, decision.cause, bandwidth),
        }
    }

    fn limit_bytes(
        &mut self,
        sample: &Sample,
        accept: u64,
        cause: Cause,
        bandwidth: &Bandwidth,
    ) -> Order {
        let told = self.policy.switchover_bytes_per_s;
        let compared = told.unwrap_or_else(|| bandwidth.lowest_window());
        // Nothing at all is the same at any bandwidth.
        if compared == 0 && accept > 0 {
            return self.keep(cause);
        }
        let switchover = self.switchover_bytes_per_s(bandwidth);
        let ceiling = self
            .longest_ms()
            .map_or(u64::MAX, |ms| bytes_in_ms(switchover, ms));
        let forbidden = cause.goes() && accept > ceiling;
        if forbidden && told.is_none() && self.hidden_by_ceiling() {
            self.link = Link::Lifted(sample.at);
        }
        let mut order = self.keep(if forbidden { Cause::Ceiling } else { cause });
        let mut limit_ms = ms_for(accept.min(ceiling), compared, forbidden);
        if cause.goes() && !forbidden && told.is_none() {
            limit_ms = limit_ms.max(self.in_a_stall(accept, sample.window_bytes_per_s));
        }
        order.target.downtime_ms = Some(limit_ms);
        if forbidden && !self.link.is_lifted() {
            order.forbidden_pause = Some(pause(ms_for(accept, switchover, false)));
        }
        order
    }

    /// A limit in QEMU's own terms. Forbidden is what the last sync found, if a law that goes by a clock accepts that
    /// and the policy does not; the first round has none.
    fn limit_ms(&self, limit_ms: u32, cause: Cause, bandwidth: &Bandwidth) -> Order {
        let longest_ms = self.longest_ms().unwrap_or(u32::MAX);
        let switchover = self.switchover_bytes_per_s(bandwidth);
        let left_ms = ms_for(self.synced.remaining_bytes, switchover, false).min(limit_ms);
        let known = switchover > 0 && self.synced.iteration >= 2;
        let forbidden = cause == Cause::Schedule && known && left_ms > longest_ms;
        let mut order = self.keep(if forbidden { Cause::Ceiling } else { cause });
        order.target.downtime_ms = Some(limit_ms.min(longest_ms).clamp(1, DOWNTIME_LIMIT_MAX_MS));
        order.forbidden_pause = forbidden.then(|| pause(left_ms));
        order
    }

    /// The longest pause the policy allows, without what every pause takes.
    fn longest_ms(&self) -> Option<u32> {
        let longest_ms = self.policy.downtime_max_ms?;
        Some(longest_ms.saturating_sub(PAUSE_FIXED_MS).max(1))
    }

    /// The limit that accepts as much in the window QEMU reports, within [`STALL_MS`] and the policy.
    fn in_a_stall(&self, accept: u64, window_bytes_per_s: u64) -> u32 {
        let most_ms = self.longest_ms().unwrap_or(STALL_MS).min(STALL_MS);
        match window_bytes_per_s {
            0 => 1,
            window => ms_for(accept, window, false).min(most_ms),
        }
    }

    fn switchover_bytes_per_s(&self, bandwidth: &Bandwidth) -> u64 {
        let told = self.policy.switchover_bytes_per_s;
        told.unwrap_or_else(|| self.link.switchover_bytes_per_s(bandwidth))
    }
}

/// How long the guest stands for what takes so long to send.
fn pause(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms) + u64::from(PAUSE_FIXED_MS))
}

/// The limit that just accepts `bytes`, or, rounded `down`, that accepts no byte more; within QEMU's own
/// bounds.
fn ms_for(bytes: u64, bytes_per_s: u64, down: bool) -> u32 {
    let thousandfold = u128::from(bytes) * 1000;
    let per_s = u128::from(bytes_per_s.max(1));
    let ms = if down {
        thousandfold / per_s
    } else {
        thousandfold.div_ceil(per_s)
    };
    u32::try_from(ms)
        .unwrap_or(u32::MAX)
        .clamp(1, DOWNTIME_LIMIT_MAX_MS)
}

/// What `bytes_per_s` carries in `ms`.
fn bytes_in_ms(bytes_per_s: u64, ms: u32) -> u64 {
    u64::try_from(u128::from(bytes_per_s) * u128::from(ms) / 1000).unwrap_or(u64::MAX)
}

/// Stops the guest at QEMU's next window, whatever is left.
pub(super) fn force(cause: Cause) -> Order {
    let target = Target {
        downtime_ms: Some(DOWNTIME_LIMIT_MAX_MS),
        ..Target::NONE
    };
    Order {
        target,
        cause,
        forbidden_pause: None,
    }
}
