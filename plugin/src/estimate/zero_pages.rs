//! How much of a guest's memory is no zero pages, by pages read all over it. QEMU hardly sends zero pages.

use libvirt_hpc_control::sample::Faults;

use super::number::{scale, whole};

/// So many pages are read at most. Their share is then known within 2.5 % of the memory, one standard error.
const PAGES: u64 = 256;
/// Fewer tell too little.
const FEWEST: u64 = 64;

const GIB: u64 = 1 << 30;
/// On x86 memory below this address is RAM, and from the fourth GiB on what does not fit below the devices' hole: above 2
/// GiB on q35 if there are 2.75, and above 3 GiB on i440fx if there are 3.5 (`hw/i386/pc_q35.c`, `pc_piix.c`).
const LOW_BYTES: u64 = 2 * GIB;
const HIGH_FROM: u64 = 4 * GIB;
const LOW_MOST_BYTES: u64 = 3 * GIB;
const HIGH_IF_BYTES: u64 = 7 * GIB / 2;

/// 2^64 over the golden ratio: multiples of it, modulo 2^64, are spread evenly, however many.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Pages that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroPages {
    read: u64,
    zero: u64,
}

impl ZeroPages {
    /// Asks for some pages of an x86 guest of `memory_bytes`, by physical address, whether they are zero, until there is no
    /// answer; none if there were too few.
    #[must_use]
    pub fn sample(memory_bytes: u64, mut is_zero: impl FnMut(u64) -> Option<bool>) -> Option<Self> {
        let pages = memory_bytes / Faults::PAGE_BYTES;
        let offset = |number: u64| {
            let part = u128::from(number.wrapping_mul(GOLDEN)) * u128::from(pages);
            u64::try_from(part >> 64).unwrap_or(0) * Faults::PAGE_BYTES
        };
        let addresses = (1..=2 * PAGES).filter_map(|number| address(offset(number), memory_bytes));
        let usable = usize::try_from(PAGES).unwrap_or(usize::MAX);
        let mut zero_pages = Self { read: 0, zero: 0 };
        for address in addresses.take(usable) {
            let Some(is_zero) = is_zero(address) else {
                break;
            };
            zero_pages.read += 1;
            zero_pages.zero += u64::from(is_zero);
        }
        (zero_pages.read >= FEWEST).then_some(zero_pages)
    }

    /// What is not zero of `memory_bytes`.
    #[must_use]
    pub fn data_bytes(self, memory_bytes: u64) -> u64 {
        scale(memory_bytes, self.read - self.zero, self.read)
    }

    /// By how much that may be off: two standard errors, per cent of it.
    #[must_use]
    pub fn tolerance_percent(self) -> u64 {
        // Where none or all were zero, one more or less may have been.
        let data = (self.read - self.zero).clamp(1, self.read - 1) as f64;
        let share = data / self.read as f64;
        let error = (share * (1.0 - share) / self.read as f64).sqrt();
        whole((200.0 * error / share).ceil())
    }
}

/// The physical address of the byte `offset` of an x86 guest's RAM; none where that depends on its machine type.
fn address(offset: u64, memory_bytes: u64) -> Option<u64> {
    if offset < LOW_BYTES {
        return Some(offset);
    }
    let is_high = memory_bytes >= HIGH_IF_BYTES && offset >= LOW_MOST_BYTES;
    is_high.then(|| offset - LOW_MOST_BYTES + HIGH_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_zero_pages_is_found_wherever_they_are() {
        for from in [0, 100, 400] {
            let zero_pages = ZeroPages::sample(500 << 20, |address| {
                Some((from << 20..(from + 100) << 20).contains(&address))
            });
            let data_mib = zero_pages.map(|zero_pages| zero_pages.data_bytes(500 << 20) >> 20);
            assert!(
                data_mib.is_some_and(|mib| mib.abs_diff(400) < 10),
                "{data_mib:?}"
            );
        }
        let half = ZeroPages {
            read: 256,
            zero: 128,
        };
        assert_eq!(half.tolerance_percent(), 13);
        let none = ZeroPages { read: 256, zero: 0 };
        assert_eq!((none.data_bytes(512), none.tolerance_percent()), (512, 1));
    }

    #[test]
    fn only_ram_is_read() {
        let asked = |memory_bytes: u64| {
            let mut asked = Vec::new();
            let zero_pages = ZeroPages::sample(memory_bytes, |address| {
                asked.push(address);
                Some(false)
            });
            assert!(zero_pages.is_some());
            asked
        };
        assert!(asked(1 << 30).iter().all(|address| *address < 1 << 30));
        assert!(
            asked(7 * GIB / 2 - 1)
                .iter()
                .all(|address| *address < LOW_BYTES)
        );
        let large = asked(64 * GIB);
        assert_eq!(large.len(), 256);
        let is_ram =
            |address: &u64| *address < LOW_BYTES || (HIGH_FROM..65 * GIB).contains(address);
        assert!(large.iter().all(is_ram), "{large:?}");
        assert!(large.iter().any(|address| *address > 60 * GIB));
    }

    #[test]
    fn too_few_answers_tell_nothing() {
        assert_eq!(ZeroPages::sample(1 << 30, |_| None), None);
        assert_eq!(
            ZeroPages::sample(0, |_| Some(true)).map(|zero_pages| zero_pages.data_bytes(0)),
            Some(0)
        );
        let mut left = 63;
        let some = |_| {
            left -= 1;
            (left >= 0).then_some(true)
        };
        assert_eq!(ZeroPages::sample(1 << 30, some), None);
    }
}
