//! Where post-copy is allowed: whether to go over to it instead of stopping the guest, and when.
//!
//! Pre-copy stops the guest for c0 and what is left over the bandwidth, R/B. Post-copy stops it for c1
//! whatever is left, and lets it run on while the rest follows; but the pages it needs first are those that
//! are missing, so that it loses a share sigma of its speed for R/B:
//!
//! ```text
//! J_pre  = delta x T + c0 + R/B            J_post = delta x T + c1 + sigma x R/B
//! ```
//! Post-copy is the better end where (1 - sigma) R/B > c1 - c0. One more round of pre-copy still costs
//! delta x R/B, but what it saves is worth only sigma of what it was: the moment to go over is the moment to
//! stop, at the price delta / sigma.

use core::time::Duration;

use super::look::{WHOLE_PPM, in_span, scale};
use super::slowdown::Slowdown;

/// sigma, parts per million: what a guest loses of its speed while its hot pages are missing. What is rewritten all the
/// time is missing nearly all the time. Measured within its error: `docs/benchmark.md`, Post-copy.
pub const FETCH_PPM: u64 = 800_000;

/// c1: the pause of going over, whatever is left. Measured: 280 ms (a QEMU of 10.0 under emulation; device state
/// and the bitmap go in one package).
pub(crate) const POSTCOPY_PAUSE: Duration = Duration::from_millis(280);

/// c1 - c0: how much longer that is than a pause that sends nothing, which was 25 ms there.
const PAUSE_MORE: Duration = POSTCOPY_PAUSE.saturating_sub(Duration::from_millis(25));

/// The price of a round, if what it saves is fetched later, not waited for.
pub(super) fn price(slowdown: Slowdown) -> Slowdown {
    Slowdown::from_ppm(slowdown.ppm().saturating_mul(WHOLE_PPM) / FETCH_PPM)
}

/// Whether going over costs less than stopping with `remaining_bytes` left to send, which are `sent_ppm` of the memory that is
/// left (zero: all of it). What is fetched is sent whole (`ram_save_host_page_urgent`, QEMU `migration/ram.c`).
pub(super) fn pays(remaining_bytes: u64, bytes_per_s: u64, sent_ppm: u64) -> bool {
    let fetched_ppm = match sent_ppm {
        0 => FETCH_PPM,
        sent_ppm => FETCH_PPM * WHOLE_PPM / sent_ppm,
    };
    let spared_ppm = WHOLE_PPM.saturating_sub(fetched_ppm);
    let spared = scale(remaining_bytes, spared_ppm, WHOLE_PPM);
    bytes_per_s > 0 && spared > in_span(bytes_per_s, PAUSE_MORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: u64 = 117_000_000;

    #[test]
    fn little_is_sent_at_once_and_much_is_fetched() {
        assert!(!pays(10_000_000, LINK, 0));
        assert!(pays(1_000_000_000, LINK, 0));
        assert!(!pays(1_000_000_000, 0, 0));
    }

    #[test]
    fn what_is_sent_as_differences_and_fetched_whole_is_not_fetched() {
        assert!(pays(10_000_000_000, LINK, 900_000));
        assert!(!pays(10_000_000_000, LINK, 500_000));
    }

    #[test]
    fn a_round_is_dearer_where_it_saves_less() {
        assert_eq!(
            price(Slowdown::from_ppm(100_000)),
            Slowdown::from_ppm(125_000)
        );
    }
}
