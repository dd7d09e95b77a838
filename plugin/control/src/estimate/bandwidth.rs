//! The bandwidth of pre-copy: smooth for reckoning, and as QEMU itself measures it for setting limits.

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

/// How many of QEMU's windows are remembered: half a second, the time in which a new limit meets them.
const WINDOWS: usize = 5;

/// A window counts for a limit as no less than this part of what the link has held, per cent. What is below may be a
/// stall, and a limit reckoned with it accepts as many times too much when the stall ends.
const WINDOW_LEAST_PERCENT: u64 = 67;

/// Memory is taken for zero pages where so many times as much of it is done as is sent: 4096 bytes go as 9. Where
/// memory is sent as differences (XBZRLE), less than that is sent of any page.
const ZERO_PAGES_FOLD: u64 = 2;
const ZERO_PAGES_FOLD_OF_DIFFERENCES: u64 = 50;

/// Follows the bandwidth from sample to sample. Bytes per second; zero while unknown.
///
/// Where pages are zero the link is idle: QEMU sends 9 bytes for each (`save_zero_page`, QEMU
/// `migration/ram.c`), so that a window measures how fast memory is scanned. Looks between which much more
/// memory was done than bytes were sent say nothing of the link, in the first round or, where a guest frees memory, in
/// any.
///
/// A stall of the link and a link that has become slow look alike at first. What the link *has held* follows a faster
/// link at once, and a slower one by no more in a second than that sends in one: a link at half its rate is believed within
/// seconds, one that trickles within minutes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bandwidth {
    smooth: u64,
    held: u64,
    windows: [u64; WINDOWS],
    next: usize,
    from: Option<Sample>,
    last: Option<Sample>,
    /// When zero pages were seen last, as long as QEMU's window may still be of them.
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
            self.windows[self.next % WINDOWS] = sample.window_bytes_per_s;
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
        self.held = sink(self.held, self.smooth, sent);
        self.from = Some(*sample);
    }

    /// The smoothed rate; before there is one, the newest of QEMU's windows. Zero if nothing is known.
    #[must_use]
    pub fn smooth(&self) -> u64 {
        if self.smooth > 0 {
            self.smooth
        } else {
            self.newest()
        }
    }

    /// What the link has held, short of what it may be doing just now. Falls back to the smoothed rate.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.max(self.smooth())
    }

    /// The lowest rate that QEMU has measured lately, stalls apart: a limit reckoned with it holds in each of
    /// those windows, and accepts at most half as much again should the link be as it was.
    #[must_use]
    pub fn lowest_window(&self) -> u64 {
        let lowest = self.windows.iter().copied().filter(|&w| w > 0).min();
        let least = self.held() / 100 * WINDOW_LEAST_PERCENT;
        lowest.map_or(self.smooth, |lowest| lowest.max(least))
    }

    fn newest(&self) -> u64 {
        self.windows[(self.next + WINDOWS - 1) % WINDOWS]
    }
}

/// When zero pages were seen last, if QEMU's window is of them: most of the memory done between two looks was. While
/// nothing is done, as in a sync, what was the case `before` still is; and then until the window is another, but for two
/// windows at most, for a steady link measures the same again.
fn zero_pages(before: Option<Timestamp>, last: &Sample, now: &Sample) -> Option<Timestamp> {
    let sent = now.processed_bytes.saturating_sub(last.processed_bytes);
    let done = last.remaining_bytes.saturating_sub(now.remaining_bytes);
    let same_round = now.iteration == last.iteration;
    if same_round && done / fold(now) > sent {
        return Some(now.at);
    }
    let seen = before?;
    // Until a round has ended, only what it sends of other pages says that zero pages are over.
    if now.iteration == 1 && (sent, done) != (0, 0) {
        return None;
    }
    if last.iteration == 1 {
        return Some(now.at);
    }
    let same = now.window_bytes_per_s == last.window_bytes_per_s;
    (same && now.at.since(seen) < SPAN_MIN).then_some(seen)
}

/// How many times as much memory as was sent for it is done where pages are zero. Nothing is compared before the third
/// round.
fn fold(sample: &Sample) -> u64 {
    if sample.compression_cache_bytes > 0 && sample.iteration >= 3 {
        ZERO_PAGES_FOLD_OF_DIFFERENCES
    } else {
        ZERO_PAGES_FOLD
    }
}

