//! Proxmox VE: `phase2` in `PVE/QemuMigrate.pm` (qemu-server, commit e6352be).

use std::time::Duration;

use libvirt_hpc_control::guard::DOWNTIME_LIMIT_MAX_MS;

use crate::peer::{Knobs, Moment, Peer, Poll};

/// `migrate_downtime`, default 0.1 s: the first limit, milliseconds.
const FIRST_MS: u32 = 100;

/// `migrate_speed`, by default what QEMU takes for no limit, MiB/s (16 GiB/s).
const SPEED_MIB_PER_S: u64 = 16 << 10;

/// `$usleep` at first, and once less remains than is sent between two polls on average.
const SLEEP: Duration = Duration::from_secs(1);
const SLEEP_NEAR: Duration = Duration::from_millis(100);

/// `$downtimecounter`: more rises than that double the limit.
const RISES: u32 = 5;

/// Doubles the limit as the remaining memory keeps rising between two polls, wherever in a round they fall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proxmox {
    limit_ms: u32,
    sleep: Duration,
    poll: Poll,
    polls: u64,
    rises: u32,
    transferred_bytes: u64,
    remaining_bytes: u64,
}

impl Default for Proxmox {
    fn default() -> Self {
        Self {
            limit_ms: FIRST_MS,
            sleep: SLEEP,
            poll: Poll::from(SLEEP),
            polls: 0,
            rises: 0,
            transferred_bytes: 0,
            remaining_bytes: 0,
        }
    }
}

impl Proxmox {
    fn progress(&mut self, clock: Duration, remaining: u64) {
        let average = self.transferred_bytes / self.polls;
        if average > 0 && remaining < average && self.sleep != SLEEP_NEAR {
            self.sleep = SLEEP_NEAR;
            self.poll = Poll::from(clock.saturating_add(SLEEP_NEAR));
        }
        let last = self.remaining_bytes;
        if (last > 0 && remaining > last) || remaining == 0 {
            self.rises += 1;
        }
        self.remaining_bytes = remaining;
        if self.rises > RISES {
            self.rises = 0;
            self.limit_ms = self.limit_ms.saturating_mul(2).min(DOWNTIME_LIMIT_MAX_MS);
        }
    }
}

impl Peer for Proxmox {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if self.poll.is_due(now.clock, self.sleep) {
            self.polls += 1;
            let transferred = now.sample().processed_bytes;
            if transferred != self.transferred_bytes {
                self.progress(now.clock, now.sample().remaining_bytes);
            }
            self.transferred_bytes = transferred;
        }
        knobs.set_downtime(self.limit_ms);
        knobs.speed_mib_per_s = Some(SPEED_MIB_PER_S);
    }
}

#[cfg(test)]
mod tests {
    use crate::script::Script;

    #[test]
    fn the_sixth_rise_doubles_the_limit() {
        // The remaining memory rises at every second poll: at 2 s, 4 s, and so on.
        let remaining = |at_ms: u64| 4_000_000_000 - at_ms / 1000 % 2 * 1_000_000_000;
        let mut script = Script::of("proxmox").remaining(remaining);
        assert_eq!(
            script.limits_until(37_000),
            [(0, 100), (12_000, 200), (24_000, 400), (36_000, 800)]
        );
        assert_eq!(script.speed_mib_per_s(), Some(16 << 10));
        assert_eq!(script.first_action(), None, "never aborts");
    }

    #[test]
    fn near_the_end_it_polls_ten_times_a_second_and_an_empty_remainder_counts() {
        // Until 3 s more remains than is sent between two polls; from then on nothing.
        let remaining = |at_ms: u64| if at_ms < 3_000 { 500_000_000 } else { 0 };
        let mut script = Script::of("proxmox").remaining(remaining);
        // Nothing remains at 3.0 s, 3.1 s, ... 3.5 s: six times.
        assert_eq!(script.limits_until(4_050), [(0, 100), (3_500, 200)]);
    }

    #[test]
    fn the_limit_ends_at_qemus_own() {
        let mut script = Script::of("proxmox").remaining(|_| 0);
        let limits = script.limits_until(20_000);
        assert_eq!(limits.last().map(|&(_, ms)| ms), Some(2_000_000));
    }
}
