//! A bitmap of chunks, as QEMU keeps one of pages.

/// Bits in a word.
const WORD: usize = 64;

/// A fixed number of bits. Indices past the end are ignored.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    words: Vec<u64>,
    bits: usize,
}

impl Bitmap {
    /// `bits` bits, all clear.
    pub(super) fn clear(bits: usize) -> Self {
        Self {
            words: vec![0; bits.div_ceil(WORD)],
            bits,
        }
    }

    /// `bits` bits, all set.
    pub(super) fn full(bits: usize) -> Self {
        let mut bitmap = Self::clear(bits);
        bitmap.set_range(0, bits);
        bitmap
    }

    /// How many bits are set here and in `other`.
    pub(super) fn count_common(&self, other: &Self) -> usize {
        let both = self.words.iter().zip(&other.words);
        both.map(|(word, other)| (word & other).count_ones() as usize)
            .sum()
    }

    pub(super) fn contains(&self, bit: usize) -> bool {
        self.words
            .get(bit / WORD)
            .is_some_and(|word| word >> (bit % WORD) & 1 == 1)
    }

    pub(super) fn set(&mut self, bit: usize) {
        if bit < self.bits {
            self.words[bit / WORD] |= 1 << (bit % WORD);
        }
    }

    /// Sets the bits of the range; the number of those that were clear before.
    pub(super) fn set_range(&mut self, start: usize, end: usize) -> u64 {
        let mut added = 0;
        self.each_word(start, end, |word, mask, _| {
            added += u64::from((mask & !*word).count_ones());
            *word |= mask;
        });
        added
    }

    pub(super) fn clear_range(&mut self, start: usize, end: usize) {
        self.each_word(start, end, |word, mask, _| *word &= !mask);
    }

    /// Clears those bits of the range that are set in `other`.
    pub(super) fn subtract_range(&mut self, other: &Self, start: usize, end: usize) {
        self.each_word(start, end, |word, mask, index| {
            *word &= !(mask & other.words[index])
        });
    }

    /// Sets the bits of `other`; the number of those that were clear before.
    pub(super) fn merge(&mut self, other: &Self) -> usize {
        let mut added = 0;
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            added += (more & !*word).count_ones() as usize;
            *word |= more;
        }
        added
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.words.copy_from_slice(&other.words);
    }

    /// The first set bit at or after `from`.
    pub(super) fn next_set(&self, from: usize) -> Option<usize> {
        self.find(from, self.bits, |word| word)
    }

    /// The first clear bit at or after `from` and before `end`, `end` if there is none.
    pub(super) fn next_clear(&self, from: usize, end: usize) -> usize {
        let end = end.min(self.bits);
        self.find(from, end, |word| !word)
            .map_or(end, |bit| bit.min(end))
    }

    /// The first bit set in the `view` of the words that reach below `end`.
    fn find(&self, from: usize, end: usize, view: impl Fn(u64) -> u64) -> Option<usize> {
        let first = view(*self.words.get(from / WORD)?) & (u64::MAX << (from % WORD));
        if first != 0 {
            return Some(from / WORD * WORD + first.trailing_zeros() as usize);
        }
        let words = self.words.iter().enumerate().take(end.div_ceil(WORD));
        let rest = words.skip(from / WORD + 1);
        rest.map(|(index, word)| (index, view(*word)))
            .find(|(_, word)| *word != 0)
            .map(|(index, word)| index * WORD + word.trailing_zeros() as usize)
    }

    fn each_word(
        &mut self,
        start: usize,
        end: usize,
        mut change: impl FnMut(&mut u64, u64, usize),
    ) {
        let end = end.min(self.bits);
        let mut bit = start;
        while bit < end {
            let stop = end.min((bit / WORD + 1) * WORD);
            let mask = (u64::MAX >> (WORD - (stop - bit))) << (bit % WORD);
            change(&mut self.words[bit / WORD], mask, bit / WORD);
            bit = stop;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Bitmap;

    proptest! {
        #[test]
        fn behaves_as_a_set(size in 1_usize..300, a in 0_usize..320, b in 0_usize..320, from in 0_usize..320) {
            let mut bitmap = Bitmap::clear(size);
            let model: Vec<usize> = (a..b).filter(|bit| *bit < size).collect();
            prop_assert_eq!(bitmap.set_range(a, b), model.len() as u64);
            prop_assert_eq!(bitmap.set_range(a, b), 0);
            let mut low = Bitmap::clear(size);
            low.set_range(0, from);
            prop_assert_eq!(bitmap.count_common(&low), model.iter().filter(|bit| **bit < from).count());
            prop_assert_eq!(bitmap.next_set(from), model.iter().copied().find(|bit| *bit >= from));
            let clear = (from..size).find(|bit| !model.contains(bit)).unwrap_or(size);
            prop_assert_eq!(bitmap.next_clear(from, size), clear);
            prop_assert_eq!(bitmap.next_clear(from, b), clear.min(b.min(size)));
            let mut other = Bitmap::full(size);
            prop_assert_eq!(other.merge(&bitmap), 0);
            other.subtract_range(&bitmap, 0, size);
            prop_assert_eq!(bitmap.merge(&other), size - model.len());
        }
    }
}
