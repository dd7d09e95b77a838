//! Memory that is sent as differences: how much more is sent by it, and whether that pays.
//!
//! XBZRLE remembers pages as it has sent them, from the second round on, and sends of a page that was written again what has
//! changed (`save_xbzrle_page`, QEMU `migration/ram.c`): of a page that was rewritten in part, a part. It is off or on
//! from the migration's begin; how much is remembered may be changed.

use super::round::sent;
use crate::sample::Sample;

/// The cache holds so many times what the first sync finds left: a page has one place in it, by its address, which another
/// may hold (`cache_insert`, QEMU `migration/page_cache.c`). Where pages lie at random, an eighth to a fifth find it taken.
const PLACES: u64 = 2;

/// QEMU's own cache (`DEFAULT_MIGRATE_XBZRLE_CACHE_SIZE`, QEMU `migration/options.c`), bytes: that of a migration for which
/// nobody has chosen another, and the least.
pub const CACHE_DEFAULT: u64 = 64 << 20;

/// What is remembered where nothing should be, bytes: a page, be it a large one.
const CACHE_NONE: u64 = 64 << 10;

/// The fastest link on which differences are sent, bytes per second. They are found by the one thread that sends. Where
/// nothing of a page is as it was, that thread does 640 MB/s (measured: 1.57 ms of a core for a MB, 0.26 without; QEMU 10.0
/// on an EPYC), and a faster link would wait for it. Other processors are slower.
const LINK_MOST: u64 = 400_000_000;

/// Says how much XBZRLE should remember, unless somebody else has said so.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    /// The largest cache, bytes.
    most_bytes: u64,
    /// Whether it is for us to say; none before the first look.
    ours: Option<bool>,
    /// The cache that is wanted; none before the first sync.
    wanted_bytes: Option<u64>,
}

impl Compression {
    /// A cache of at most so many bytes.
    #[must_use]
    pub const fn new(most_bytes: u64) -> Self {
        Self {
            most_bytes,
            ours: None,
            wanted_bytes: None,
        }
    }

    /// The cache that is wanted at this look on a link that carries `link_bytes_per_s`, bytes; none if it is as wanted. Until
    /// the first sync nothing is remembered, and soon after it nothing is lost by another size, which begins empty.
    pub fn wanted_bytes(&mut self, sample: &Sample, link_bytes_per_s: u64) -> Option<u64> {
        let cache_bytes = sample.compression_cache_bytes;
        let is_ours = *self.ours.get_or_insert(cache_bytes == CACHE_DEFAULT);
        if !is_ours || sample.iteration < 2 {
            return None;
        }
        let wanted_bytes = *self
            .wanted_bytes
            .get_or_insert(if link_bytes_per_s > LINK_MOST {
                CACHE_NONE
            } else {
                cache(sample.remaining_bytes, sample.total_bytes, self.most_bytes)
            });
        (wanted_bytes != cache_bytes).then_some(wanted_bytes)
    }

    /// Whether anything is remembered.
    #[must_use]
    pub const fn is_on(sample: &Sample) -> bool {
        sample.compression_cache_bytes > CACHE_NONE
    }

    /// libvirt refused: it is not asked again.
    pub fn refused(&mut self) {
        self.ours = Some(false);
    }
}

/// The cache for so much left of a guest's memory: a power of two, as QEMU wants it.
fn cache(remaining_bytes: u64, total_bytes: u64, most_bytes: u64) -> u64 {
    let most_bytes = most_bytes.min(total_bytes / PLACES).max(CACHE_DEFAULT);
    let wanted_bytes = remaining_bytes.saturating_mul(PLACES);
    let wanted_bytes = wanted_bytes.checked_next_power_of_two();
    wanted_bytes
        .unwrap_or(u64::MAX)
        .clamp(CACHE_DEFAULT, 1 << most_bytes.ilog2())
}

/// The memory that was sent between two looks, bytes: where it is compressed, what is no longer left, if no sync lies between
/// them. The first round does not count, in which zero pages are as good as not sent.
pub(super) fn memory_sent(last: &Sample, now: &Sample) -> u64 {
    let sent = sent(last, now);
    if !Compression::is_on(now) || last.iteration != now.iteration || now.iteration < 2 {
        return sent;
    }
    sent.max(last.remaining_bytes.saturating_sub(now.remaining_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(iteration: u64, left_mib: u64, cache_mib: u64) -> Sample {
        Sample {
            iteration,
            total_bytes: 16 << 30,
            remaining_bytes: left_mib << 20,
            compression_cache_bytes: cache_mib << 20,
            ..Sample::default()
        }
    }

    #[test]
    fn there_is_room_for_what_the_first_sync_finds_left() {
        let wanted = |looks: &[(u64, u64, u64)]| {
            let mut compression = Compression::new(1 << 30);
            let looks = looks.iter().map(|&(iteration, left_mib, cache_mib)| {
                let bytes = compression.wanted_bytes(&look(iteration, left_mib, cache_mib), 0);
                bytes.map(|bytes| bytes >> 20)
            });
            looks.last().flatten()
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
    fn a_small_guest_has_a_cache_of_half_its_memory() {
        assert_eq!(cache(100 << 20, 300 << 20, u64::MAX), 128 << 20);
        assert_eq!(cache(u64::MAX, u64::MAX, 1 << 30), 1 << 30);
        assert_eq!(cache(0, 0, 0), CACHE_DEFAULT);
    }

    #[test]
    fn a_link_that_is_faster_is_not_kept_waiting() {
        let wanted = |link| Compression::new(1 << 30).wanted_bytes(&look(2, 10, 64), link);
        assert_eq!(wanted(LINK_MOST), None);
        assert_eq!(wanted(LINK_MOST + 1), Some(CACHE_NONE));
        let mut compression = Compression::new(1 << 30);
        compression.refused();
        assert_eq!(compression.wanted_bytes(&look(2, 10, 64), u64::MAX), None);
    }
}
