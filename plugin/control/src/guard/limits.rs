//! From the law's threshold to a limit for QEMU, within the policy's longest pause.
//!
//! Three bandwidths matter. QEMU *compares* pending memory with the last of its windows of 100 ms. The *switchover*
//! runs at the bandwidth of the link, which a speed ceiling hides. And the *sustained* bandwidth bounds what a limit
//! allows if a stall ends in that instant.

use core::time::Duration;

use super::Guard;
use super::order::Order;
use crate::estimate::{Bandwidth, DeviceState};
use crate::event::Cause;
use crate::law::{Decision, Limit};
use crate::sample::Sample;
use crate::target::DOWNTIME_LIMIT_MAX_MS;

/// The fixed part of a pause, if the caller knows no better: between the heartbeats of an idle emulated guest of one
/// processor 68 to 102 ms in 19 of 20 moves, 85 in the median, 20 to 29 ms of it QEMU's downtime. No estimate of QEMU's
/// contains it.
pub const PAUSE_FIXED_MS: u32 = 100;

/// The content of the socket's buffer when the guest stops: sent by QEMU's count, and still to be transferred. 1.9 MB
/// measured at 200 Mbit/s to 1 Gbit/s (`docs/plant.md`); at most 4 MiB (Linux, `tcp_wmem`).
const IN_FLIGHT_BYTES: u64 = 1_900_000;

/// At a switchover, a limit of up to one of QEMU's windows (100 ms) is computed with the present window, even in a
/// stall. Otherwise it would be refused until the stall ends; and if it ends now, the pause is no longer than that.
const STALL_MS: u32 = 100;

/// The estimates that the guard uses.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The bandwidth of pre-copy.
    pub bandwidth: &'a Bandwidth,
    /// Pending data other than memory.
    pub pending: &'a DeviceState,
}

impl Guard {
    /// The law's decision as an order, within the policy.
    pub(super) fn limit(
        &mut self,
        sample: &Sample,
        decision: &Decision,
        measured: Measured<'_>,
    ) -> Order {
        match decision.limit {
            Limit::Leave => self.keep(decision.cause),
            Limit::Bytes(threshold) => {
                let threshold = threshold.saturating_add(measured.pending.bytes());
                self.limit_bytes(sample, threshold, decision.cause, measured)
            }
            Limit::Millis(limit_ms) if measured.pending.is_stalled() => {
                let sustained = measured.bandwidth.sustained();
                let threshold =
                    bytes_in_ms(sustained, limit_ms).saturating_add(measured.pending.bytes());
                self.limit_bytes(sample, threshold, decision.cause, measured)
            }
            Limit::Millis(limit_ms) => {
                self.limit_ms(sample, limit_ms, decision.cause, measured.bandwidth)
            }
        }
    }

    fn limit_bytes(
        &mut self,
        sample: &Sample,
        threshold: u64,
        cause: Cause,
        measured: Measured<'_>,
    ) -> Order {
        let compared = self.compared(sample, cause, measured);
        // A threshold of zero is the same at any bandwidth.
        if compared == 0 && threshold > 0 {
            return self.keep(cause);
        }
        let switchover = self.switchover_bytes_per_s(sample, measured.bandwidth);
        let ceiling = self.ceiling_bytes(switchover);
        let stops = cause.stops() || measured.pending.is_stalled();
        let forbidden = stops && ceiling.is_some_and(|most| threshold > most);
        if stops && self.may_lift(sample, ceiling) {
            self.link.lift(sample.at);
        }
        let mut order = self.keep(if forbidden { Cause::Ceiling } else { cause });
        let mut limit_ms = ms_for(
            threshold.min(ceiling.unwrap_or(u64::MAX)),
            compared,
            forbidden,
        );
        if cause.stops() && !forbidden && self.policy.switchover_bytes_per_s.is_none() {
            limit_ms = limit_ms.max(in_a_stall(threshold, sample.window_bytes_per_s));
        }
        order.target.downtime_ms = Some(self.within_policy(limit_ms, switchover));
        if forbidden && !self.link.is_lifted() {
            let needed_ms = ms_for(threshold.saturating_add(IN_FLIGHT_BYTES), switchover, false);
            order.forbidden_pause = Some(self.pause(needed_ms));
        }
        order
    }

    /// A limit in QEMU's own terms. It is forbidden if a law that follows a clock allows the remainder of the last
    /// sync, and the policy does not; the first round has none.
    fn limit_ms(
        &self,
        sample: &Sample,
        limit_ms: u32,
        cause: Cause,
        bandwidth: &Bandwidth,
    ) -> Order {
        let switchover = self.switchover_bytes_per_s(sample, bandwidth);
        let most_ms = self.most_ms(switchover);
        let pause_ms = ms_for(self.synced.remaining_bytes, switchover, false).min(limit_ms);
        let known = switchover > 0 && self.synced.iteration >= 2;
        let forbidden = cause == Cause::Schedule && known && pause_ms > most_ms;
        let mut order = self.keep(if forbidden { Cause::Ceiling } else { cause });
        order.target.downtime_ms = Some(self.within_policy(limit_ms, switchover));
        order.forbidden_pause = forbidden.then(|| self.pause(pause_ms));
        order
    }

