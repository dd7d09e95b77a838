//! If post-copy is allowed: whether to switch to it instead of stopping the guest, and when.
//!
//! Pre-copy stops the guest for c0 and R/B, the remaining memory over the bandwidth. Post-copy stops it for c1 and m R,
//! and lets it run on while the rest follows at a rate F. But the pages that it needs first are the missing ones, so it
//! loses a share sigma of its speed for R/F:
//!
//! ```text
//! J_pre  = delta x T + c0 + R/B            J_post = delta x T + c1 + m R + sigma x R/F
//!                                                 = delta x T + c1 + f x R/B,   f = m B + sigma B/F
//! ```
//! Post-copy is cheaper if (1 - f) R/B > c1 - c0. One more round of pre-copy still costs delta x R/B, but saves only f
//! of that. So the time to switch to post-copy is the time to stop at a cost of delta / f.
//!
//! sigma is t/(t + u): u is how long the guest runs between two faults, t how long a fault stops it. With larger pages
//! t grows, and u need not: a guest that accesses memory at random finds the next page missing as soon.

use core::time::Duration;

use super::observed::{WHOLE_PPM, in_span, scale};
use super::slowdown::Slowdown;
use crate::policy::Policy;

/// sigma, parts per million: the share of its speed that a guest loses while its working set is missing. A page that is
/// rewritten all the time is missing nearly all the time. Confirmed within the error of measurement:
/// `docs/benchmark.md`, Post-copy.
pub const FETCH_PPM: u64 = 800_000;

/// c1: the pause of post-copy with little remaining. Measured: 280 ms (QEMU 10.0 under emulation; device state and
/// bitmap are sent in one package).
const POSTCOPY_PAUSE: Duration = Duration::from_millis(280);

/// c1 - c0: how much longer that is than a pause that sends nothing, which was 25 ms there.
const PAUSE_MORE: Duration = POSTCOPY_PAUSE.saturating_sub(Duration::from_millis(25));

/// m: the growth of the pause for each missing GB, because missing memory is discarded on the destination. Published:
/// 15 ms, 57 to 66 % of a pause above 3 s (guests of 256 GB with a working set of 128 GB, QEMU 8.2; OSDI 2026).
const PAUSE_NS_PER_GB: u64 = 15_000_000;

/// The highest rate of fetching, bytes per second. Published: 9 % of a link of 100 Gbit/s (as above).
const FETCH_MOST_BYTES_PER_S: u64 = 1_125_000_000;

/// The processor's own page, for which sigma was measured.
const PAGE_BYTES: u64 = 4096;

/// t of a page of 4 KiB, nanoseconds. Published: 0.57 ms at 10 Gbit/s under load with `postcopy-preempt`, which libvirt
/// enables if both QEMUs have it (qemu-devel, Peter Xu: the cover letters of postcopy-preempt, QEMU 7.1).
const FAULT_NS: u64 = 570_000;

/// The time of a page over that on an idle link, per cent: a page of 2 MiB takes 5.0 ms (as above; 10.6 without
/// preempt), of which 1.68 would be sending it.
const FAULT_SENT_PERCENT: u64 = 264;

/// The largest pages with which a law uses post-copy. One of 1 GiB takes 0.65 s at 10 Gbit/s, without preempt 2 s (as
/// above); of sizes between nothing is published.
const PAGE_MOST_BYTES: u64 = 2 << 20;

/// The conditions of post-copy in one migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// The highest rate, bytes per second; zero if only the link limits it.
    most_bytes_per_s: u64,
    /// The largest backing page, bytes; zero for the processor's own.
    page_bytes: u64,
}

impl Fetch {
    /// The conditions under a policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let most = policy.postcopy_speed_max_mib_per_s.unwrap_or(0);
        Self {
            most_bytes_per_s: most.saturating_mul(1 << 20),
            page_bytes: policy.page_bytes.unwrap_or(0),
        }
    }

    /// Whether one page takes too long for any law to choose it.
    #[must_use]
    pub const fn has_huge_pages(&self) -> bool {
        self.page_bytes > PAGE_MOST_BYTES
    }

    /// F on a link of `bytes_per_s`.
    fn rate(&self, bytes_per_s: u64) -> u64 {
        let most = match self.most_bytes_per_s {
            0 => FETCH_MOST_BYTES_PER_S,
            most => most.min(FETCH_MOST_BYTES_PER_S),
        };
        bytes_per_s.min(most)
    }

    /// sigma, parts per million. A page that the guest asks for is sent whatever the limit (`ram_save_iterate`, QEMU
    /// `migration/ram.c`).
    fn sigma_ppm(&self, bytes_per_s: u64) -> u64 {
        if self.page_bytes <= PAGE_BYTES {
            return FETCH_PPM;
        }
        let runs_ns = scale(FAULT_NS, WHOLE_PPM - FETCH_PPM, FETCH_PPM);
        let sent_ns = scale(self.page_bytes, 1_000_000_000, bytes_per_s);
        let paused_ns = FAULT_NS.saturating_add(scale(sent_ns, FAULT_SENT_PERCENT, 100));
        scale(WHOLE_PPM, paused_ns, paused_ns.saturating_add(runs_ns))
    }

    /// f, parts per million of the cost of the same memory in a pause; from one to all of them.
    fn cost_ppm(&self, bytes_per_s: u64) -> u64 {
        let fetched = scale(
            self.sigma_ppm(bytes_per_s),
            bytes_per_s,
            self.rate(bytes_per_s),
        );
        let discarded = scale(PAUSE_NS_PER_GB, bytes_per_s, 1_000_000_000_000);
        fetched.saturating_add(discarded).clamp(1, WHOLE_PPM)
    }

    /// The cost of a round if the memory that it saves would be fetched later instead of waited for.
    pub(super) fn round_cost(&self, slowdown: Slowdown, bytes_per_s: u64) -> Slowdown {
        let whole = slowdown.ppm().saturating_mul(WHOLE_PPM);
        Slowdown::from_ppm(whole / self.cost_ppm(bytes_per_s))
    }

    /// Whether post-copy costs less than stopping with `remaining_bytes` to send, which are `sent_ppm` of the remaining
    /// memory (zero: all of it). Fetched pages are sent whole (`ram_save_host_page_urgent`, QEMU `migration/ram.c`).
    pub(super) fn pays(&self, remaining_bytes: u64, bytes_per_s: u64, sent_ppm: u64) -> bool {
        let cost_ppm = self.cost_ppm(bytes_per_s);
        let fetched_ppm = match sent_ppm {
            0 => cost_ppm,
            sent_ppm => scale(cost_ppm, WHOLE_PPM, sent_ppm),
        };
        let spared_ppm = WHOLE_PPM.saturating_sub(fetched_ppm);
        let spared = scale(remaining_bytes, spared_ppm, WHOLE_PPM);
        bytes_per_s > 0 && spared > in_span(bytes_per_s, PAUSE_MORE)
    }
}

