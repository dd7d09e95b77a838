//! Blocked LU factorization with partial pivoting (right-looking, as LINPACK's HPL).
//!
//! A right side with a known solution is eliminated along with the matrix. So at any step `L y` must be the permuted
//! right side, and the part not yet eliminated, times the solution, must be the rest of `y`: one sum for every row, in
//! which each of its elements takes part.

use super::contract::Kernel;
use super::draw::{draw, float, unit};
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;

/// Columns of a block.
const BLOCK: usize = 16;
/// Every so many blocks each row is checked.
const CHECK_EVERY: usize = 8;
/// Allowed deviation of a row's sum, for each of its elements: rounding stays a thousandth of it.
const TOLERANCE: f64 = 1e-11;
/// Elements that are one step of progress.
const TICK: usize = 256;

/// The matrix, factored in place, and its right side.
pub struct Lu {
    n: usize,
    a: Vec<f64>,
    y: Vec<f64>,
    right: Vec<f64>,
    solution: Vec<f64>,
    done: usize,
    blocks: usize,
    problem: u64,
}

impl Lu {
    /// A kernel whose matrix has `bytes`.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let n = (bytes / 8).isqrt().max(BLOCK);
        let mut lu = Self {
            n,
            a: vec![0.0; n * n],
            y: vec![0.0; n],
            right: Vec::new(),
            solution: (0..n).map(|i| 1.0 + unit(draw(0, i as u64))).collect(),
            done: 0,
            blocks: 0,
            problem: 0,
        };
        lu.begin(team);
        lu
    }

    /// Sets up the next random matrix.
    fn begin(&mut self, team: &Team) {
        self.problem += 1;
        self.done = 0;
        let (n, problem) = (self.n, self.problem);
        team.for_units(&mut self.a, n, |i, row| {
            let numbers = row.iter_mut().enumerate();
            numbers.for_each(|(j, a)| *a = unit(draw(problem, (i * n + j) as u64)) - 0.5);
            team.tick(n / TICK);
        });
        let (a, solution) = (&self.a, &self.solution);
        team.for_units(&mut self.y, 1, |i, y| {
            y.fill(dot(&a[i * n..(i + 1) * n], solution));
        });
        self.right = self.y.clone();
    }

    /// Eliminates the block's columns, in the block alone.
    fn factor_panel(&mut self, end: usize, team: &Team) {
        let n = self.n;
        for column in self.done..end {
            self.pivot(column);
            let (above, below) = self.a.split_at_mut((column + 1) * n);
            let pivot_row = &above[column * n..];
            let (_, y_below) = self.y.split_at_mut(column);
            let Some((y_pivot, y_below)) = y_below.split_first_mut() else {
                return;
            };
            let rows = n - column - 1;
            let share = rows.div_ceil(team.threads()).max(1);
            let parts = below.chunks_mut(share * n).zip(y_below.chunks_mut(share));
            team.each(parts, |(rows, ys)| {
                for (row, y) in rows.chunks_mut(n).zip(ys) {
                    let factor = row[column] / pivot_row[column];
                    row[column] = factor;
                    subtract(
                        &mut row[column + 1..end],
                        factor,
                        &pivot_row[column + 1..end],
                    );
                    *y -= factor * *y_pivot;
                }
            });
        }
    }

    /// Swaps the row with the column's largest element up.
    fn pivot(&mut self, column: usize) {
        let n = self.n;
        let size = |row: &usize| self.a[row * n + column].abs();
        let Some(largest) = (column..n).max_by(|a, b| size(a).total_cmp(&size(b))) else {
            return;
        };
        if largest > column {
            let (upper, lower) = self.a.split_at_mut(largest * n);
            upper[column * n..(column + 1) * n].swap_with_slice(&mut lower[..n]);
            self.y.swap(column, largest);
            self.right.swap(column, largest);
        }
    }

    /// Eliminates the block's columns to the right of it.
    fn update(&mut self, end: usize, team: &Team) {
        let (n, begin) = (self.n, self.done);
        for row in begin + 1..end {
            let (above, below) = self.a.split_at_mut(row * n);
            eliminate(&mut below[..n], &above[begin * n..], begin, end);
        }
        let (above, below) = self.a.split_at_mut(end * n);
        team.for_units(below, n, |_, row| {
            eliminate(row, &above[begin * n..], begin, end);
            team.tick(1 + (n - end) / TICK);
        });
    }

    fn row_is_intact(&self, i: usize) -> bool {
        let row = &self.a[i * self.n..(i + 1) * self.n];
        let eliminated = i.min(self.done);
        let left = dot(&row[..eliminated], &self.y) + self.y[i];
        let rest = dot(&row[eliminated..], &self.solution[eliminated..]);
        let allowed = TOLERANCE * float(self.n) * (1.0 + self.y[i].abs());
        (left - self.right[i]).abs() <= allowed && (rest - self.y[i]).abs() <= allowed
    }
}

impl Kernel for Lu {
    /// One block of columns.
    fn step(&mut self, team: &Team) {
        if self.done == self.n {
            self.begin(team);
        }
        let end = (self.done + BLOCK).min(self.n);
        self.factor_panel(end, team);
        self.update(end, team);
        self.done = end;
        self.blocks += 1;
    }

    fn verify(&mut self, team: &Team) -> bool {
        // The last block is followed by another matrix.
        let every = if self.done == self.n { 1 } else { CHECK_EVERY };
        let first = self.blocks % every;
        let mine = (self.n - first).div_ceil(every);
        team.all(mine, |n| self.row_is_intact(first + n * every))
    }
}

/// Subtracts the pivot rows `begin..end`, with which `above` begins, to the right of the block. A row of the block
/// itself uses only those above it.
fn eliminate(row: &mut [f64], above: &[f64], begin: usize, end: usize) {
    for (column, pivot_row) in (begin..end).zip(above.chunks(row.len())) {
        let factor = row[column];
        subtract(&mut row[end..], factor, &pivot_row[end..]);
    }
}

fn subtract(row: &mut [f64], factor: f64, other: &[f64]) {
    row.iter_mut()
        .zip(other)
        .for_each(|(a, b)| *a -= factor * b);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, team};
    use super::*;

    #[test]
    fn a_changed_element_is_found() {
        for at in [0, 1, 63, 64 * 20 + 3, 64 * 20 + 40, 64 * 64 - 1] {
            let mut kernel = Lu::new(64 * 64 * 8, &team(2));
            finds(&mut kernel, |lu| lu.a[at] += 1e-3);
        }
    }
}
