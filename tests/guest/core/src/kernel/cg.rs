//! Conjugate gradient on a sparse matrix (compressed rows), as NPB's CG: a random symmetric
//! matrix, read by every step, and four vectors that are rewritten.
//!
//! The right side is made of a known solution, so the error and its energy are known at every
//! iteration. With exact arithmetic `e'Ae = r'(x*-x)` falls by `alpha rho` per iteration and
//! `p'r = r'r` (Hestenes and Stiefel 1952); both are checked beside the solution itself.

use super::contract::Kernel;
use super::draw::{draw, unit};
use super::sparse::Matrix;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of matrix and vectors for one row.
const ROW_BYTES: usize = Matrix::ROW_BYTES + 4 * 8;
/// Iterations of one solution.
const ITERATIONS: usize = 30;
/// Allowed error of the solution, whose elements are 1 to 2.
const SOLVED: f64 = 1e-6;
/// Allowed deviation of an identity, of its value and of its value at the start: rounding, and the little orthogonality
/// lost in 30 iterations.
const TOLERANCE: (f64, f64) = (1e-6, 1e-10);
/// Rows handled as one unit.
const UNIT: usize = 256;

/// The matrix, the vectors, and the known values.
pub struct Cg {
    matrix: Matrix,
    x: Vec<f64>,
    r: Vec<f64>,
    p: Vec<f64>,
    q: Vec<f64>,
    rho: f64,
    energy: f64,
    start: (f64, f64),
    iteration: usize,
    problem: u64,
}

impl Cg {
    /// A kernel whose matrix and vectors have `bytes`.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let n = (bytes / ROW_BYTES / 2 * 2).clamp(2, u32::MAX as usize);
        let mut cg = Self {
            matrix: Matrix::new(n, team),
            x: vec![0.0; n],
            r: vec![0.0; n],
            p: vec![0.0; n],
            q: vec![0.0; n],
            rho: 0.0,
            energy: 0.0,
            start: (0.0, 0.0),
            iteration: 0,
            problem: 0,
        };
        cg.begin(team);
        cg
    }

    /// Sets up the next problem: x = 0, r = p = b = A x*.
    fn begin(&mut self, team: &Team) {
        self.problem += 1;
        self.iteration = 0;
        let problem = self.problem;
        team.for_units(&mut self.x, UNIT, |number, x| {
            (x.iter_mut().enumerate()).for_each(|(i, x)| *x = solution(problem, number * UNIT + i));
        });
        self.matrix.multiply(&self.x, &mut self.r, team);
        self.p.copy_from_slice(&self.r);
        let (x, r) = (&self.x, &self.r);
        self.energy = team.sum(x.len(), |i| x[i] * r[i]);
        self.rho = team.sum(r.len(), |i| r[i] * r[i]);
        self.start = (self.energy, self.rho);
        self.x.fill(0.0);
    }

    fn error(&self, row: usize) -> f64 {
        solution(self.problem, row) - self.x[row]
    }
}

impl Kernel for Cg {
    /// One iteration.
    fn step(&mut self, team: &Team) {
        if self.iteration == ITERATIONS {
            self.begin(team);
        }
        self.matrix.multiply(&self.p, &mut self.q, team);
        let (p, q, n) = (&self.p, &self.q, self.p.len());
        let alpha = self.rho / team.sum(n, |i| p[i] * q[i]);
        update(&mut self.x, team, |i, x| x + alpha * p[i]);
        update(&mut self.r, team, |i, r| r - alpha * q[i]);
        self.energy -= alpha * self.rho;
        let (r, before) = (&self.r, self.rho);
        self.rho = team.sum(n, |i| r[i] * r[i]);
        let beta = self.rho / before;
        update(&mut self.p, team, |i, p| r[i] + beta * p);
        self.iteration += 1;
    }

    fn verify(&mut self, team: &Team) -> bool {
        let n = self.x.len();
        let energy = team.sum(n, |i| self.r[i] * self.error(i));
        let along = team.sum(n, |i| self.p[i] * self.r[i]);
        self.matrix.is_intact(self.iteration % Matrix::SLICES, team)
            && near(energy, self.energy, self.start.0)
            && near(along, self.rho, self.start.1)
            && (self.iteration < ITERATIONS || team.all(n, |i| self.error(i).abs() <= SOLVED))
    }
}

fn near(is: f64, should: f64, at_start: f64) -> bool {
    (is - should).abs() <= TOLERANCE.0 * should.abs() + TOLERANCE.1 * at_start.abs()
}

fn solution(problem: u64, row: usize) -> f64 {
    1.0 + unit(draw(problem, row as u64))
}

fn update(vector: &mut [f64], team: &Team, new: impl Fn(usize, f64) -> f64 + Sync) {
    team.for_units(vector, UNIT, |number, values| {
        for (i, value) in values.iter_mut().enumerate() {
            *value = new(number * UNIT + i, *value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, team};
    use super::*;

    fn small() -> Cg {
        Cg::new(1 << 17, &team(2))
    }

    #[test]
    fn a_changed_vector_is_found() {
        finds(&mut small(), |cg| cg.x[100] += 1e-3);
        finds(&mut small(), |cg| cg.r[200] *= 1.5);
        finds(&mut small(), |cg| cg.p[300] = 0.0);
    }

    #[test]
    fn a_changed_matrix_is_found() {
        finds(&mut small(), |cg| cg.matrix.spoil_value(1000));
        finds(&mut small(), |cg| cg.matrix.spoil_column(1000, 1));
        finds(&mut small(), |cg| cg.matrix.spoil_column(1000, u32::MAX));
    }
}