/// The pause of switching to post-copy with so much memory missing.
pub(crate) fn postcopy_pause(missing_bytes: u64) -> Duration {
    let discarded_ns = scale(missing_bytes, PAUSE_NS_PER_GB, 1_000_000_000);
    POSTCOPY_PAUSE.saturating_add(Duration::from_nanos(discarded_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;
    const GB: u64 = 1000 * MB;
    const GIGABIT: u64 = 117 * MB;
    const TEN_GIGABIT: u64 = 1_170 * MB;

    fn rated(mib_per_s: u64) -> Fetch {
        Fetch::of(&Policy {
            postcopy_speed_max_mib_per_s: Some(mib_per_s),
            ..Policy::default()
        })
    }

    fn backed(page_bytes: u64) -> Fetch {
        Fetch::of(&Policy {
            page_bytes: Some(page_bytes),
            ..Policy::default()
        })
    }

    #[test]
    fn a_small_remainder_is_sent_and_a_large_one_fetched() {
        let pays = |remaining, link| Fetch::default().pays(remaining, link, 0);
        assert!(!pays(10 * MB, GIGABIT));
        assert!(pays(GB, GIGABIT));
        assert!(!pays(GB, 0));
    }

    #[test]
    fn well_compressed_memory_is_sent_not_fetched() {
        let pays = |sent_ppm| Fetch::default().pays(10 * GB, GIGABIT, sent_ppm);
        assert!(pays(900_000));
        assert!(!pays(500_000));
    }

    #[test]
    fn a_round_costs_more_where_it_saves_less() {
        let cost = |fetch: Fetch, link| {
            fetch
                .round_cost(Slowdown::from_ppm(100_000), link)
                .ppm()
                .div_euclid(1000)
        };
        assert_eq!(cost(Fetch::default(), 10 * MB), 124);
        // Post-copy that never pays spares nothing: a round costs delta.
        assert_eq!(cost(rated(5), GIGABIT), 100);
    }

    /// 64 MiB at 5 MiB/s are 13 s of missing pages, for a pause of 0.6 s on the link.
    #[test]
    fn at_a_low_fetch_rate_post_copy_never_pays() {
        for remaining in [64 << 20, GB, 100 * GB] {
            assert!(!rated(5).pays(remaining, GIGABIT, 0), "{remaining}");
        }
        assert!(rated(0).pays(GB, GIGABIT, 0), "zero is no limit");
        assert!(rated(111).pays(2 * GB, GIGABIT, 0), "nearly the link");
    }

    /// A fault of 2 MiB takes 5 ms, and the guest runs for 0.14 ms until the next, at 10 Gbit/s.
    #[test]
    fn larger_pages_slow_the_guest_more() {
        assert_eq!(backed(4096).sigma_ppm(TEN_GIGABIT), FETCH_PPM);
        let sigma = backed(2 << 20).sigma_ppm(TEN_GIGABIT) / 1000;
        assert!((970..980).contains(&sigma), "{sigma}");
        assert!(Fetch::default().pays(3 * GB, TEN_GIGABIT / 2, 0));
        assert!(!backed(2 << 20).pays(3 * GB, TEN_GIGABIT / 2, 0));
        assert!(!backed(2 << 20).has_huge_pages());
        assert!(backed(1 << 30).has_huge_pages());
    }

    /// On 100 Gbit/s all of R is sent before a tenth of it is fetched.
    #[test]
    fn on_a_link_faster_than_the_fetch_post_copy_never_pays() {
        for remaining in [GB, 100 * GB, 1000 * GB] {
            assert!(
                !Fetch::default().pays(remaining, 10 * TEN_GIGABIT, 0),
                "{remaining}"
            );
        }
    }

    #[test]
    fn the_pause_grows_with_the_missing_memory() {
        assert_eq!(postcopy_pause(0), POSTCOPY_PAUSE);
        let pause = postcopy_pause(128 * GB);
        assert_eq!(pause, POSTCOPY_PAUSE + Duration::from_millis(1920));
        assert!(postcopy_pause(u64::MAX) > pause);
    }
}
