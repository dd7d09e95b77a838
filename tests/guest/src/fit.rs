//! How much may be filled if a kernel's arrays take memory too.

use crate::workload::PAGE_BYTES;

/// The guest's needs in addition to the filled memory, in bytes: stacks, the table of the filled pages, and the memory
/// that Linux wants free before it kills.
const RESERVE_BYTES: u64 = 32 << 20;

/// `wanted` pages, or as many as are available with a kernel of `kernel_bytes` by `/proc/meminfo` before it was built;
/// all of them if it does not say.
#[must_use]
pub fn fill_pages(wanted: usize, kernel_bytes: usize, meminfo: &str) -> usize {
    let Some(available) = available_bytes(meminfo) else {
        return wanted;
    };
    let pages = available.saturating_sub(RESERVE_BYTES + kernel_bytes as u64) / PAGE_BYTES;
    usize::try_from(pages).map_or(wanted, |pages| wanted.min(pages))
}

fn available_bytes(meminfo: &str) -> Option<u64> {
    let rest = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_filled_than_is_available() {
        let meminfo = "MemTotal:  480000 kB\nMemAvailable:    65536 kB\nCached: 1 kB\n";
        let kernel = 20 << 20;
        assert_eq!(fill_pages(1 << 20, kernel, meminfo), (64 - 32 - 20) << 8);
        assert_eq!(fill_pages(100, kernel, meminfo), 100);
        assert_eq!(fill_pages(100, kernel, "MemAvailable: 1000 kB"), 0);
        assert_eq!(fill_pages(100, kernel, ""), 100);
    }
}
