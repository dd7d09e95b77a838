//! Auto-converge: QEMU slows the guest's processors down until its writes fit the link
//! (`migration_trigger_throttle`, migration/ram.c; migration/cpu-throttle.c).

use super::NANOS_PER_S;

/// Syncs nearer to the last that counted than this do not count, ns.
const PERIOD_MIN_NS: u64 = NANOS_PER_S;

/// More dirtied bytes than this share of the sent ones are too many (`throttle-trigger-threshold`), per cent.
const TRIGGER_PERCENT: u64 = 50;

/// After so many rounds with too many, the throttle rises.
const TIMES: u32 = 2;

/// `cpu-throttle-initial`, `cpu-throttle-increment` and `max-cpu-throttle`, percent.
const INITIAL_PERCENT: u64 = 20;
const INCREMENT_PERCENT: u64 = 10;
const MAX_PERCENT: u64 = 99;

/// A round without a sync for so long gets one (`CPU_THROTTLE_DIRTY_SYNC_TIMESLICE_MS`, QEMU 9.2), ns.
const SYNC_NS: u64 = 5 * NANOS_PER_S;

/// The `auto-converge` capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoConverge {
    /// The rate of a writer that rewrites its set flat out, bytes/s: it matters once it is throttled.
    pub flat_bytes_per_s: u64,
}

/// QEMU's counters, and the guest's lost work.
#[derive(Clone, Debug)]
pub(super) struct Throttle {
    config: Option<AutoConverge>,
    percent: u64,
    since_ns: u64,
    /// Lost up to `since_ns`, ns.
    lost_ns: u64,
    times: u32,
    dirtied_bytes: u64,
    sent_bytes: u64,
    counted_ns: Option<u64>,
    timer_ns: u64,
    timer_syncs: usize,
}

impl Throttle {
    pub(super) const fn new(config: Option<AutoConverge>) -> Self {
        Self {
            config,
            percent: 0,
            since_ns: 0,
            lost_ns: 0,
            times: 0,
            dirtied_bytes: 0,
            sent_bytes: 0,
            counted_ns: None,
            timer_ns: SYNC_NS,
            timer_syncs: 0,
        }
    }

    /// Work lost up to `guest_ns`, as time at full speed, ns.
    pub(super) fn lost_ns(&self, guest_ns: u64) -> u64 {
        let lately = guest_ns.saturating_sub(self.since_ns);
        self.lost_ns + super::scale(lately, self.percent, 100)
    }

    /// The share taken now, per cent.
    pub(super) const fn percent(&self) -> u64 {
        self.percent
    }

    /// The rate of a writer that writes flat out, once the guest is throttled, bytes/s.
    pub(super) fn flat_bytes_per_s(&self) -> Option<u64> {
        self.config
            .filter(|_| self.percent > 0)
            .map(|config| config.flat_bytes_per_s)
    }

    /// A sync found `new_bytes` newly dirty; `sent_bytes` are on the wire in all, and the guest has run until
    /// `guest_ns`.
    pub(super) fn synced(&mut self, now_ns: u64, guest_ns: u64, new_bytes: u64, sent_bytes: u64) {
        let counted_ns = *self.counted_ns.get_or_insert(now_ns);
        self.dirtied_bytes = self.dirtied_bytes.saturating_add(new_bytes);
        if self.config.is_none() || now_ns - counted_ns <= PERIOD_MIN_NS {
            return;
        }
        let sent = sent_bytes - self.sent_bytes;
        self.times += u32::from(self.dirtied_bytes > super::scale(sent, TRIGGER_PERCENT, 100));
        if self.times >= TIMES {
            self.times = 0;
            self.raise(guest_ns);
        }
        self.counted_ns = Some(now_ns);
        self.dirtied_bytes = 0;
        self.sent_bytes = sent_bytes;
    }

