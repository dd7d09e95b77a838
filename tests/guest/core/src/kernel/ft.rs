//! 3-D Fourier transform with transposes, as NPB's FT: a spectrum evolves, and each step transforms
//! it back into space, axis by axis, with a rotation of the axes after each.
//!
//! The evolution is the free particle's, `exp(2 pi i k^2 t / M)`, so the spectrum is known at any step. The field must
//! keep its energy (Parseval), and two of its values are sums over the spectrum.

use super::complex::{Complex, backward, roots};
use super::contract::Kernel;
use super::draw::{draw, float, unit};
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;

/// M of the evolution.
const TURN: usize = 1 << 16;
/// The whole spectrum is checked in so many steps.
const SLICES: usize = 8;
/// Allowed deviation of one number of the spectrum: rounding adds 1e-16 per step.
const TOLERANCE: f64 = 1e-9;
/// Allowed deviation of the sums, of the energy.
const SUM_TOLERANCE: f64 = 1e-11;

/// The spectrum, the field, and room to transpose it.
pub struct Ft {
    sides: [usize; 3],
    spectrum: Vec<Complex>,
    field: Vec<Complex>,
    spare: Vec<Complex>,
    roots: [Vec<Complex>; 3],
    turn: Vec<Complex>,
    energy: f64,
    time: usize,
}

impl Ft {
    /// A kernel whose three arrays have at most `bytes`, as near as powers of two, or three times
    /// one, come.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let sides = sides((bytes / 48).max(8));
        let points = sides.iter().product();
        let mut spectrum = vec![Complex::default(); points];
        team.for_units(&mut spectrum, sides[0], |row, values| {
            let numbers = values.iter_mut().enumerate();
            numbers.for_each(|(i, z)| *z = at_start(row * sides[0] + i));
        });
        Self {
            energy: team.sum(points, |i| spectrum[i].norm()),
            field: spectrum.clone(),
            spare: vec![Complex::default(); points],
            roots: sides.map(roots),
            turn: roots(TURN),
            sides,
            spectrum,
            time: 0,
        }
    }

    fn evolve(&mut self, team: &Team) {
        let (sides, turn) = (self.sides, &self.turn);
        team.for_units(&mut self.spectrum, sides[0], |row, values| {
            for (i, z) in values.iter_mut().enumerate() {
                *z = *z * turn[square(sides, row, i) % TURN];
            }
            team.tick(1);
        });
        self.field.copy_from_slice(&self.spectrum);
        self.time += 1;
    }

    /// Transforms the field along its rows, then turns the next axis into the rows.
    fn transform(&mut self, axis: usize, team: &Team) {
        let roots = &self.roots[axis];
        let row = roots.len();
        let columns = self.sides[(axis + 1) % 3];
        team.for_units(&mut self.field, row * columns, |_, plane| {
            let mut spare = vec![Complex::default(); row];
            for values in plane.chunks_mut(row) {
                backward(values, &mut spare, roots);
                team.tick(2);
            }
        });
        let (field, planes) = (&self.field, self.sides[(axis + 2) % 3]);
        team.for_units(&mut self.spare, columns, |number, values| {
            let (x, plane) = (number / planes, number % planes);
            for (y, value) in values.iter_mut().enumerate() {
                *value = field[(plane * columns + y) * row + x];
            }
            team.tick(1);
        });
        core::mem::swap(&mut self.field, &mut self.spare);
    }

    fn is_intact(&self, i: usize) -> bool {
        let (row, x) = (i / self.sides[0], i % self.sides[0]);
        let angle = square(self.sides, row, x) * (self.time % TURN) % TURN;
        let should = at_start(i) * self.turn[angle];
        (self.spectrum[i] - should).norm() <= TOLERANCE * TOLERANCE
    }

    /// The field in the middle of space: the spectrum summed with alternating signs.
    fn middle_is_intact(&self, team: &Team) -> bool {
        let [x, y, z] = self.sides;
        let sign = |i: usize| {
            if (i % x + i / x % y + i / x / y).is_multiple_of(2) {
                1.0
            } else {
                -1.0
            }
        };
        let re = team.sum(self.field.len(), |i| sign(i) * self.spectrum[i].re);
        let found = self.field[(z / 2 * y + y / 2) * x + x / 2].re;
        (found - re).abs() <= TOLERANCE * self.energy
    }
}

impl Kernel for Ft {
    fn step(&mut self, team: &Team) {
        self.evolve(team);
        (0..3).for_each(|axis| self.transform(axis, team));
    }

    fn verify(&mut self, team: &Team) -> bool {
        let points = self.field.len();
        let energy = team.sum(points, |i| self.field[i].norm()) / float(points);
        let first = self.time % SLICES;
        let mine = (points - first).div_ceil(SLICES);
        (energy - self.energy).abs() <= SUM_TOLERANCE * self.energy
            && self.middle_is_intact(team)
            && team.all(mine, |n| self.is_intact(first + n * SLICES))
    }
}

/// `k^2` of number `x` of a row of the spectrum.
fn square(sides: [usize; 3], row: usize, x: usize) -> usize {
    let (y, z) = (row % sides[1], row / sides[1]);
    x * x + y * y + z * z
}

fn at_start(i: usize) -> Complex {
    let word = draw(3, i as u64);
    let (re, im) = (unit(word) - 0.5, unit(word << 26) - 0.5);
    Complex { re, im }
}

/// Three sides, nearly the same, with at most `points` in all; the last may be three times a power.
fn sides(points: usize) -> [usize; 3] {
    let log = points.ilog2();
    let (log, last) = if points >> (log - 1) == 3 {
        (log - 1, 3)
    } else {
        (log, 1)
    };
    [
        1 << log.div_ceil(3),
        1 << ((log + 1) / 3),
        last << (log / 3),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, team};
    use super::*;

    #[test]
    fn the_field_is_the_transform_of_the_spectrum() {
        let mut kernel = Ft::new(48 * 96, &team(2));
        kernel.step(&team(2));
        let [nx, ny, nz] = kernel.sides;
        assert_eq!([nx, ny, nz], [4, 4, 6]);
        let (place, mut sum) = ((1, 2, 5), Complex::default());
        for (i, value) in kernel.spectrum.iter().enumerate() {
            let (x, y, z) = (
                i % nx * place.0 % nx,
                i / nx % ny * place.1 % ny,
                i / nx / ny * place.2 % nz,
            );
            let [across, along, up] = &kernel.roots;
            sum = sum + *value * across[x] * along[y] * up[z];
        }
        let found = kernel.field[(place.2 * ny + place.1) * nx + place.0];
        assert!((found - sum).norm() < 1e-18);
    }

    #[test]
    fn sizes_are_powers_of_two_or_three_times_one() {
        assert_eq!(sides(1 << 21), [128, 128, 128]);
        assert_eq!(sides(3 << 20), [128, 128, 192]);
        assert_eq!(sides((1 << 21) - 1).iter().product::<usize>(), 3 << 19);
    }

    #[test]
    fn a_changed_number_is_found() {
        let kernel = || Ft::new(1 << 16, &team(1));
        finds(&mut kernel(), |ft| ft.spectrum[77].re += 1e-3);
        finds(&mut kernel(), |ft| ft.spectrum.rotate_left(1));
    }

    #[test]
    fn a_changed_field_is_found() {
        let mut kernel = Ft::new(1 << 16, &team(1));
        kernel.step(&team(1));
        assert!(kernel.verify(&team(1)));
        kernel.field[77].im += 1e-3;
        assert!(!kernel.verify(&team(1)));
    }
}
