//! Multigrid V-cycles for Poisson's equation, as NPB's MG, on a cube with a cold boundary.
//!
//! The right side is made of a known solution `X(i) Y(j) Z(k)`, so the error is known after every cycle. With two
//! damped Jacobi sweeps on either side a cycle of theory leaves a quarter of it (smoothing factor 5/7 per sweep;
//! Trottenberg, Multigrid, 2.1); half is required.

use super::contract::Kernel;
use super::draw::{draw, unit};
use super::grid::Grid;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of three arrays on all grids, for one point of the finest.
const POINT_BYTES: usize = 28;
/// Cells on the coarsest grid's edge, at most.
const COARSEST: usize = 24;
/// Sweeps before and after the correction.
const SWEEPS: usize = 2;
/// Cycles until the next problem.
const CYCLES: usize = 12;
/// The share of the error that a cycle may leave at most.
const FALL: f64 = 0.5;
/// Rounding: no error need be below this.
const FLOOR: f64 = 1e-9;
/// The right side is checked in so many cycles.
const SLICES: usize = 8;

/// The grids, finest first, and the solution's three factors.
pub struct Mg {
    grids: Vec<Grid>,
    factors: [Vec<f64>; 3],
    problem: u64,
    cycles: usize,
    error: f64,
}

impl Mg {
    /// A kernel whose grids have about `bytes`.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let mut cells = cells_of(bytes / POINT_BYTES);
        let mut grids = vec![Grid::new(cells)];
        while cells > 2 && cells.is_multiple_of(2) {
            cells /= 2;
            grids.push(Grid::new(cells));
        }
        let mut mg = Self {
            grids,
            factors: Default::default(),
            problem: 0,
            cycles: CYCLES,
            error: 0.0,
        };
        mg.begin(team);
        mg
    }

    /// Sets up the next problem, with nothing solved.
    fn begin(&mut self, team: &Team) {
        self.problem += 1;
        self.cycles = 0;
        let (problem, finest) = (self.problem, &mut self.grids[0]);
        let cells = finest.cells() as u64;
        let value = |axis: u64, i: u64| match i {
            0 => 0.0,
            i if i == cells => 0.0,
            i => 2.0 * unit(draw(problem * 3 + axis, i)) - 1.0,
        };
        self.factors = [0, 1, 2].map(|axis| (0..=cells).map(|i| value(axis, i)).collect());
        let factors = &self.factors;
        finest.set(team, |at| right_side(factors, at));
        self.error = self.worst(team);
    }

    /// The largest error on the finest grid.
    fn worst(&self, team: &Team) -> f64 {
        let (finest, [x, y, z]) = (&self.grids[0], &self.factors);
        let side = finest.cells() + 1;
        let largest = |rows: core::ops::Range<usize>| {
            rows.flat_map(|row| {
                let (height, values) = (y[row % side] * z[row / side], finest.row(row));
                values
                    .iter()
                    .zip(x)
                    .map(move |(value, x)| (value - x * height).abs())
            })
            .fold(0.0, nan_or_larger)
        };
        let parts = team.each(team.ranges(side * side), largest);
        parts.into_iter().fold(0.0, nan_or_larger)
    }

    fn cycle(&mut self, level: usize, team: &Team) {
        let (upper, lower) = self.grids.split_at_mut(level + 1);
        let (Some(grid), Some(coarse)) = (upper.last_mut(), lower.first_mut()) else {
            return self.grids[level].solve(team);
        };
        grid.smooth(SWEEPS, team);
        coarse.restrict(grid, team);
        self.cycle(level + 1, team);
        let (upper, lower) = self.grids.split_at_mut(level + 1);
        if let (Some(grid), Some(coarse)) = (upper.last_mut(), lower.first()) {
            grid.correct(coarse, team);
            grid.smooth(SWEEPS, team);
        }
    }
}

impl Kernel for Mg {
    /// One V-cycle.
    fn step(&mut self, team: &Team) {
        if self.cycles == CYCLES {
            self.begin(team);
        }
        self.cycle(0, team);
        self.cycles += 1;
    }

    fn verify(&mut self, team: &Team) -> bool {
        let before = self.error;
        self.error = self.worst(team);
        let (finest, first) = (&self.grids[0], self.cycles % SLICES);
        let side = finest.cells() + 1;
        let mine = side.saturating_sub(first).div_ceil(SLICES);
        self.error <= (before * FALL).max(FLOOR)
            && team.all(mine * side, |n| {
                let plane = first + n / side * SLICES;
                finest.right_side_is(plane * side + n % side, |at| right_side(&self.factors, at))
            })
    }
}

/// The operator applied to the solution: a second difference along each axis.
fn right_side([x, y, z]: &[Vec<f64>; 3], (i, j, k): (usize, usize, usize)) -> f64 {
    let bend = |values: &[f64], i: usize| 2.0 * values[i] - values[i - 1] - values[i + 1];
    bend(x, i) * (y[j] * z[k]) + bend(y, j) * (x[i] * z[k]) + bend(z, k) * (x[i] * y[j])
}

fn nan_or_larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Cells on an edge for at most `points` points: a multiple of as many twos as it takes to come
/// down to the coarsest grid.
fn cells_of(points: usize) -> usize {
    let most = (1..)
        .take_while(|side: &usize| side.pow(3) <= points)
        .count()
        .max(5)
        - 1;
    let mut twos = 4;
    while most / twos > COARSEST {
        twos *= 2;
    }
    most / twos * twos
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, team};
    use super::*;

    #[test]
    fn a_changed_value_is_found() {
        let mut kernel = Mg::new(1 << 17, &team(2));
        finds(&mut kernel, |mg| mg.grids[0].spoil_solution(1.0));
    }

    #[test]
    fn a_changed_right_side_is_found() {
        let mut kernel = Mg::new(1 << 17, &team(1));
        finds(&mut kernel, |mg| mg.grids[0].spoil_right_side(1e-6));
    }
}
