//! The bandwidth of pre-copy: smoothed for decisions, and as QEMU itself measures it for limits.

use core::time::Duration;

use crate::rate::per_second;
use crate::sample::Sample;
use crate::time::Timestamp;

/// The shortest span over which bytes are divided by time. QEMU's own window is 100 ms
/// (`BUFFER_DELAY`, `migration/migration.c`) and jitters with sync stalls, zero-page scans and socket
/// bursts; two of its windows average the bursts out.
const SPAN_MIN: Duration = Duration::from_millis(200);

/// Time constant of the smoothing: about ten of QEMU's windows, so that one odd window moves the
/// estimate by a tenth.
const SMOOTHING: Duration = Duration::from_secs(1);

/// How many of QEMU's windows are remembered: half a second, the time in which a new limit takes effect.
const WINDOWS: usize = 5;

/// For a limit, a window counts as no less than this share of the sustained bandwidth, per cent. A lower one may be a
/// stall, and a limit computed with it allows that much too much when the stall ends.
const WINDOW_LEAST_PERCENT: u64 = 67;

/// Pages are taken for zero pages if so many times more memory is done than sent: 4096 bytes go as 9. With XBZRLE any
/// page may be sent as less than half.
const ZERO_PAGES_FOLD: u64 = 2;
const ZERO_PAGES_FOLD_OF_DIFFERENCES: u64 = 50;

/// Follows the bandwidth from sample to sample. Bytes per second; zero while unknown.
///
/// While pages are zero the link is idle: QEMU sends 9 bytes for each (`save_zero_page`, QEMU `migration/ram.c`), and a
/// window measures how fast memory is scanned. Samples between which much more memory was done than sent say nothing of
/// the link, in the first round or, because guests free memory, in any.
///
/// A stall and a slow link look alike at first. The *sustained* bandwidth follows a faster link at once, and a slower
/// one gradually, by at most what that sends: half the bandwidth is believed within seconds, a hundredth within
/// minutes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bandwidth {
    smooth: u64,
    sustained: u64,
    windows: [u64; WINDOWS],
    next: usize,
    from: Option<Sample>,
    last: Option<Sample>,
    /// When zero pages were last seen, as long as QEMU's window may still contain them.
    zero_pages: Option<Timestamp>,
}

impl Bandwidth {
    /// Takes one sample in.
    pub fn update(&mut self, sample: &Sample) {
        let last = self.last.replace(*sample);
        self.zero_pages = last.and_then(|last| zero_pages(self.zero_pages, &last, sample));
        if self.zero_pages.is_some() {
            self.from = Some(*sample);
            return;
        }
        if sample.window_bytes_per_s > 0 {
            self.windows[self.next] = sample.window_bytes_per_s;
            self.next = (self.next + 1) % WINDOWS;
        }
        let Some(from) = self.from else {
            self.from = Some(*sample);
            return;
        };
        let span = sample.at.since(from.at);
        if span < SPAN_MIN {
            return;
        }
        let sent = sample.processed_bytes.saturating_sub(from.processed_bytes);
        self.smooth = blend(self.smooth, per_second(sent, span), span);
        self.sustained = lower(self.sustained, self.smooth, sent);
        self.from = Some(*sample);
    }

    /// The smoothed bandwidth; before there is one, the newest of QEMU's windows. Zero if nothing is known.
    #[must_use]
    pub fn smooth(&self) -> u64 {
        if self.smooth > 0 {
            self.smooth
        } else {
            self.newest()
        }
    }

    /// The bandwidth that the link has sustained, whatever a present stall. At least the smoothed one.
    #[must_use]
    pub fn sustained(&self) -> u64 {
        self.sustained.max(self.smooth())
    }

    /// The lowest of QEMU's latest windows, stalls apart: a limit computed with it holds in each of them, and allows at
    /// most half as much again if the link returns to its sustained bandwidth.
    #[must_use]
    pub fn lowest_window(&self) -> u64 {
        let lowest = self.windows.iter().copied().filter(|&w| w > 0).min();
        let least = self.sustained() / 100 * WINDOW_LEAST_PERCENT;
        lowest.map_or(self.smooth, |lowest| lowest.max(least))
    }

    fn newest(&self) -> u64 {
        self.windows[(self.next + WINDOWS - 1) % WINDOWS]
    }
}

