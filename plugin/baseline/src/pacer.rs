//! Pacer (Zheng and others, Rice University 2013; `yujinyu/QEMU_PACER`): the user says when the migration shall be
//! over, and it goes no faster than it must.
//!
//! Only its law of the speed for memory is imitated: the remaining memory is predicted to shrink by the speed less the
//! last dirty rate. It also slows the guest's disk writes, which is not imitated. QEMU decides when to stop the guest,
//! as there.

use std::time::Duration;

use crate::peer::{Knobs, Moment, Peer, Poll};

/// How often it sets the speed.
const POLL: Duration = Duration::from_secs(5);

/// Speeds are multiples of this, up to the highest, MiB/s.
const STEP_MIB_PER_S: u64 = 2;
const MAX_MIB_PER_S: u64 = 80;

/// The finish time without a setting, milliseconds: the paper leaves it to the user.
pub(crate) const FINISH_MS: u64 = 600_000;

const MIB: u64 = 1 << 20;

/// The slowest speed that ends in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    finish: Duration,
    poll: Poll,
    dirtied_bytes_per_s: u64,
}

impl Pacer {
    pub(crate) fn new(finish_ms: u64) -> Self {
        Self {
            finish: Duration::from_millis(finish_ms),
            poll: Poll::default(),
            dirtied_bytes_per_s: 0,
        }
    }

    fn ends_in_time(self, mib_per_s: u64, now: &Moment<'_>) -> bool {
        let gain = (mib_per_s * MIB).saturating_sub(self.dirtied_bytes_per_s);
        let needed = Moment::time_to_send(now.sample().remaining_bytes, gain);
        gain > 0 && now.times.shown(needed) <= self.finish.saturating_sub(now.clock)
    }
}

impl Peer for Pacer {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if let Some(round) = now.round() {
            self.dirtied_bytes_per_s = round.unique_dirty_bytes_per_s();
        }
        if !self.poll.is_due(now.clock, POLL) {
            return;
        }
        let steps = 1..MAX_MIB_PER_S / STEP_MIB_PER_S;
        let speeds = steps.map(|step| step * STEP_MIB_PER_S);
        let mut fast_enough = speeds.filter(|&speed| self.ends_in_time(speed, now));
        knobs.speed_mib_per_s = Some(fast_enough.next().unwrap_or(MAX_MIB_PER_S));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn the_slowest_speed_that_ends_in_time_is_chosen_every_five_seconds() {
        let script = |remaining| Script::of("pacer=100s").remaining(move |_| remaining);
        let speed = |remaining, until_ms| {
            let mut script = script(remaining);
            script.limits_until(until_ms);
            script.speed_mib_per_s()
        };
        // 1,000 MiB in 100 s, in 99.9 s, in 95 s.
        assert_eq!(speed(1000 * MIB, 0), Some(10));
        assert_eq!(speed(1000 * MIB, 4_900), Some(10), "not polled again yet");
        assert_eq!(speed(1000 * MIB, 5_000), Some(12));
        assert_eq!(speed(100_000 * MIB, 0), Some(80), "as fast as it may");
    }

    #[test]
    fn the_dirty_rate_is_added() {
        // 20 MiB changed in each second: with 100 MiB remaining for 5 s, twenty more.
        let mut script = Script::of("pacer=10s")
            .iteration_every_ms(1_000)
            .at_syncs(|_| 20 * MIB)
            .remaining(|_| 100 * MIB);
        script.limits_until(5_000);
        assert_eq!(script.speed_mib_per_s(), Some(40));
    }
}
