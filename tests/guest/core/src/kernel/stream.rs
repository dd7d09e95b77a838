//! STREAM: copy, scale, add and triad over three arrays (McCalpin).
//!
//! All elements `PERIOD` apart have the same history, so one period, computed separately by the same operations, gives
//! every array to the last bit.

use super::contract::Kernel;
use super::draw::float;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;

/// Elements after which the arrays repeat; also one step of progress.
const PERIOD: usize = 1024;
/// The scalars, in turn. A pass multiplies by `2s + s^2`: 5/4, then 4/5, so values stay in range and no pass repeats
/// the one before.
const SCALARS: [f64; 2] = [0.5, 0.341_640_786_499_873_8];

/// The arrays a, b, c, and one period of each.
pub struct Stream {
    arrays: [Vec<f64>; 3],
    expected: [Vec<f64>; 3],
    passes: usize,
}

impl Stream {
    /// A kernel whose three arrays have `bytes`.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let n = (bytes / 24).max(1);
        let value = |i: usize| 1.0 + float(i % PERIOD) / float(PERIOD);
        let mut arrays = [(); 3].map(|()| vec![0.0; n]);
        for array in &mut arrays {
            team.for_units(array, PERIOD, |_, values| {
                values
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, x)| *x = value(i));
            });
        }
        let expected = [(); 3].map(|()| (0..PERIOD).map(value).collect());
        Self {
            arrays,
            expected,
            passes: 0,
        }
    }
}

impl Kernel for Stream {
    /// The four loops.
    fn step(&mut self, team: &Team) {
        let scalar = SCALARS[self.passes % SCALARS.len()];
        pass(&mut self.arrays, scalar, team);
        // The known values are not progress: they are computed by a team that nobody counts.
        pass(&mut self.expected, scalar, &team.alone());
        self.passes += 1;
    }

    fn verify(&mut self, team: &Team) -> bool {
        self.arrays
            .iter()
            .zip(&self.expected)
            .all(|(array, expected)| {
                team.all(array.len(), |i| {
                    array[i].to_bits() == expected[i % PERIOD].to_bits()
                })
            })
    }
}

fn pass([a, b, c]: &mut [Vec<f64>; 3], scalar: f64, team: &Team) {
    assign(c, team, |i| a[i]);
    assign(b, team, |i| scalar * c[i]);
    assign(c, team, |i| a[i] + b[i]);
    assign(a, team, |i| b[i] + scalar * c[i]);
}

fn assign(array: &mut [f64], team: &Team, value: impl Fn(usize) -> f64 + Sync) {
    team.for_units(array, PERIOD, |number, values| {
        for (i, x) in values.iter_mut().enumerate() {
            *x = value(number * PERIOD + i);
        }
        team.tick(1);
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds_at_once, team};
    use super::*;

    #[test]
    fn the_lowest_bit_of_any_array_is_found() {
        for array in 0..3 {
            let mut kernel = Stream::new(1 << 17, &team(2));
            finds_at_once(&mut kernel, |stream| {
                let value = &mut stream.arrays[array][3333];
                *value = f64::from_bits(value.to_bits() ^ 1);
            });
        }
    }

    #[test]
    fn values_stay_in_range() {
        let mut kernel = Stream::new(1 << 12, &team(1));
        (0..2000).for_each(|_| kernel.step(&team(1)));
        assert!(kernel.arrays[0].iter().all(|a| (0.99..2.01).contains(a)));
    }
}
