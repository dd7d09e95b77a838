//! Memory that is sent as differences: how much more is sent by it, and whether that pays.
//!
//! XBZRLE remembers pages as it has sent them, from the second round on, and sends of a page that was written again what has
//! changed (`save_xbzrle_page`, QEMU `migration/ram.c`): of a page that was rewritten in part, a part. It is off or on
//! from the migration's begin; how much is remembered may be changed.

use super::round::sent;
use crate::sample::Sample;

/// Of so large a part of the guest's memory is remembered, as the first of two bounds: memory of the source's host, taken as
/// pages are sent again.
const PART: u64 = 16;

/// What is remembered at least: QEMU's own (`DEFAULT_MIGRATE_XBZRLE_CACHE_SIZE`, QEMU `migration/options.c`), bytes.
const CACHE_LEAST: u64 = 64 << 20;

/// What is remembered at most, bytes: hosts of HPC guests have little memory to spare.
const CACHE_MOST: u64 = 1 << 30;

/// What is remembered where nothing should be, bytes: a page, be it a large one.
const CACHE_NONE: u64 = 64 << 10;

/// The fastest link on which differences are sent, bytes per second. They are found by the one thread that sends. Where
/// nothing of a page is as it was, that thread does 640 MB/s (measured: 1.57 ms of a core for a MB, 0.26 without; QEMU 10.0
/// on an EPYC), and a faster link would wait for it. Other processors are slower.
const LINK_MOST: u64 = 400_000_000;

/// Says how much XBZRLE should remember, unless somebody else has said so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compression {
    /// Whether it is for us to say; none before the first look.
    ours: Option<bool>,
}

impl Compression {
    /// The cache that is wanted at this look on a link that carries `link_bytes_per_s`, bytes; none if it is as wanted. While
    /// the first round runs nothing is remembered yet, and nothing lost by another size.
    pub fn wanted_bytes(&mut self, sample: &Sample, link_bytes_per_s: u64) -> Option<u64> {
        let cache_bytes = sample.compression_cache_bytes;
        if !*self.ours.get_or_insert(cache_bytes == CACHE_LEAST) {
            return None;
        }
        let wanted_bytes = match sample.iteration {
            0 | 1 => cache(sample.total_bytes),
            _ if link_bytes_per_s > LINK_MOST => CACHE_NONE,
            _ => return None,
        };
        (wanted_bytes != cache_bytes).then_some(wanted_bytes)
    }

    /// libvirt refused: it is not asked again.
    pub fn refused(&mut self) {
        self.ours = Some(false);
    }
}

/// The cache for a guest of so much memory: a power of two, as QEMU wants it.
fn cache(total_bytes: u64) -> u64 {
    let part = (total_bytes / PART).clamp(CACHE_LEAST, CACHE_MOST);
    1 << part.ilog2()
}

/// The memory that was sent between two looks, bytes: where it is compressed, what is no longer left, if no sync lies between
/// them. The first round does not count, in which zero pages are as good as not sent.
pub(super) fn memory_sent(last: &Sample, now: &Sample) -> u64 {
    let sent = sent(last, now);
    let compressed = now.compression_cache_bytes > 0;
    if !compressed || last.iteration != now.iteration || now.iteration < 2 {
        return sent;
    }
    sent.max(last.remaining_bytes.saturating_sub(now.remaining_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(iteration: u64, total_gib: u64, cache_mib: u64) -> Sample {
        Sample {
            iteration,
            total_bytes: total_gib << 30,
            compression_cache_bytes: cache_mib << 20,
            ..Sample::default()
        }
    }

    #[test]
    fn a_sixteenth_is_remembered_within_bounds_and_asked_for_once() {
        let wanted = |total_gib, cache_mib: &[u64]| {
            let mut compression = Compression::default();
            let looks = cache_mib.iter().map(|&cache_mib| {
                let bytes = compression.wanted_bytes(&look(1, total_gib, cache_mib), 0);
                bytes.map(|bytes| bytes >> 20)
            });
            looks.last().flatten()
        };
        assert_eq!(wanted(0, &[64]), None, "as it is");
        assert_eq!(wanted(3, &[64]), Some(128), "a power of two");
        assert_eq!(wanted(3, &[64, 128]), None, "done");
        assert_eq!(wanted(1024, &[64]), Some(1024));
        assert_eq!(wanted(1024, &[0]), None, "a migration without it");
        assert_eq!(wanted(1024, &[256]), None, "somebody has chosen");
    }

    #[test]
    fn a_link_that_is_faster_is_not_kept_waiting() {
        let mut compression = Compression::default();
        let second = look(2, 1, 64);
        assert_eq!(compression.wanted_bytes(&second, LINK_MOST), None);
        assert_eq!(
            compression.wanted_bytes(&second, LINK_MOST + 1),
            Some(CACHE_NONE)
        );
        compression.refused();
        assert_eq!(compression.wanted_bytes(&second, LINK_MOST + 1), None);
    }
}
