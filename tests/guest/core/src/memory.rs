//! Guest memory that knows its own content.
//!
//! Every page carries its number, its version and a payload derived from both, so a lost, torn,
//! swapped or stale page is seen: the version a page must have is kept in a table elsewhere in
//! memory. Each page has one writer; its version is odd while it is being written (a seqlock), so
//! that a verifier may read at any time.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

const WORDS: usize = 512;
const NUMBER: usize = 0;
const VERSION: usize = 1;
const PAYLOAD: usize = 2;
/// One rewrite renews one block, in turn: an eighth of the work, and every word still known.
const BLOCKS: usize = 8;
const BLOCK_WORDS: usize = WORDS / BLOCKS;
/// The version of a page that was just filled.
const FIRST_VERSION: u64 = 2 * BLOCKS as u64;
/// Odd constants that spread bits (from splitmix64).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const STEP: u64 = 0xbf58_476d_1ce4_e5b9;

#[repr(C, align(4096))]
struct Page([AtomicU64; WORDS]);

/// How often, and how many ms apart, a page that is being written is read again. A writer that lost its processor is
/// back long before; a page still odd after that is torn.
const BUSY_TRIES: u32 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Intact,
    Busy,
    Corrupt,
}

/// The filled memory, its expected versions and its counters.
pub struct Memory {
    pages: Vec<Page>,
    expected: Vec<AtomicU64>,
    counted: Vec<AtomicBool>,
    corrupt: AtomicU64,
    steps: AtomicU64,
    wait: fn(),
}

impl Memory {
    /// Allocates and fills `pages` pages, none of them zero. `wait` lets a millisecond pass, for a reader that meets a
    /// page being written.
    #[must_use]
    pub fn filled(pages: usize, wait: fn()) -> Self {
        Self {
            pages: (0..pages).map(|number| Page::new(number as u64)).collect(),
            expected: (0..pages).map(|_| AtomicU64::new(FIRST_VERSION)).collect(),
            counted: (0..pages).map(|_| AtomicBool::new(false)).collect(),
            corrupt: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            wait,
        }
    }

    /// Number of pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// True if there are no pages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Pages found corrupt, each counted once.
    pub fn corrupt(&self) -> u64 {
        self.corrupt.load(Ordering::Relaxed)
    }