/// What the link has held, now that it does `smooth` and has `sent` so many bytes more, of which those of one [`SMOOTHING`]
/// at the rate that was held are enough to believe the other.
fn sink(held: u64, smooth: u64, sent: u64) -> u64 {
    if held <= smooth {
        return smooth;
    }
    let above = u128::from(held - smooth);
    let by = (above * u128::from(sent) / u128::from(held)).min(above);
    held - u64::try_from(by).unwrap_or(u64::MAX)
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
    fn follows_a_link_that_slows_down() {
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
        // What the link has held is left behind by as much as the slow link has sent since.
        let held = bandwidth.held();
        assert!((60_000_000..75_000_000).contains(&held), "{held}");
        assert_eq!(bandwidth.lowest_window(), held / 100 * 67);
        for step in 40..100 {
            sent += 2_000_000;
            bandwidth.update(&sample(step * 200, sent, 10_000_000));
        }
        assert_eq!(bandwidth.lowest_window(), 10_000_000, "{bandwidth:?}");
    }

    #[test]
    fn half_a_link_is_believed_in_seconds_and_one_that_trickles_is_not() {
        let after = |window: u64, seconds: u64| {
            let (mut bandwidth, mut sent) = (Bandwidth::default(), 0);
            for n in 0..10 * (5 + seconds) {
                let rate = if n < 50 { 100_000_000 } else { window };
                sent += rate / 10;
                bandwidth.update(&sample(n * 100, sent, rate));
            }
            bandwidth.held() / 1_000_000
        };
        assert!(after(50_000_000, 5) < 60);
        assert!(after(1_000_000, 20) > 75);
        assert_eq!(after(200_000_000, 6), 199);
    }

    #[test]
    fn knows_qemus_window_before_it_has_its_own() {
        let mut bandwidth = Bandwidth::default();
        assert_eq!(bandwidth.smooth(), 0);
        bandwidth.update(&sample(0, 0, 7));
        assert_eq!((bandwidth.smooth(), bandwidth.lowest_window()), (7, 7));
    }

    #[test]
    fn zero_pages_tell_nothing_of_the_link() {
        let mut bandwidth = Bandwidth::default();
        let look = |n: u64, sent: u64, left: u64, window| Sample {
            iteration: 1,
            remaining_bytes: left,
            ..sample(n * 100, sent, window)
        };
        (0..20).for_each(|n| {
            bandwidth.update(&look(
                n,
                n * 10_000_000,
                9_000_000_000 - n * 10_000_000,
                100_000_000,
            ));
        });
        (20..60).for_each(|n| {
            let left = 8_000_000_000 - (n - 20) * 200_000_000;
            bandwidth.update(&look(n, 190_000_000 + n * 1000, left, 10_000));
        });
        assert_eq!(bandwidth.smooth(), 100_000_000);
        assert_eq!(bandwidth.lowest_window(), 100_000_000);
        // The sync takes a while, and QEMU's window is that of the zero pages until the next one ends.
        let sent = 190_060_000;
        (60..64).for_each(|n| bandwidth.update(&look(n, sent, 0, 10_000)));
        for n in 64..66 {
            let second = Sample {
                iteration: 2,
                ..look(n, sent + (n - 63) * 100, 500_000_000, 10_000)
            };
            bandwidth.update(&second);
        }
        assert_eq!(bandwidth.smooth(), 100_000_000);
        assert_eq!(bandwidth.lowest_window(), 100_000_000);
    }

    /// A link that carries the same in each window, be it as little as zero pages, is seen all the same.
    #[test]
    fn two_windows_after_the_first_sync_zero_pages_are_over() {
        let mut bandwidth = Bandwidth::default();
        let look = |n: u64, iteration, sent: u64, left: u64| Sample {
            iteration,
            remaining_bytes: left,
            ..sample(n * 100, sent, 10_000)
        };
        bandwidth.update(&Sample {
            window_bytes_per_s: 100_000_000,
            ..look(0, 1, 0, 900_000_000)
        });
        bandwidth.update(&look(1, 1, 1_000, 400_000_000));
        bandwidth.update(&look(2, 2, 2_000, 500_000_000));
        bandwidth.update(&look(3, 2, 3_000, 499_999_000));
        assert_eq!(
            bandwidth.lowest_window(),
            100_000_000,
            "the first window may be theirs"
        );
        bandwidth.update(&look(4, 2, 4_000, 499_998_000));
        assert_eq!(bandwidth.lowest_window(), 10_000);
        bandwidth.update(&look(6, 2, 6_000, 499_996_000));
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
        assert!(
            bandwidth.lowest_window() > 60_000_000,
            "it has shown nothing since"
        );
    }

    #[test]
    fn rates_never_overflow() {
        assert_eq!(per_second(u64::MAX, Duration::from_nanos(1)), u64::MAX);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), 0);
    }
}
