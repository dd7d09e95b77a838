//! Random access, as the HPC Challenge's GUPS: `table[ran] ^= ran` along the stream of the polynomial `x^63 + x^2 + x +
//! 1`. Each second step undoes the one before, by the same stream; then every word must be its own index again.

use super::contract::Kernel;
use crate::team::Team;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

/// The polynomial, and the period of its stream.
const POLY: u64 = 7;
const PERIOD: u64 = 1_317_624_576_693_539_401;
/// Updates of one step of progress.
const TICK: usize = 1024;

/// The table.
pub struct Gups {
    table: Vec<AtomicU64>,
    begin: u64,
    undone: bool,
    sum: u64,
}

impl Gups {
    /// A kernel whose table has the largest power of two of words that `bytes` hold.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let words = 1_u64 << (bytes / 8).max(1).ilog2();
        Self {
            table: (0..words).map(AtomicU64::new).collect(),
            begin: 0,
            undone: true,
            sum: 0,
        }
    }

    /// As many updates as the table has words, from number `begin` of the stream on; returns the sum, bit by bit, of
    /// the random numbers.
    fn update(&self, team: &Team) -> u64 {
        let mask = self.table.len() as u64 - 1;
        let sums = team.each(team.ranges(self.table.len()), |range| {
            let mut ran = stream_at(self.begin + range.start as u64);
            range.fold(0, |sum, number| {
                ran = next(ran);
                if let Some(word) = usize::try_from(ran & mask)
                    .ok()
                    .and_then(|at| self.table.get(at))
                {
                    word.fetch_xor(ran, Ordering::Relaxed);
                }
                if number % TICK == 0 {
                    team.tick(1);
                }
                sum ^ ran
            })
        });
        sums.into_iter().fold(0, |sum, part| sum ^ part)
    }
}

impl Kernel for Gups {
    /// Updates the table once over, or undoes that.
    fn step(&mut self, team: &Team) {
        if self.undone {
            self.begin = (self.begin + self.table.len() as u64) % PERIOD;
        }
        self.sum ^= self.update(team);
        self.undone = !self.undone;
    }

    /// All words after an undoing; before it, their sum bit by bit.
    fn verify(&mut self, team: &Team) -> bool {
        let word = |i: usize| self.table[i].load(Ordering::Relaxed);
        if self.undone {
            return team.all(self.table.len(), |i| word(i) == i as u64);
        }
        let all = team.each(team.ranges(self.table.len()), |range| {
            range.fold(0, |sum, i| sum ^ word(i) ^ i as u64)
        });
        all.into_iter().fold(0, |sum, part| sum ^ part) == self.sum
    }
}

fn next(ran: u64) -> u64 {
    (ran << 1) ^ ((ran >> 63) * POLY)
}

/// Number `n` of the stream: `x^n` modulo the polynomial, by squaring (HPCC's `HPCC_starts`).
fn stream_at(n: u64) -> u64 {
    let mut squares = [0; 64];
    let mut power = 1;
    for square in &mut squares {
        *square = power;
        power = next(next(power));
    }
    let bits = 64 - n.leading_zeros();
    (0..bits).rev().fold(1, |ran, bit| {
        let terms = (0..64).filter(|j| ran >> j & 1 == 1);
        let squared = terms.fold(0, |sum, j| sum ^ squares[j]);
        if n >> bit & 1 == 1 {
            next(squared)
        } else {
            squared
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, finds_at_once, team};
    use super::*;

    #[test]
    fn the_stream_can_be_entered_anywhere() {
        let mut ran = 1;
        for n in 0..300 {
            assert_eq!(stream_at(n), ran, "{n}");
            ran = next(ran);
        }
        assert_eq!(stream_at(PERIOD), 1);
    }

    #[test]
    fn a_changed_word_is_found() {
        let mut kernel = Gups::new(1 << 15);
        kernel.step(&team(1));
        finds_at_once(&mut kernel, |gups| {
            gups.table[99].fetch_xor(1 << 50, Ordering::Relaxed);
        });
    }

    #[test]
    fn swapped_words_are_found() {
        let mut kernel = Gups::new(1 << 15);
        kernel.step(&team(2));
        finds(&mut kernel, |gups| gups.table.swap(3, 77));
    }
}