/// When zero pages were last seen, if QEMU's window contains them: most of the memory done between two samples was
/// zero. While nothing is done, as in a sync, the state `before` lasts; after that until the window changes, but for
/// two windows at most, because a steady link measures the same again.
fn zero_pages(before: Option<Timestamp>, last: &Sample, now: &Sample) -> Option<Timestamp> {
    let sent = now.processed_bytes.saturating_sub(last.processed_bytes);
    let done = last.remaining_bytes.saturating_sub(now.remaining_bytes);
    let same_round = now.iteration == last.iteration;
    if same_round && done / fold(now) > sent {
        return Some(now.at);
    }
    let seen = before?;
    // Until a round has ended, only other pages sent in it show that the zero pages are over.
    if now.iteration == 1 && (sent, done) != (0, 0) {
        return None;
    }
    if last.iteration == 1 {
        return Some(now.at);
    }
    let same = now.window_bytes_per_s == last.window_bytes_per_s;
    (same && now.at.since(seen) < SPAN_MIN).then_some(seen)
}

/// The factor of memory done over bytes sent that shows zero pages. XBZRLE compresses nothing before the third round.
fn fold(sample: &Sample) -> u64 {
    if sample.compression_cache_bytes > 0 && sample.iteration >= 3 {
        ZERO_PAGES_FOLD_OF_DIFFERENCES
    } else {
        ZERO_PAGES_FOLD
    }
}

/// The sustained bandwidth, now that the link does `smooth` and has `sent` so many more bytes. It is lowered all the
/// way once the bytes of one [`SMOOTHING`] at the old value are sent.
fn lower(sustained: u64, smooth: u64, sent: u64) -> u64 {
    if sustained <= smooth {
        return smooth;
    }
    let above = u128::from(sustained - smooth);
    let by = (above * u128::from(sent) / u128::from(sustained)).min(above);
    sustained - u64::try_from(by).unwrap_or(u64::MAX)
}

