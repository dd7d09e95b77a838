//! A code in phases: it computes (the stencil over its big array), exchanges (copies the halos,
//! then waits as a rank in a barrier does) and checkpoints (writes a shortened copy with its sums
//! into a buffer, then waits as for a file system), and repeats. Phases last by the guest's clock. It
//! waits idle, or spins.

use super::contract::Kernel;
use super::stencil::Stencil;
use crate::team::Team;
use crate::workload::Wait;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// Sleep of a thread that waits.
const NAP: Duration = Duration::from_millis(4);
/// Indices of the phases.
const COMPUTE: usize = 0;
const EXCHANGE: usize = 1;
const CHECKPOINT: usize = 2;

/// The lengths of the phases compute, exchange and checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths(pub [Duration; 3]);

impl Lengths {
    /// The phase that runs `elapsed` after the start.
    #[must_use]
    pub fn at(&self, elapsed: Duration) -> usize {
        let cycle: u128 = self.0.iter().map(Duration::as_nanos).sum();
        let into = elapsed.as_nanos() % cycle.max(1);
        let computing = self.0[COMPUTE].as_nanos();
        let exchanging = computing + self.0[EXCHANGE].as_nanos();
        usize::from(into >= computing) + usize::from(into >= exchanging)
    }
}

/// The stencil, its halos and its checkpoint.
pub struct Phased {
    stencil: Stencil,
    halos: Vec<f64>,
    saved: Vec<u32>,
    sums: Vec<u64>,
    lengths: Lengths,
    wait: Wait,
    phase: usize,
    origin: Option<Duration>,
    intact: bool,
}

impl Phased {
    /// A kernel whose cubes, and a checkpoint a quarter of their size, have `bytes`.
    #[must_use]
    pub fn new(bytes: usize, lengths: Lengths, wait: Wait, team: &Team) -> Self {
        let stencil = Stencil::new(bytes / 5 * 4, team);
        let (points, side) = (stencil.values().len(), stencil.side());
        let mut phased = Self {
            stencil,
            halos: Vec::new(),
            saved: vec![0; points],
            sums: vec![0; side],
            lengths,
            wait,
            phase: COMPUTE,
            origin: None,
            intact: true,
        };
        phased.checkpoint(team);
        phased
    }

    /// Goes on in `phase`.
    fn proceed(&mut self, phase: usize, team: &Team) {
        let entered = phase != self.phase;
        self.phase = phase;
        team.enter(phase);
        match (phase, entered) {
            (EXCHANGE, true) => self.exchange(),
            (CHECKPOINT, true) => {
                self.intact = self.saved_is_intact(team);
                self.checkpoint(team);
            }
            (COMPUTE, _) => self.stencil.step(team),
            _ => self.rest(team),
        }
    }

    /// A short wait of all threads, idle or not.
    fn rest(&self, team: &Team) {
        match self.wait {
            Wait::Sleep => team.sleep(NAP),
            Wait::Spin => {
                let until = team.now() + NAP;
                team.each(0..team.threads(), |_| {
                    while team.now() < until {
                        core::hint::spin_loop();
                    }
                });
            }
        }
    }

    /// Copies the outermost inner points of the six faces.
    fn exchange(&mut self) {
        let (side, u) = (self.stencil.side(), self.stencil.values());
        let (row, plane) = (side, side * side);
        let face = |at: usize, one: usize, other: usize| {
            (0..plane).map(move |n| u[at + n / side * one + n % side * other])
        };
        let faces = [(1, row, plane), (row, 1, plane), (plane, 1, row)];
        let both =
            |(step, one, other)| face(step, one, other).chain(face(step * (side - 2), one, other));
        self.halos.clear();
        self.halos.extend(faces.into_iter().flat_map(both));
    }

    /// Saves the upper half of every value, which holds the first six digits.
    fn checkpoint(&mut self, team: &Team) {
        let (values, plane) = (self.stencil.values(), self.stencil.side().pow(2));
        team.for_units(&mut self.saved, plane, |number, saved| {
            for (word, value) in saved.iter_mut().zip(&values[number * plane..]) {
                *word = u32::try_from(value.to_bits() >> 32).unwrap_or(0);
            }
        });
        let saved = &self.saved;
        team.for_units(&mut self.sums, 1, |number, sum| {
            sum.fill(sum_of(&saved[number * plane..(number + 1) * plane]));
        });
    }

    fn saved_is_intact(&self, team: &Team) -> bool {
        let planes = self
            .saved
            .chunks(self.stencil.side().pow(2))
            .zip(&self.sums);
        let planes: Vec<_> = planes.collect();
        team.all(planes.len(), |n| sum_of(planes[n].0) == *planes[n].1)
    }
}

impl Kernel for Phased {
    /// One slab of the stencil, the beginning of a wait, or a short wait.
    fn step(&mut self, team: &Team) {
        let now = team.now();
        let elapsed = now.saturating_sub(*self.origin.get_or_insert(now));
        self.proceed(self.lengths.at(elapsed), team);
    }

    /// The slab just swept, and the checkpoint that was read back before the last replaced it.
    fn verify(&mut self, team: &Team) -> bool {
        self.intact && (self.phase != COMPUTE || self.stencil.verify(team))
    }
}

/// A sum of every bit in its place (Fletcher's, in 64 bits).
fn sum_of(words: &[u32]) -> u64 {
    let (mut low, mut high) = (0_u64, 0_u64);
    for word in words {
        low = low.wrapping_add(u64::from(*word));
        high = high.wrapping_add(low);
    }
    high.rotate_left(32) ^ low
}

#[cfg(test)]
mod tests {
    use super::super::tests::team;
    use super::*;

    fn small(team: &Team) -> Phased {
        let lengths = [2000, 500, 1000].map(Duration::from_millis);
        Phased::new(1 << 16, Lengths(lengths), Wait::Sleep, team)
    }

    #[test]
    fn phases_follow_each_other_and_repeat() {
        let phased = small(&team(1));
        let at = |ms| phased.lengths.at(Duration::from_millis(ms));
        assert_eq!(
            [0, 1999, 2000, 2499, 2500, 3499, 3500, 5500].map(at),
            [0, 0, 1, 1, 2, 2, 0, 1]
        );
    }

    #[test]
    fn a_checkpoint_is_what_was_computed_and_is_read_back() {
        let team = team(2);
        let mut kernel = small(&team);
        for phase in [COMPUTE, COMPUTE, EXCHANGE, CHECKPOINT] {
            kernel.proceed(phase, &team);
            assert!(kernel.verify(&team));
        }
        assert_eq!(kernel.halos.len(), 6 * kernel.stencil.side().pow(2));
        let side = kernel.stencil.side();
        let middle = (side / 2 * side + side / 2) * side + side / 2;
        let saved = f64::from_bits(u64::from(kernel.saved[middle]) << 32);
        assert!((saved / kernel.stencil.values()[middle] - 1.0).abs() < 1e-5);
        kernel.proceed(COMPUTE, &team);
        assert!(kernel.verify(&team));
        kernel.saved[700] ^= 1;
        kernel.proceed(CHECKPOINT, &team);
        assert!(!kernel.verify(&team));
    }
}
