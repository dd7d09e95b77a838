//! What QEMU's page sampling finds of a guest before its migration (`migration/dirtyrate.c`): some pages of each GiB are
//! compared before and after a period.

use std::time::Duration;

use super::bitmap::Bitmap;
use super::guest::Guest;
use super::random::SplitMix64;
use super::writers::Writers;
use super::{PlantConfig, nanos, scale};

/// Pages sampled of each GiB (`DIRTYRATE_DEFAULT_SAMPLE_PAGES`).
const SAMPLED_PER_GIB: u64 = 512;

/// A period of a survey.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// How long before the migration it begins.
    pub before: Duration,
    /// How long it is.
    pub span: Duration,
}

impl PlantConfig {
    /// Bytes that page sampling finds to have been written in `period`.
    #[must_use]
    pub fn surveyed_bytes(&self, period: Period) -> u64 {
        let guest = earlier(&self.guest, period.before);
        let chunks = usize::try_from(guest.total_bytes / guest.chunk_bytes).unwrap_or(usize::MAX);
        let seed = self.seed ^ nanos(period.before);
        let mut writers = Writers::new(&guest, chunks, seed);
        let (mut log, mut data) = (Bitmap::clear(chunks), Bitmap::clear(chunks));
        writers.run(nanos(period.span), &mut log, &mut data);
        let pages = scale(SAMPLED_PER_GIB, guest.total_bytes, 1 << 30).max(1);
        let mut random = SplitMix64::new(!seed);
        let dirty = (0..pages).filter(|_| log.contains(random.below(chunks)));
        scale(guest.total_bytes, dirty.count() as u64, pages)
    }

    /// CPU time of the guest's programs from `before` the migration until `span` later.
    #[must_use]
    pub fn surveyed_vcpu(&self, before: Duration, span: Duration) -> Duration {
        let guest = earlier(&self.guest, before);
        guest.writers.iter().map(|writer| writer.busy(span)).sum()
    }
}

/// The guest as it was `before` the migration.
fn earlier(guest: &Guest, before: Duration) -> Guest {
    let mut guest = guest.clone();
    for writer in &mut guest.writers {
        let spans = writer.phases.iter().map(|(span, _)| nanos(*span));
        let cycle_ns = spans.fold(0, u64::saturating_add).max(1);
        let behind_ns = nanos(before) % cycle_ns;
        let into_ns = nanos(writer.into) % cycle_ns;
        let into_ns =
            (u128::from(into_ns) + u128::from(cycle_ns - behind_ns)) % u128::from(cycle_ns);
        writer.into = Duration::from_nanos(u64::try_from(into_ns).unwrap_or(0));
    }
    guest
}

#[cfg(test)]
mod tests {
    use super::super::{Access, Link, Writer};
    use super::*;

    const MIB: u64 = 1 << 20;

    fn surveyed(writer: Writer, before_s: u64, span_s: u64) -> u64 {
        let guest = Guest::new(8 << 30).with(writer);
        let config = PlantConfig::new(guest, Link::gigabit());
        config.surveyed_bytes(Period {
            before: Duration::from_secs(before_s),
            span: Duration::from_secs(span_s),
        }) / MIB
    }

    #[test]
    fn a_sample_finds_about_what_was_written() {
        let flat = surveyed(Writer::flat(2048 * MIB), 10, 1);
        assert!((1900..2200).contains(&flat), "{flat}");
        let swept = surveyed(Writer::sweep(4096 * MIB, 400 * MIB), 10, 4);
        assert!((1450..1750).contains(&swept), "{swept}");
    }

    #[test]
    fn a_phase_before_the_migration_is_found_where_it_was() {
        let phases = || {
            let busy = Access::Flat { bytes: 2048 * MIB };
            let second = Duration::from_secs(1);
            Writer::phases([(5 * second, busy), (5 * second, Access::Idle)])
        };
        assert_eq!(surveyed(phases(), 4, 1), 0);
        assert!(surveyed(phases(), 9, 1) > 1900);
        let guest = Guest::new(8 << 30).with(phases());
        let config = PlantConfig::new(guest, Link::gigabit());
        let ten = Duration::from_secs(10);
        assert_eq!(config.surveyed_vcpu(ten, ten), Duration::from_secs(5));
    }
}
