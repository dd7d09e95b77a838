//! One grid of the multigrid kernel: the cube's solution, right side and residual, and the operations on it. The
//! operator is `6u` less the six neighbours, without the mesh width.

use super::draw::float;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;
use core::f64::consts::PI;

/// Damping of the Jacobi sweeps, best for this operator: 6/7 over its diagonal 6.
const DAMPING: f64 = 1.0 / 7.0;
/// Sweeps on the coarsest grid, over-relaxed, per cell of its edge.
const SOLVING: usize = 3;

/// A cube of `cells` cells an edge; the points on its boundary stay zero.
pub struct Grid {
    cells: usize,
    u: Vec<f64>,
    f: Vec<f64>,
    r: Vec<f64>,
}

impl Grid {
    /// A grid of zeros.
    #[must_use]
    pub fn new(cells: usize) -> Self {
        let zeros = || vec![0.0; (cells + 1).pow(3)];
        let (u, f, r) = (zeros(), zeros(), zeros());
        Self { cells, u, f, r }
    }

    /// Cells along an edge.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The solution along row `number`.
    #[must_use]
    pub fn row(&self, number: usize) -> &[f64] {
        let side = self.cells + 1;
        &self.u[number * side..(number + 1) * side]
    }

    /// Sets the right side at every inner point, and the solution to zero.
    pub fn set(&mut self, team: &Team, f: impl Fn((usize, usize, usize)) -> f64 + Sync) {
        let cells = self.cells;
        each_inner(&mut self.f, cells, team, |_, place, value| {
            *value = f(place)
        });
        self.u.fill(0.0);
    }

    /// Whether the right side along row `number` is still as it was set.
    pub fn right_side_is(&self, number: usize, f: impl Fn((usize, usize, usize)) -> f64) -> bool {
        let (cells, side) = (self.cells, self.cells + 1);
        let (j, k) = (number % side, number / side);
        let inner = |i: usize| i > 0 && i < cells;
        (0..side).all(|i| {
            let should = if inner(i) && inner(j) && inner(k) {
                f((i, j, k))
            } else {
                0.0
            };
            self.f[number * side + i].to_bits() == should.to_bits()
        })
    }

    /// Damped Jacobi sweeps.
    pub fn smooth(&mut self, sweeps: usize, team: &Team) {
        for _ in 0..sweeps {
            self.find_residual(team);
            let (r, cells) = (&self.r, self.cells);
            each_inner(&mut self.u, cells, team, |at, _, u| *u += DAMPING * r[at]);
        }
    }

    fn find_residual(&mut self, team: &Team) {
        let (u, f, cells) = (&self.u, &self.f, self.cells);
        each_inner(&mut self.r, cells, team, |at, _, r| {
            *r = f[at] - applied(u, at, cells + 1)
        });
    }

    /// Takes the finer grid's residual for the right side (full weighting); nothing solved.
    pub fn restrict(&mut self, finer: &mut Self, team: &Team) {
        finer.find_residual(team);
        let (r, side) = (&finer.r, finer.cells + 1);
        self.set(team, |(i, j, k)| {
            let middle = (2 * k * side + 2 * j) * side + 2 * i;
            let line = |at: usize| r[at] + 0.5 * (r[at - 1] + r[at + 1]);
            let plane = |at: usize| line(at) + 0.5 * (line(at - side) + line(at + side));
            let area = side * side;
            // Weights sum to 8, an eighth of which is the mean; a cell is 4 times as big.
            0.5 * (plane(middle) + 0.5 * (plane(middle - area) + plane(middle + area)))
        });
    }

    /// Adds the coarser grid's solution, interpolated along the axes.
    pub fn correct(&mut self, coarser: &Self, team: &Team) {
        let (c, side) = (&coarser.u, coarser.cells + 1);
        each_inner(&mut self.u, self.cells, team, |_, (i, j, k), u| {
            let at = (k / 2 * side + j / 2) * side + i / 2;
            let line = |at: usize| 0.5 * (c[at] + c[at + i % 2]);
            let plane = |at: usize| 0.5 * (line(at) + line(at + j % 2 * side));
            *u += 0.5 * (plane(at) + plane(at + k % 2 * side * side));
        });
    }

    /// Solves well enough on the coarsest grid: over-relaxation with its best factor, in place.
    pub fn solve(&mut self, team: &Team) {
        let (cells, side) = (self.cells, self.cells + 1);
        let factor = 2.0 / (1.0 + libm::sin(PI / float(cells))) / 6.0;
        let inner = || 1..cells;
        for _ in 0..SOLVING * cells {
            for row in inner().flat_map(|k| inner().map(move |j| k * side + j)) {
                for at in inner().map(|i| row * side + i) {
                    self.u[at] += factor * (self.f[at] - applied(&self.u, at, side));
                }
            }
            team.tick(cells * cells / 4);
        }
    }
}

/// The operator applied to `u` at an inner point.
fn applied(u: &[f64], at: usize, side: usize) -> f64 {
    let area = side * side;
    let across = u[at - 1] + u[at + 1] + u[at - side] + u[at + side];
    6.0 * u[at] - (across + u[at - area] + u[at + area])
}

/// `body` for every inner point of `values`: index, place and value.
fn each_inner(
    values: &mut [f64],
    cells: usize,
    team: &Team,
    body: impl Fn(usize, (usize, usize, usize), &mut f64) + Sync,
) {
    let side = cells + 1;
    team.for_units(values, side, |row, values| {
        let (j, k) = (row % side, row / side);
        if (1..cells).contains(&j) && (1..cells).contains(&k) {
            for (i, value) in values.iter_mut().enumerate().take(cells).skip(1) {
                body(row * side + i, (i, j, k), value);
            }
        }
        team.tick(1);
    });
}

#[cfg(test)]
impl Grid {
    pub(super) fn spoil_solution(&mut self, by: f64) {
        let middle = self.u.len() / 2 + 1;
        self.u[middle] += by;
    }

    pub(super) fn spoil_right_side(&mut self, by: f64) {
        let middle = self.f.len() / 2 + 1;
        self.f[middle] += by;
    }
}
