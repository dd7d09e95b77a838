//! Xen: `simple_precopy_policy` in `tools/libs/guest/xg_sr_save.c` (`SPP_MAX_ITERATIONS`,
//! `SPP_TARGET_DIRTY_COUNT`), and XCP-ng: its `emu-manager`.
//!
//! Both count the iterations sent, and send each to its end: QEMU's limit is kept at its smallest until they stop. The
//! first is over when libvirt reports iteration 2.

use crate::peer::{Knobs, Moment, Peer};

const PAGE_BYTES: u64 = 4096;

/// Stops after so many rounds, or when next to nothing remains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Xen {
    rounds: u64,
    left_bytes: u64,
}

impl Xen {
    /// Iteration 5, or fewer than 50 pages.
    pub(crate) const XEN: Self = Self {
        rounds: 5,
        left_bytes: 49 * PAGE_BYTES,
    };

    /// Iteration 4, or at most 50 pages.
    pub(crate) const XCP_NG: Self = Self {
        rounds: 4,
        left_bytes: 50 * PAGE_BYTES,
    };
}

impl Peer for Xen {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if knobs.is_untouched() {
            knobs.run_on();
        }
        let enough = now.sample().iteration > self.rounds;
        let little = now
            .round()
            .is_some_and(|round| round.remaining_bytes <= self.left_bytes);
        if enough || little {
            knobs.force();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::script::Script;

    #[test]
    fn they_stop_after_a_count_of_rounds() {
        for (law, stop_ms) in [("xen", 5_000), ("xcp-ng", 4_000)] {
            let mut script = Script::of(law)
                .iteration_every_ms(1_000)
                .at_syncs(|_| 1 << 30);
            assert_eq!(
                script.limits_until(9_000),
                [(0, 1), (stop_ms, 2_000_000)],
                "{law}"
            );
        }
    }

    #[test]
    fn or_when_next_to_nothing_remains() {
        for (law, pages, stops) in [
            ("xen", 50, false),
            ("xen", 49, true),
            ("xcp-ng", 51, false),
            ("xcp-ng", 50, true),
        ] {
            let mut script = Script::of(law)
                .iteration_every_ms(1_000)
                .at_syncs(move |_| pages * 4096);
            let stopped = script.limits_until(1_900).last() == Some(&(1_000, 2_000_000));
            assert_eq!(stopped, stops, "{law} {pages}");
        }
    }
}
