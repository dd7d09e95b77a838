//! XBZRLE: how much more memory is sent with it, and whether that pays.
//!
//! From the second round on XBZRLE caches pages as it sends them. Of a page that is rewritten it then sends only what
//! has changed (`save_xbzrle_page`, QEMU `migration/ram.c`). It is on or off for the whole migration; the size of its
//! cache may be changed.

use crate::sample::Sample;

/// The cache is so many times the remaining memory of the first sync: a page has one slot, chosen by its address, which
/// another may occupy (`cache_insert`, QEMU `migration/page_cache.c`). Where pages lie at random, an eighth to a fifth
/// find it taken.
const PLACES: u64 = 2;

/// QEMU's default (`DEFAULT_MIGRATE_XBZRLE_CACHE_SIZE`, QEMU `migration/options.c`), bytes: the cache of a migration
/// for which nobody has chosen another, and the smallest.
pub const CACHE_DEFAULT: u64 = 64 << 20;

/// The cache to set where XBZRLE does not pay, bytes: one page, even a large one.
const CACHE_NONE: u64 = 64 << 10;

/// The fastest link on which XBZRLE pays, bytes per second. The sending thread compares the pages. Where whole pages
/// change it does 640 MB/s (measured: 1.57 ms of a core for a MB, 0.26 without; QEMU 10.0 on an EPYC), and a faster
/// link would wait for it. Other processors are slower.
pub const XBZRLE_LINK_BYTES_PER_S: u64 = 400_000_000;

/// Chooses the cache of XBZRLE, unless somebody else has chosen one.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    /// The largest cache, bytes.
    most_bytes: u64,
    /// Whether nobody else has chosen a size; none before the first sample.
    may_choose: Option<bool>,
    /// The wanted cache; none before the first sync.
    wanted_bytes: Option<u64>,
}

impl Compression {
    /// A cache of at most so many bytes.
    #[must_use]
    pub const fn new(most_bytes: u64) -> Self {
        Self {
            most_bytes,
            may_choose: None,
            wanted_bytes: None,
        }
    }

    /// The cache to set now on a link of `link_bytes_per_s`, bytes; none if it is as wanted. Nothing is cached until
    /// the first sync, and little is lost if another size, which starts empty, is set soon after it.
    pub fn wanted_bytes(&mut self, sample: &Sample, link_bytes_per_s: u64) -> Option<u64> {
        let cache_bytes = sample.compression_cache_bytes;
        let may_choose = *self.may_choose.get_or_insert(cache_bytes == CACHE_DEFAULT);
        if !may_choose || sample.iteration < 2 {
            return None;
        }
        let wanted_bytes =
            *self
                .wanted_bytes
                .get_or_insert(if link_bytes_per_s > XBZRLE_LINK_BYTES_PER_S {
                    CACHE_NONE
                } else {
                    cache(sample.remaining_bytes, sample.total_bytes, self.most_bytes)
                });
        (wanted_bytes != cache_bytes).then_some(wanted_bytes)
    }

    /// Whether anything is cached.
    #[must_use]
    pub const fn is_on(sample: &Sample) -> bool {
        sample.compression_cache_bytes > CACHE_NONE
    }

    /// libvirt refused: the size is not tried again.
    pub fn refused(&mut self) {
        self.may_choose = Some(false);
    }
}

/// The cache for so many remaining bytes: a power of two, as QEMU requires.
fn cache(remaining_bytes: u64, total_bytes: u64, most_bytes: u64) -> u64 {
    let most_bytes = most_bytes.min(total_bytes / PLACES).max(CACHE_DEFAULT);
    let wanted_bytes = remaining_bytes.saturating_mul(PLACES);
    let wanted_bytes = wanted_bytes.checked_next_power_of_two();
    wanted_bytes
        .unwrap_or(u64::MAX)
        .clamp(CACHE_DEFAULT, 1 << most_bytes.ilog2())
}

