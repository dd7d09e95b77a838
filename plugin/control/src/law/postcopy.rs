//! Where post-copy is allowed: whether to go over to it instead of stopping the guest, and when.
//!
//! Pre-copy stops the guest for c0 and what is left over the bandwidth, R/B. Post-copy stops it for c1 and m R, and lets it run
//! on while the rest follows at a rate F of its own; but the pages it needs first are those that are missing, so that it loses
//! a share sigma of its speed for R/F:
//!
//! ```text
//! J_pre  = delta x T + c0 + R/B            J_post = delta x T + c1 + m R + sigma x R/F
//!                                                 = delta x T + c1 + f x R/B,   f = m B + sigma B/F
//! ```
//! Post-copy is the better end where (1 - f) R/B > c1 - c0. One more round of pre-copy still costs delta x R/B, but what it
//! saves is worth only f of what it was: the moment to go over is the moment to stop, at the price delta / f.
//!
//! sigma is t/(t + u): u is how long the guest runs between two faults, t how long it stands for one. With larger pages t grows,
//! and u need not: a guest that touches its memory at random finds the next page missing as soon.

use core::time::Duration;

use super::look::{WHOLE_PPM, in_span, scale};
use super::slowdown::Slowdown;
use crate::policy::Policy;

/// sigma, parts per million: what a guest loses of its speed while its hot pages are missing. What is rewritten all the
/// time is missing nearly all the time. Measured within its error: `docs/benchmark.md`, Post-copy.
pub const FETCH_PPM: u64 = 800_000;

/// c1: the pause of going over with little left. Measured: 280 ms (a QEMU of 10.0 under emulation; device state
/// and the bitmap go in one package).
const POSTCOPY_PAUSE: Duration = Duration::from_millis(280);

/// c1 - c0: how much longer that is than a pause that sends nothing, which was 25 ms there.
const PAUSE_MORE: Duration = POSTCOPY_PAUSE.saturating_sub(Duration::from_millis(25));

/// m: what the pause grows by for each GB that is missing, for all of it is discarded on the destination. Published: 15 ms, 57 to
/// 66 % of a pause above 3 s (guests of 256 GB with a working set of 128 GB, QEMU 8.2; OSDI 2026).
const PAUSE_NS_PER_GB: u64 = 15_000_000;

/// How fast missing memory arrives at most, bytes per second. Published: 9 % of a link of 100 Gbit/s (as above).
const FETCH_MOST_BYTES_PER_S: u64 = 1_125_000_000;

/// The processor's own page, for which sigma was measured.
const PAGE_BYTES: u64 = 4096;

/// t of a page of 4 KiB, nanoseconds. Published: 0.57 ms at 10 Gbit/s under load with `postcopy-preempt`, which libvirt switches
/// on where both QEMUs have it (qemu-devel, Peter Xu: the covers of postcopy-preempt, QEMU 7.1).
const FAULT_NS: u64 = 570_000;

/// How much longer than on an idle link a page takes, per cent: one of 2 MiB 5.0 ms (as above; 10.6 without preempt), of which
/// 1.68 would be sending it.
const FAULT_SENT_PERCENT: u64 = 264;

/// The largest pages that a law goes over with. One of 1 GiB takes 0.65 s at 10 Gbit/s, without preempt 2 s (as above); of those
/// between nothing is published.
const PAGE_MOST_BYTES: u64 = 2 << 20;

/// What post-copy meets in one migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// No faster than that, bytes per second; zero where the link alone limits.
    most_bytes_per_s: u64,
    /// The largest backing page, bytes; zero for the processor's own.
    page_bytes: u64,
}

impl Fetch {
    /// By the policy.
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
        let stands_ns = FAULT_NS.saturating_add(scale(sent_ns, FAULT_SENT_PERCENT, 100));
        scale(WHOLE_PPM, stands_ns, stands_ns.saturating_add(runs_ns))
    }

    /// f, parts per million of what the same memory costs in a pause; at least one of them, at most all.
    fn cost_ppm(&self, bytes_per_s: u64) -> u64 {
        let fetched = scale(
            self.sigma_ppm(bytes_per_s),
            bytes_per_s,
            self.rate(bytes_per_s),
        );
        let discarded = scale(PAUSE_NS_PER_GB, bytes_per_s, 1_000_000_000_000);
        fetched.saturating_add(discarded).clamp(1, WHOLE_PPM)
    }

    /// The price of a round, if what it saves is fetched later, not waited for.
    pub(super) fn price(&self, slowdown: Slowdown, bytes_per_s: u64) -> Slowdown {
        let whole = slowdown.ppm().saturating_mul(WHOLE_PPM);
        Slowdown::from_ppm(whole / self.cost_ppm(bytes_per_s))
    }

    /// Whether going over costs less than stopping with `remaining_bytes` left to send, which are `sent_ppm` of the memory that is
    /// left (zero: all of it). What is fetched is sent whole (`ram_save_host_page_urgent`, QEMU `migration/ram.c`).
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

/// How long the guest stands when it goes over with so much missing.
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
    fn little_is_sent_at_once_and_much_is_fetched() {
        let pays = |left, link| Fetch::default().pays(left, link, 0);
        assert!(!pays(10 * MB, GIGABIT));
        assert!(pays(GB, GIGABIT));
        assert!(!pays(GB, 0));
    }

    #[test]
    fn what_is_sent_as_differences_and_fetched_whole_is_not_fetched() {
        let pays = |sent_ppm| Fetch::default().pays(10 * GB, GIGABIT, sent_ppm);
        assert!(pays(900_000));
        assert!(!pays(500_000));
    }

    #[test]
    fn a_round_is_dearer_where_it_saves_less() {
        let price = |fetch: Fetch, link| {
            fetch
                .price(Slowdown::from_ppm(100_000), link)
                .ppm()
                .div_euclid(1000)
        };
        assert_eq!(price(Fetch::default(), 10 * MB), 124);
        // What never pays spares nothing: a round costs what it costs.
        assert_eq!(price(rated(5), GIGABIT), 100);
    }

    /// 64 MiB at 5 MiB/s are 13 s of missing pages, for a pause of 0.6 s on the link.
    #[test]
    fn what_would_be_fetched_at_a_low_rate_is_not_fetched() {
        for left in [64 << 20, GB, 100 * GB] {
            assert!(!rated(5).pays(left, GIGABIT, 0), "{left}");
        }
        assert!(rated(0).pays(GB, GIGABIT, 0), "zero is no limit");
        assert!(rated(111).pays(2 * GB, GIGABIT, 0), "nearly the link");
    }

    /// A fault with 2 MiB costs 5 ms of which the guest runs 0.14 at 10 Gbit/s.
    #[test]
    fn larger_pages_take_more_of_the_guest() {
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
    fn on_a_link_that_outruns_the_fetch_the_guest_is_stopped() {
        for left in [GB, 100 * GB, 1000 * GB] {
            assert!(!Fetch::default().pays(left, 10 * TEN_GIGABIT, 0), "{left}");
        }
    }

    #[test]
    fn the_pause_grows_with_what_is_missing() {
        assert_eq!(postcopy_pause(0), POSTCOPY_PAUSE);
        let pause = postcopy_pause(128 * GB);
        assert_eq!(pause, POSTCOPY_PAUSE + Duration::from_millis(1920));
        assert!(postcopy_pause(u64::MAX) > pause);
    }
}
