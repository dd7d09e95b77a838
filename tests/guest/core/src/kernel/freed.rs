//! A code that sets up, frees and goes on: it fills a big array, zeroes it, as a system does with returned memory, and
//! works on little for a while; again and again. A sync then finds mostly zero pages.

use super::contract::Kernel;
use super::draw::draw;
use super::stencil::Stencil;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// The array is so many times the working set.
const TIMES: usize = 10;
/// Words that one thread fills at a time, and that are checked after each step: 1 MiB.
const CHUNK: usize = 1 << 17;
/// Indices of the phases.
const SET_UP: usize = 0;
const WORK: usize = 1;

/// The array, and the small problem.
pub struct Freed {
    array: Vec<u64>,
    stencil: Stencil,
    work_for: Duration,
    works_until: Option<Duration>,
    set_ups: u64,
    chunk: usize,
    intact: bool,
}

impl Freed {
    /// A kernel whose array and small problem have `bytes`, which works on the latter for so long each time.
    #[must_use]
    pub fn new(bytes: usize, work_for: Duration, team: &Team) -> Self {
        let small = bytes / (TIMES + 1);
        Self {
            array: vec![0; small * TIMES / 8],
            stencil: Stencil::new(small, team),
            work_for,
            works_until: None,
            set_ups: 0,
            chunk: 0,
            intact: true,
        }
    }

    /// Fills the array, reads it back, and frees it.
    fn set_up(&mut self, team: &Team) {
        self.set_ups += 1;
        let seed = self.set_ups;
        team.enter(SET_UP);
        team.for_units(&mut self.array, CHUNK, |number, words| {
            for (n, word) in words.iter_mut().enumerate() {
                *word = draw(seed, (number * CHUNK + n) as u64);
            }
            team.tick(1);
        });
        let array = &self.array;
        self.intact = team.all(array.len(), |n| array[n] == draw(seed, n as u64));
        team.for_units(&mut self.array, CHUNK, |_, words| words.fill(0));
        team.enter(WORK);
        self.works_until = Some(team.now() + self.work_for);
    }

    fn works(&self, now: Duration) -> bool {
        self.works_until.is_some_and(|until| now < until)
    }
}

impl Kernel for Freed {
    /// All of setting up, or one slab of the stencil.
    fn step(&mut self, team: &Team) {
        if self.works(team.now()) {
            self.stencil.step(team);
            self.chunk += 1;
        } else {
            self.set_up(team);
        }
    }

    /// Checks of the filled array when it was read back, of the zeros since then, a chunk at a time, and of the slab
    /// just swept.
    fn verify(&mut self, team: &Team) -> bool {
        let chunks = self.array.chunks(CHUNK);
        let turn = self.chunk % chunks.len().max(1);
        let is_zero = self
            .array
            .chunks(CHUNK)
            .nth(turn)
            .is_none_or(|words| words.iter().all(|&word| word == 0));
        self.intact && is_zero && (self.chunk == 0 || self.stencil.verify(team))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, team};
    use super::*;

    #[test]
    fn what_is_not_zero_any_more_is_found() {
        let mut kernel = Freed::new(1 << 20, Duration::from_secs(60), &team(2));
        finds(&mut kernel, |freed| freed.array[77] = 1);
    }

    #[test]
    fn it_sets_up_again_when_its_time_is_over() {
        let team = team(1);
        let mut kernel = Freed::new(1 << 16, Duration::ZERO, &team);
        for _ in 0..3 {
            kernel.step(&team);
            assert!(kernel.verify(&team));
        }
        assert_eq!(kernel.set_ups, 3);
    }
}