/// The memory sent between two samples, bytes: with XBZRLE the decrease of the remaining memory, if no sync lies
/// between. The first round does not count, because zero pages in it are hardly sent.
pub(super) fn memory_sent(last: &Sample, now: &Sample) -> u64 {
    let sent = now.sent_since(last);
    if !Compression::is_on(now) || last.iteration != now.iteration || now.iteration < 2 {
        return sent;
    }
    sent.max(last.remaining_bytes.saturating_sub(now.remaining_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(iteration: u64, remaining_mib: u64, cache_mib: u64) -> Sample {
        Sample {
            iteration,
            total_bytes: 16 << 30,
            remaining_bytes: remaining_mib << 20,
            compression_cache_bytes: cache_mib << 20,
            ..Sample::default()
        }
    }

    #[test]
    fn the_cache_has_room_for_what_remains_at_the_first_sync() {
        let wanted = |polls: &[(u64, u64, u64)]| {
            let mut compression = Compression::new(1 << 30);
            let polls = polls.iter().map(|&(iteration, remaining_mib, cache_mib)| {
                let bytes =
                    compression.wanted_bytes(&sample(iteration, remaining_mib, cache_mib), 0);
                bytes.map(|bytes| bytes >> 20)
            });
            polls.last().flatten()
        };
        assert_eq!(wanted(&[(1, 16_384, 64)]), None, "not known yet");
        assert_eq!(wanted(&[(1, 9, 64), (2, 100, 64)]), Some(256));
        assert_eq!(wanted(&[(2, 100, 64), (2, 90, 256)]), None, "done");
        assert_eq!(wanted(&[(2, 100, 64), (3, 900, 256)]), None, "once");
        assert_eq!(wanted(&[(2, 3, 64)]), None, "no less than QEMU's own");
        assert_eq!(wanted(&[(2, 9_000, 64)]), Some(1024));
        assert_eq!(wanted(&[(2, 100, 0)]), None, "a migration without it");
        assert_eq!(wanted(&[(2, 100, 128)]), None, "somebody has chosen");
    }

    #[test]
    fn a_cache_of_a_large_page_is_none() {
        for (cache_bytes, is_on) in [(0, false), (65_536, false), (65_537, true)] {
            let sample = Sample {
                compression_cache_bytes: cache_bytes,
                ..Sample::default()
            };
            assert_eq!(Compression::is_on(&sample), is_on, "{cache_bytes}");
        }
    }

    /// Of 10 MiB that no longer remain, 3 bytes were sent.
    #[test]
    fn more_memory_is_sent_than_bytes_only_with_xbzrle_within_a_round_after_the_first() {
        for (cache_mib, rounds, expected) in [
            (64, (2, 2), 10 << 20),
            (0, (2, 2), 3),
            (64, (2, 3), 3),
            (64, (1, 1), 3),
        ] {
            let now = Sample {
                processed_bytes: 3,
                ..sample(rounds.1, 90, cache_mib)
            };
            let sent = memory_sent(&sample(rounds.0, 100, cache_mib), &now);
            assert_eq!(sent, expected, "cache {cache_mib}, rounds {rounds:?}");
        }
    }

    #[test]
    fn a_small_guest_has_a_cache_of_half_its_memory() {
        assert_eq!(cache(100 << 20, 300 << 20, u64::MAX), 128 << 20);
        assert_eq!(cache(u64::MAX, u64::MAX, 1 << 30), 1 << 30);
        assert_eq!(cache(0, 0, 0), CACHE_DEFAULT);
    }

    #[test]
    fn a_faster_link_does_without_xbzrle() {
        let wanted = |link| Compression::new(1 << 30).wanted_bytes(&sample(2, 10, 64), link);
        assert_eq!(wanted(XBZRLE_LINK_BYTES_PER_S), None);
        assert_eq!(wanted(XBZRLE_LINK_BYTES_PER_S + 1), Some(CACHE_NONE));
        let mut compression = Compression::new(1 << 30);
        compression.refused();
        assert_eq!(compression.wanted_bytes(&sample(2, 10, 64), u64::MAX), None);
    }
}
