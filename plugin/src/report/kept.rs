//! What there may be very much of: so much of it is kept, and less is shown to people.

/// The most that is kept: some hours of pre-copy. A trace from a stranger must not take all memory.
const MOST_KEPT: usize = 10_000;

/// How many are shown to people, of the first and of the last.
const SHOWN: (usize, usize) = (200, 100);

/// The first ones, and how many more there were.
#[derive(Debug)]
pub(super) struct Kept<T> {
    all: Vec<T>,
    left_out: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            left_out: 0,
        }
    }
}

impl<T> Kept<T> {
    pub(super) fn push(&mut self, one: T) {
        if self.all.len() == MOST_KEPT {
            self.left_out += 1;
        } else {
            self.all.push(one);
        }
    }

    pub(super) fn all(&self) -> &[T] {
        &self.all
    }

    /// How many there was no room for.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What people are shown: the first, how many are left out, and the last.
    pub(super) fn shown(&self) -> (&[T], u64, &[T]) {
        let (first, last) = SHOWN;
        if self.all.len() <= first + last {
            return (&self.all, self.left_out, &[]);
        }
        let (head, rest) = self.all.split_at(first);
        let (middle, tail) = rest.split_at(rest.len() - last);
        (head, self.left_out + middle.len() as u64, tail)
    }
}