    fn raise(&mut self, guest_ns: u64) {
        self.lost_ns = self.lost_ns(guest_ns);
        self.since_ns = guest_ns;
        self.percent = match self.percent {
            0 => INITIAL_PERCENT,
            percent => (percent + INCREMENT_PERCENT).min(MAX_PERCENT),
        };
    }

    /// Whether the timer asks for a sync, after `syncs` of them: none came in its last 5 s, and it is not
    /// the first round.
    pub(super) fn sync_due(&mut self, now_ns: u64, syncs: usize) -> bool {
        if self.config.is_none() || now_ns < self.timer_ns {
            return false;
        }
        let due = syncs > 1 && syncs == self.timer_syncs;
        // The sync that is due is the timer's own and counts with it.
        self.timer_syncs = syncs + usize::from(due);
        self.timer_ns = now_ns - (now_ns - self.timer_ns) % SYNC_NS + SYNC_NS;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::{AutoConverge, Throttle};

    const S: u64 = 1_000_000_000;

    fn on() -> Throttle {
        Throttle::new(Some(AutoConverge {
            flat_bytes_per_s: 7,
        }))
    }

    /// Syncs every 2 s, each with more than half of what was sent: 20 % at the second, +10 % at every
    /// second from there, no more than 99 %.
    #[test]
    fn every_second_sync_with_too_much_raises_it() {
        let mut throttle = on();
        throttle.synced(0, 0, 0, 0);
        let steps: Vec<_> = (1..=20)
            .map(|n| {
                throttle.synced(n * 2 * S, n * 2 * S, 51, n * 100);
                throttle.percent
            })
            .collect();
        let expected = [
            0, 20, 20, 30, 30, 40, 40, 50, 50, 60, 60, 70, 70, 80, 80, 90, 90, 99, 99, 99,
        ];
        assert_eq!(steps, expected);
        // 20 % from 4 s, 30 % from 8 s, 40 % from 12 s: 0.8 + 1.2 + 0.4 s up to 13 s.
        let mut throttle = on();
        (0..7).for_each(|n| throttle.synced(n * 2 * S, n * 2 * S, 51, n * 100));
        assert_eq!(throttle.lost_ns(13 * S), 2_400_000_000);
        assert_eq!(throttle.flat_bytes_per_s(), Some(7));
    }

    #[test]
    fn a_guest_within_half_of_the_link_or_without_auto_converge_is_not_throttled() {
        let mut throttle = on();
        (0..9).for_each(|n| throttle.synced(n * 2 * S, n * 2 * S, 50, n * 100));
        assert_eq!((throttle.percent, throttle.flat_bytes_per_s()), (0, None));
        let mut throttle = Throttle::new(None);
        (0..9).for_each(|n| throttle.synced(n * 2 * S, n * 2 * S, 100, n * 100));
        assert_eq!(throttle.lost_ns(99 * S), 0);
    }

    /// Syncs within a second of the last counted one add up with the next.
    #[test]
    fn short_rounds_count_together() {
        let mut throttle = on();
        // 0.4 s apart: every third counts, with three rounds' bytes.
        (0..=12).for_each(|n| throttle.synced(n * 4 * S / 10, 0, 51, n * 100));
        // Counted at 1.2, 2.4, 3.6 and 4.8 s.
        assert_eq!(throttle.percent, 30);
    }

    #[test]
    fn the_timer_syncs_a_round_that_is_longer_than_itself() {
        let mut throttle = on();
        assert!(!throttle.sync_due(5 * S, 1), "the first round");
        assert!(!throttle.sync_due(10 * S, 1), "still the first round");
        assert!(!throttle.sync_due(12 * S, 2), "not yet");
        assert!(!throttle.sync_due(15 * S, 2), "one came since");
        assert!(throttle.sync_due(20 * S + 1, 2));
        assert!(!throttle.sync_due(24 * S, 3), "not yet");
        assert!(throttle.sync_due(25 * S, 3), "on the grid of five seconds");
    }
}
