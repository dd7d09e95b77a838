//! The sparse matrix of [`super::cg`]: compressed rows, symmetric, positive definite, its pattern
//! random.

use super::draw::{draw, index, unit};
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;

/// Entries of a row: the diagonal and one for each random pairing of the rows.
const ROW: usize = 13;
/// Added to the diagonal: with it 30 iterations of conjugate gradient solve to 1e-9.
const SHIFT: f64 = 0.1;
/// Rows handled as one unit, and one step of progress.
const UNIT: usize = 256;

/// The matrix, and the sums of its entries.
pub struct Matrix {
    columns: Vec<u32>,
    values: Vec<f64>,
    sums: Vec<u64>,
}

impl Matrix {
    /// Bytes of one row.
    pub const ROW_BYTES: usize = ROW * 12;
    /// Parts in which the matrix is checked.
    pub const SLICES: usize = 8;

    /// A matrix of `n` rows, an even number.
    #[must_use]
    pub fn new(n: usize, team: &Team) -> Self {
        let columns = columns(n);
        let mut values = vec![0.0; columns.len()];
        team.for_units(&mut values, ROW, |row, values| {
            fill_row(row, &columns[row * ROW..(row + 1) * ROW], values);
        });
        let mut matrix = Self {
            columns,
            values,
            sums: Vec::new(),
        };
        matrix.sums = (0..Self::SLICES)
            .map(|slice| matrix.sum(slice, team))
            .collect();
        matrix
    }

    /// `to` = A `from`. A column that is out of range is corrupt, and shows in the result.
    pub fn multiply(&self, from: &[f64], to: &mut [f64], team: &Team) {
        team.for_units(to, UNIT, |number, sums| {
            for (i, sum) in sums.iter_mut().enumerate() {
                let row = number * UNIT + i;
                let entries = row * ROW..(row + 1) * ROW;
                let entries = self.columns[entries.clone()]
                    .iter()
                    .zip(&self.values[entries]);
                let element = |column: u32| from.get(column as usize).unwrap_or(&f64::NAN);
                *sum = entries
                    .map(|(column, value)| value * element(*column))
                    .sum();
            }
            team.tick(1);
        });
    }

    /// Whether a slice is as it was made.
    #[must_use]
    pub fn is_intact(&self, slice: usize, team: &Team) -> bool {
        self.sums.get(slice) == Some(&self.sum(slice, team))
    }

    /// A sum over everything in one slice, of every bit in its place.
    fn sum(&self, slice: usize, team: &Team) -> u64 {
        let bound = |slice| self.values.len() * slice / Self::SLICES;
        let begin = bound(slice);
        let sums = team.each(team.ranges(bound(slice + 1) - begin), |range| {
            range.fold(0_u64, |sum, offset| {
                let at = begin + offset;
                let entry = self.values[at].to_bits() ^ u64::from(self.columns[at]).rotate_left(32);
                sum.wrapping_add((entry ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            })
        });
        sums.into_iter().fold(0, u64::wrapping_add)
    }
}

/// Each row is paired with a random other, `ROW - 1` times over: a symmetric pattern.
fn columns(n: usize) -> Vec<u32> {
    let mut columns = vec![0; n * ROW];
    let mut order: Vec<u32> = (0..).take(n).collect();
    for (column, row) in columns.iter_mut().step_by(ROW).zip(&order) {
        *column = *row;
    }
    for entry in 1..ROW {
        for last in (1..n).rev() {
            order.swap(last, index(draw(entry as u64, last as u64), last + 1));
        }
        for pair in order.chunks_exact(2) {
            columns[pair[0] as usize * ROW + entry] = pair[1];
            columns[pair[1] as usize * ROW + entry] = pair[0];
        }
    }
    columns
}

/// Values of -1 to 0, the same in the paired row; the diagonal outweighs them: positive definite.
fn fill_row(row: usize, columns: &[u32], values: &mut [f64]) {
    for (entry, (column, value)) in columns.iter().zip(values.iter_mut()).enumerate().skip(1) {
        let (low, high) = (row.min(*column as usize), row.max(*column as usize));
        *value = -unit(draw(entry as u64, ((high << 32) ^ low) as u64));
    }
    values[0] = SHIFT - values[1..].iter().sum::<f64>();
}

#[cfg(test)]
impl Matrix {
    pub(super) fn spoil_value(&mut self, at: usize) {
        self.values[at] = -1.0;
    }

    pub(super) fn spoil_column(&mut self, at: usize, mask: u32) {
        self.columns[at] ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_symmetric_and_its_diagonal_outweighs_the_rest() {
        let (n, team) = (64, super::super::tests::team(1));
        let matrix = Matrix::new(n, &team);
        let column = |j| {
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            let mut column = vec![0.0; n];
            matrix.multiply(&unit, &mut column, &team);
            column
        };
        let columns: Vec<Vec<f64>> = (0..n).map(column).collect();
        for (i, row) in columns.iter().enumerate() {
            let mirrored = columns.iter().map(|column| column[i]);
            assert!(
                row.iter().zip(mirrored).all(|(a, b)| (a - b).abs() < 1e-12),
                "{i}"
            );
            assert!((row.iter().sum::<f64>() - SHIFT).abs() < 1e-12, "{i}");
        }
    }
}