/// Moves `old` towards `new` by the share of [`SMOOTHING`] that `span` is.
fn blend(old: u64, new: u64, span: Duration) -> u64 {
    if old == 0 {
        return new;
    }
    let whole = SMOOTHING.as_millis();
    let share = span.as_millis().min(whole);
    let mixed = (u128::from(old) * (whole - share) + u128::from(new) * share) / whole;
    u64::try_from(mixed).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, processed_bytes: u64, window_bytes_per_s: u64) -> Sample {
        let at = Timestamp::from_nanos(at_ms * 1_000_000);
        Sample {
            at,
            processed_bytes,
            window_bytes_per_s,
            ..Sample::default()
        }
    }

    #[test]
    fn one_empty_window_moves_the_estimate_by_a_fifth_at_most() {
        let mut bandwidth = Bandwidth::default();
        for step in 0..=10 {
            bandwidth.update(&sample(step * 200, step * 20_000_000, 100_000_000));
        }
        assert_eq!(bandwidth.smooth(), 100_000_000);
        bandwidth.update(&sample(2200, 200_000_000, 0));
        assert_eq!(bandwidth.smooth(), 80_000_000);
        assert_eq!(bandwidth.lowest_window(), 100_000_000);
    }

    #[test]
    fn the_bandwidth_follows_a_link_that_slows_down() {
        let mut bandwidth = Bandwidth::default();
        let mut sent = 0;
        for step in 0..40 {
            sent += if step < 20 { 20_000_000 } else { 2_000_000 };
            let window = if step < 20 { 100_000_000 } else { 10_000_000 };
            bandwidth.update(&sample(step * 200, sent, window));
        }
        assert!(
            (10_000_000..12_000_000).contains(&bandwidth.smooth()),
            "{bandwidth:?}"
        );
        // The sustained bandwidth falls by as much as the slow link has sent since.
        let sustained = bandwidth.sustained();
        assert!((60_000_000..75_000_000).contains(&sustained), "{sustained}");
        assert_eq!(bandwidth.lowest_window(), sustained / 100 * 67);
        for step in 40..100 {
            sent += 2_000_000;
            bandwidth.update(&sample(step * 200, sent, 10_000_000));
        }
        assert_eq!(bandwidth.lowest_window(), 10_000_000, "{bandwidth:?}");
    }

    #[test]
    fn half_the_bandwidth_is_believed_in_seconds_and_a_hundredth_is_not() {
        let after = |window: u64, seconds: u64| {
            let (mut bandwidth, mut sent) = (Bandwidth::default(), 0);
            for n in 0..10 * (5 + seconds) {
                let rate = if n < 50 { 100_000_000 } else { window };
                sent += rate / 10;
                bandwidth.update(&sample(n * 100, sent, rate));
            }
            bandwidth.sustained() / 1_000_000
        };
        assert!(after(50_000_000, 5) < 60);
        assert!(after(1_000_000, 20) > 75);
        assert_eq!(after(200_000_000, 6), 199);
    }

    #[test]
    fn qemus_window_counts_until_there_is_an_estimate() {
        let mut bandwidth = Bandwidth::default();
        assert_eq!(bandwidth.smooth(), 0);
        bandwidth.update(&sample(0, 0, 7));
        assert_eq!((bandwidth.smooth(), bandwidth.lowest_window()), (7, 7));
    }

    #[test]
    fn a_window_that_is_not_known_replaces_none() {
        let mut bandwidth = Bandwidth::default();
        for (at_ms, window) in [(0, 7), (100, 0)] {
            bandwidth.update(&sample(at_ms, 0, window));
            assert_eq!((bandwidth.smooth(), bandwidth.lowest_window()), (7, 7));
        }
    }

    #[test]
    fn zero_pages_do_not_change_the_bandwidth() {
        let mut bandwidth = Bandwidth::default();
        let poll = |n: u64, sent: u64, remaining_bytes: u64, window| Sample {
            iteration: 1,
            remaining_bytes,
            ..sample(n * 100, sent, window)
        };
        (0..20).for_each(|n| {
            bandwidth.update(&poll(
                n,
                n * 10_000_000,
                9_000_000_000 - n * 10_000_000,
                100_000_000,
            ));
        });
        (20..60).for_each(|n| {
            let remaining_bytes = 8_000_000_000 - (n - 20) * 200_000_000;
            bandwidth.update(&poll(n, 190_000_000 + n * 1000, remaining_bytes, 10_000));
        });
        assert_eq!(bandwidth.smooth(), 100_000_000);
        assert_eq!(bandwidth.lowest_window(), 100_000_000);
        // The sync takes a while, and QEMU's window contains the zero pages until the next one ends.
        let sent = 190_060_000;
        (60..64).for_each(|n| bandwidth.update(&poll(n, sent, 0, 10_000)));
        for n in 64..66 {
            let second = Sample {
                iteration: 2,
                ..poll(n, sent + (n - 63) * 100, 500_000_000, 10_000)
            };
            bandwidth.update(&second);
        }
        assert_eq!(bandwidth.smooth(), 100_000_000);
        assert_eq!(bandwidth.lowest_window(), 100_000_000);
    }

    /// A link with the same bandwidth in each window, be it as low as with zero pages, is seen all the same.
    #[test]
    fn two_windows_after_the_first_sync_zero_pages_are_over() {
        let mut bandwidth = Bandwidth::default();
        let poll = |n: u64, iteration, sent: u64, remaining_bytes: u64| Sample {
            iteration,
            remaining_bytes,
            ..sample(n * 100, sent, 10_000)
        };
        bandwidth.update(&Sample {
            window_bytes_per_s: 100_000_000,
            ..poll(0, 1, 0, 900_000_000)
        });
        bandwidth.update(&poll(1, 1, 1_000, 400_000_000));
        bandwidth.update(&poll(2, 2, 2_000, 500_000_000));
        bandwidth.update(&poll(3, 2, 3_000, 499_999_000));
        assert_eq!(
            bandwidth.lowest_window(),
            100_000_000,
            "the first window may contain zero pages"
        );
        bandwidth.update(&poll(4, 2, 4_000, 499_998_000));
        assert_eq!(bandwidth.lowest_window(), 10_000);
        bandwidth.update(&poll(6, 2, 6_000, 499_996_000));
        assert_eq!(bandwidth.smooth(), 10_000);
    }

    #[test]
    fn a_stalled_window_is_no_base_for_a_limit() {
        let mut bandwidth = Bandwidth::default();
        (0..20).for_each(|n| bandwidth.update(&sample(n * 100, n * 10_000_000, 100_000_000)));
        bandwidth.update(&sample(2000, 191_000_000, 1_000_000));
        let base = bandwidth.lowest_window();
        assert!((65_000_000..=67_000_000).contains(&base), "{base}");
        (21..40).for_each(|n| bandwidth.update(&sample(n * 100, 191_000_000, 1_000_000)));
        assert!(bandwidth.lowest_window() > 60_000_000, "no data since");
    }

    #[test]
    fn rates_never_overflow() {
        assert_eq!(per_second(u64::MAX, Duration::from_nanos(1)), u64::MAX);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), 0);
    }

    /// A page that changed in little is sent as little, which is the link's work all the same.
    #[test]
    fn what_xbzrle_compresses_is_not_taken_for_zero_pages() {
        for (cache, iteration, expected) in [
            (0, 3, ZERO_PAGES_FOLD),
            (1, 2, ZERO_PAGES_FOLD),
            (1, 3, ZERO_PAGES_FOLD_OF_DIFFERENCES),
            (1, 4, ZERO_PAGES_FOLD_OF_DIFFERENCES),
        ] {
            let sample = Sample {
                compression_cache_bytes: cache,
                iteration,
                ..Sample::default()
            };
            assert_eq!(fold(&sample), expected, "{cache}, round {iteration}");
        }
    }
}