    /// The bandwidth for computing a limit. While the law goes on, the sustained one: a switchover that it would not
    /// choose must not happen because a stall ends. While QEMU has no memory to send, its own window, because nothing
    /// else moves its threshold.
    fn compared(&self, sample: &Sample, cause: Cause, measured: Measured<'_>) -> u64 {
        let bandwidth = measured.bandwidth;
        match self.policy.switchover_bytes_per_s {
            Some(configured) => configured,
            None if measured.pending.is_stalled() => sample.window_bytes_per_s,
            None if cause.stops() => bandwidth.lowest_window(),
            None => bandwidth.sustained(),
        }
    }

    /// Bounds a limit by the policy's longest pause, whatever bandwidth QEMU compares with, and by the least while the
    /// link is being measured.
    fn within_policy(&self, limit_ms: u32, switchover_bytes_per_s: u64) -> u32 {
        let most_ms = if self.link.is_settling() {
            1
        } else {
            self.most_ms(switchover_bytes_per_s)
        };
        limit_ms.min(most_ms).clamp(1, DOWNTIME_LIMIT_MAX_MS)
    }

    /// The longest limit: the time for memory in the policy's longest pause, or the limit that the user has stored,
    /// which is in QEMU's own terms.
    fn most_ms(&self, switchover_bytes_per_s: u64) -> u32 {
        let in_flight_ms = match switchover_bytes_per_s {
            0 => 0,
            rate => ms_for(IN_FLIGHT_BYTES, rate, true),
        };
        let of_pause = self.longest_ms().map(|ms| ms.saturating_sub(in_flight_ms));
        let least = of_pause.into_iter().chain(self.policy.limit_max_ms).min();
        least.unwrap_or(u32::MAX)
    }

    /// Whether to lift the owner's speed ceiling, so that QEMU measures the link: if its bandwidth is unknown, or if
    /// the remainder of the last sync can be sent within the policy's longest pause.
    fn may_lift(&self, sample: &Sample, ceiling: Option<u64>) -> bool {
        let hides = self.policy.speed_max_mib_per_s.is_some()
            && !self.policy.speed_is_order
            && self.policy.switchover_bytes_per_s.is_none();
        let Some(most) = ceiling.filter(|_| hides && !self.link.is_lifted()) else {
            return false;
        };
        match self.link.carries(sample.at) {
            None => true,
            Some(_) => !self.link.rests(sample.at) && self.synced.remaining_bytes <= most,
        }
    }

    /// The policy's longest pause, less the fixed part of every pause.
    fn longest_ms(&self) -> Option<u32> {
        let longest_ms = self.policy.downtime_max_ms?;
        Some(longest_ms.saturating_sub(self.pause_fixed_ms()).max(1))
    }

    /// Bytes that can be sent in the longest pause, less those in flight when it begins, or those that the stored limit
    /// allows.
    fn ceiling_bytes(&self, switchover_bytes_per_s: u64) -> Option<u64> {
        let carried = |ms| bytes_in_ms(switchover_bytes_per_s, ms);
        let of_pause = self
            .longest_ms()
            .map(|ms| carried(ms).saturating_sub(IN_FLIGHT_BYTES));
        let of_limit = self.policy.limit_max_ms.map(carried);
        of_pause.into_iter().chain(of_limit).min()
    }

    fn pause_fixed_ms(&self) -> u32 {
        self.policy.pause_fixed_ms.unwrap_or(PAUSE_FIXED_MS)
    }

    fn switchover_bytes_per_s(&self, sample: &Sample, bandwidth: &Bandwidth) -> u64 {
        let configured = self.policy.switchover_bytes_per_s;
        // A ceiling that hides the link counts as the link: the pause is then shorter than estimated, never longer.
        configured
            .or_else(|| self.link.carries(sample.at))
            .unwrap_or_else(|| bandwidth.lowest_window())
    }

    /// The pause for memory that takes so long to send.
    fn pause(&self, ms: u32) -> Duration {
        Duration::from_millis(u64::from(ms) + u64::from(self.pause_fixed_ms()))
    }
}

/// The limit for a threshold in the present window, within [`STALL_MS`].
fn in_a_stall(threshold: u64, window_bytes_per_s: u64) -> u32 {
    match window_bytes_per_s {
        0 => 1,
        window => ms_for(threshold, window, false).min(STALL_MS),
    }
}

/// The limit that just allows `bytes`, or, rounded `down`, not one more; within QEMU's own bounds.
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

/// Bytes that `bytes_per_s` carries in `ms`.
fn bytes_in_ms(bytes_per_s: u64, ms: u32) -> u64 {
    u64::try_from(u128::from(bytes_per_s) * u128::from(ms) / 1000).unwrap_or(u64::MAX)
}
