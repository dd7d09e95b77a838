//! Clark, Fraser, Hand, Hansen, Jul, Limpach, Pratt, Warfield, "Live migration of virtual machines", NSDI 2005,
//! section 5.3; the numbers are those of its code in Xen (`ADAPTIVE_SAVE` in `xc_linux_save.c`: `START_MBIT_RATE`,
//! `MAX_MBIT_RATE`).
//!
//! It stops by its own rule, so QEMU's limit is kept at its smallest until then. libvirt takes whole MiB/s.

use crate::name::Range;
use crate::peer::{Knobs, Moment, Peer};

/// The speed of the first round, Mbit/s.
pub(crate) const MIN_MBIT_PER_S: u32 = 100;

/// The administrator's highest speed, Mbit/s.
pub(crate) const MAX_MBIT_PER_S: u32 = 500;

/// How much faster than the guest changed its memory the next round is sent, Mbit/s.
const ABOVE_MBIT_PER_S: u64 = 50;

/// The most that may remain for the last round.
const LITTLE_BYTES: u64 = 256 << 10;

const BYTES_PER_MBIT: u64 = 125_000;
const MIB: u64 = 1 << 20;

/// A speed a little above the rate of change of the round before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clark {
    min_bytes_per_s: u64,
    max_bytes_per_s: u64,
}

impl Clark {
    pub(crate) fn new(range: Range) -> Self {
        let bytes = |mbit: u32| u64::from(mbit) * BYTES_PER_MBIT;
        Self {
            min_bytes_per_s: bytes(range.min_mbit_per_s),
            max_bytes_per_s: bytes(range.max_mbit_per_s),
        }
    }
}

impl Peer for Clark {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if knobs.is_untouched() {
            knobs.run_on();
            knobs.speed_mib_per_s = Some(mib(self.min_bytes_per_s));
        }
        let Some(round) = now.round() else {
            return;
        };
        let dirtied = round.unique_dirty_bytes_per_s();
        let wanted = dirtied.saturating_add(ABOVE_MBIT_PER_S * BYTES_PER_MBIT);
        let speed = wanted.max(self.min_bytes_per_s).min(self.max_bytes_per_s);
        knobs.speed_mib_per_s = Some(mib(speed));
        if wanted > self.max_bytes_per_s || round.remaining_bytes < LITTLE_BYTES {
            knobs.speed_mib_per_s = Some(mib(self.max_bytes_per_s));
            knobs.force();
        }
    }
}

/// The nearest whole MiB/s, at least one.
const fn mib(bytes_per_s: u64) -> u64 {
    let nearest = (bytes_per_s + MIB / 2) / MIB;
    if nearest == 0 { 1 } else { nearest }
}

#[cfg(test)]
mod tests {
    use crate::script::Script;

    #[test]
    fn a_round_is_sent_50_mbit_per_s_faster_than_the_guest_changed_its_memory() {
        // 20 MB in a second are 160 Mbit/s; with 50 more they are 25 MiB/s.
        let mut script = Script::of("clark")
            .iteration_every_ms(1_000)
            .at_syncs(|_| 20_000_000);
        assert_eq!(script.limits_until(900), [(0, 1)]);
        assert_eq!(script.speed_mib_per_s(), Some(12), "100 Mbit/s");
        assert_eq!(script.limits_until(1_900), [(0, 1)]);
        assert_eq!(script.speed_mib_per_s(), Some(25));
    }

    #[test]
    fn it_stops_at_the_highest_speed_or_with_little_remaining() {
        // 56.25 MB/s and 50 Mbit/s are 500 Mbit/s.
        for (remaining, stops) in [
            (56_250_000, false),
            (56_250_100, true),
            (262_144, false),
            (262_143, true),
        ] {
            let mut script = Script::of("clark")
                .iteration_every_ms(1_000)
                .at_syncs(move |_| remaining);
            let stopped = script.limits_until(1_900).last() == Some(&(1_000, 2_000_000));
            assert_eq!(stopped, stops, "{remaining}");
            assert_eq!(
                stops,
                stopped && script.speed_mib_per_s() == Some(60),
                "500 Mbit/s"
            );
        }
    }
}