    /// Pages rewritten.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Verifies the block of page `number` that its next version renews, then writes it. Only the
    /// page's owner may call this.
    pub fn rewrite(&self, number: usize) {
        let (Some(page), Some(expected)) = (self.pages.get(number), self.expected.get(number))
        else {
            return;
        };
        let version = expected.load(Ordering::Relaxed);
        if !page.block_holds(block_of(version + 2), number as u64, version) {
            self.count_corrupt(number);
        }
        page.write(number as u64, version + 2);
        expected.store(version + 2, Ordering::Release);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Verifies page `number` without writing; counts it if it is corrupt. A page caught while being written is read
    /// again until its writer is done.
    pub fn verify(&self, number: usize) {
        for _ in 0..BUSY_TRIES {
            match self.check(number) {
                Verdict::Intact => return,
                Verdict::Corrupt => break,
                Verdict::Busy => (self.wait)(),
            }
        }
        self.count_corrupt(number);
    }

    /// Verifies every page.
    pub fn verify_all(&self) {
        (0..self.len()).for_each(|number| self.verify(number));
    }

    fn check(&self, number: usize) -> Verdict {
        let (Some(page), Some(expected)) = (self.pages.get(number), self.expected.get(number))
        else {
            return Verdict::Intact;
        };
        let oldest = expected.load(Ordering::Acquire);
        let version = page.0[VERSION].load(Ordering::Acquire);
        let holds = page.holds(number as u64, version);
        fence(Ordering::Acquire);
        let changed = page.0[VERSION].load(Ordering::Relaxed) != version;
        // The table follows the page, so the page may be one version ahead of it.
        let newest = expected.load(Ordering::Relaxed) + 2;
        match (
            changed || version % 2 == 1,
            holds && (oldest..=newest).contains(&version),
        ) {
            (true, _) => Verdict::Busy,
            (false, true) => Verdict::Intact,
            (false, false) => Verdict::Corrupt,
        }
    }

    fn count_corrupt(&self, number: usize) {
        let known = self
            .counted
            .get(number)
            .is_none_or(|c| c.swap(true, Ordering::Relaxed));
        if !known {
            self.corrupt.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Page {
    fn new(number: u64) -> Self {
        let page = Self([const { AtomicU64::new(0) }; WORDS]);
        // Once round all blocks, ending at FIRST_VERSION.
        (0..BLOCKS as u64).for_each(|turn| page.write(number, 2 * (turn + 1)));
        page
    }

    /// Writes the number, the version and the block that `version` renews.
    fn write(&self, number: u64, version: u64) {
        self.0[VERSION].store(version.wrapping_sub(1) | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.0[NUMBER].store(number, Ordering::Relaxed);
        let block = block_of(version);
        for (slot, word) in self
            .block(block)
            .iter()
            .zip(payload(number, block, version))
        {
            slot.store(word, Ordering::Relaxed);
        }
        self.0[VERSION].store(version, Ordering::Release);
    }

    fn holds(&self, number: u64, version: u64) -> bool {
        (0..BLOCKS).all(|block| self.block_holds(block, number, version))
    }

    /// Whether number, version and this block are those of a page of `version`.
    fn block_holds(&self, block: usize, number: u64, version: u64) -> bool {
        let mut difference = self.0[NUMBER].load(Ordering::Relaxed) ^ number;
        difference |= self.0[VERSION].load(Ordering::Relaxed) ^ version;
        let written = written_at(block, version);
        for (slot, word) in self
            .block(block)
            .iter()
            .zip(payload(number, block, written))
        {
            difference |= slot.load(Ordering::Relaxed) ^ word;
        }
        difference == 0
    }

    /// The payload words of a block: all of it but the page's first two words.
    fn block(&self, block: usize) -> &[AtomicU64] {
        let begin = block * BLOCK_WORDS;
        &self.0[begin.max(PAYLOAD)..begin + BLOCK_WORDS]
    }
}

/// The block that is renewed by `version`.
fn block_of(version: u64) -> usize {
    usize::try_from(version / 2 % BLOCKS as u64).unwrap_or(0)
}

/// The last version up to `version` that renewed `block`.
fn written_at(block: usize, version: u64) -> u64 {
    let since = (block_of(version) + BLOCKS - block) % BLOCKS;
    version.wrapping_sub(2 * since as u64)
}

/// The words of a block, different for every page, block and version.
fn payload(number: u64, block: usize, version: u64) -> impl Iterator<Item = u64> {
    let place = number
        .wrapping_add(1)
        .wrapping_mul(SPREAD)
        .wrapping_add(block as u64);
    let first = (place ^ version.wrapping_mul(STEP)).rotate_left(17);
    core::iter::successors(Some(first), |word| Some(word.wrapping_add(STEP)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn filled(pages: usize) -> Memory {
        Memory::filled(pages, || std::thread::sleep(Duration::from_millis(1)))
    }

    #[test]
    fn rewritten_memory_stays_intact() {
        let memory = filled(8);
        (0..24).for_each(|step| memory.rewrite(step % 8));
        memory.verify_all();
        assert_eq!((memory.corrupt(), memory.steps()), (0, 24));
    }

    #[test]
    fn one_flipped_bit_is_counted_once() {
        for word in [NUMBER, VERSION, PAYLOAD, WORDS - 1] {
            let memory = filled(4);
            memory.pages[2].0[word].fetch_xor(1 << 40, Ordering::Relaxed);
            memory.verify_all();
            memory.verify_all();
            assert_eq!(memory.corrupt(), 1, "word {word}");
            (0..BLOCKS).for_each(|_| memory.rewrite(2));
            assert_eq!((memory.corrupt(), memory.check(2)), (1, Verdict::Intact));
        }
    }

    #[test]
    fn the_writer_finds_a_flipped_bit_within_one_round_of_blocks() {
        let memory = filled(1);
        memory.pages[0].0[WORDS / 2].fetch_xor(1, Ordering::Relaxed);
        (0..BLOCKS).for_each(|_| memory.rewrite(0));
        assert_eq!(memory.corrupt(), 1);
    }

    #[test]
    fn a_stale_page_and_a_zero_page_are_corrupt() {
        let memory = filled(4);
        memory.rewrite(1);
        memory.rewrite(1);
        // As it was before the two rewrites: consistent, but old.
        (0..BLOCKS as u64).for_each(|turn| memory.pages[1].write(1, 2 * (turn + 1)));
        assert!(memory.pages[1].holds(1, FIRST_VERSION));
        memory.pages[3]
            .0
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        memory.verify_all();
        assert_eq!(memory.corrupt(), 2);
    }

    #[test]
    fn a_page_that_stays_half_written_is_corrupt() {
        let memory = filled(1);
        memory.pages[0].0[VERSION].store(FIRST_VERSION + 1, Ordering::Relaxed);
        assert_eq!((memory.check(0), memory.corrupt()), (Verdict::Busy, 0));
        memory.verify_all();
        assert_eq!(memory.corrupt(), 1);
    }

    #[test]
    fn verifying_beside_a_writer_finds_nothing() {
        let memory = filled(2);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..20_000).for_each(|step| memory.rewrite(step % 2)));
            (0..2_000).for_each(|_| memory.verify_all());
        });
        assert_eq!(memory.corrupt(), 0);
    }
}
