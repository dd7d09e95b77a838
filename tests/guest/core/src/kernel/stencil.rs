//! 3-D stencil: Jacobi's seven-point sweep over a cube with a cold boundary.
//!
//! The cube starts as an eigenmode of the sweep, `sin(θi) sin(θj) sin(θk)`, so sweep `s` must leave
//! it multiplied by `cos(θ)^s` at every point.

use super::contract::Kernel;
use super::draw::float;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;
use core::f64::consts::PI;

/// About this much is swept in one step.
const SLAB_BYTES: usize = 2 << 20;
/// Sweeps until the mode is set up anew: it fades by a tenth with each.
const SWEEPS: usize = 48;
/// The angle between neighbours that fades so; rounded to a mode that fits the cube.
const ANGLE: f64 = 0.45;
/// Every so many sweeps each plane is checked.
const CHECK_EVERY: usize = 8;
/// Allowed deviation, of the mode's present height: rounding stays below 1e-12.
const TOLERANCE: f64 = 1e-9;

/// Two cubes, swept from one into the other.
pub struct Stencil {
    side: usize,
    from: Vec<f64>,
    to: Vec<f64>,
    mode: Vec<f64>,
    fading: f64,
    sweeps: usize,
    plane: usize,
    checked: usize,
}

impl Stencil {
    /// A kernel whose two cubes have `bytes` together.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let side = side_of(bytes / 16).max(4);
        let cells = float(side - 1);
        let angle = PI * libm::round(ANGLE * cells / PI).max(1.0) / cells;
        let mut mode: Vec<f64> = (0..side).map(|i| libm::sin(angle * float(i))).collect();
        mode[side - 1] = 0.0;
        let mut stencil = Self {
            side,
            from: vec![0.0; side.pow(3)],
            to: vec![0.0; side.pow(3)],
            mode,
            fading: libm::cos(angle),
            sweeps: 0,
            plane: 0,
            checked: 0,
        };
        stencil.restart(team);
        stencil
    }

    /// Points along an edge.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// The cube as the last whole sweep left it, plane after plane.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.from
    }

    fn restart(&mut self, team: &Team) {
        let (side, mode) = (self.side, &self.mode);
        team.for_units(&mut self.from, side, |row, values| {
            let height = mode[row / side] * mode[row % side];
            for (value, factor) in values.iter_mut().zip(mode) {
                *value = height * factor;
            }
        });
        self.sweeps = 0;
    }

    fn plane_is_intact(&self, plane: usize) -> bool {
        let side = self.side;
        let height = (0..self.sweeps).fold(1.0, |height, _| height * self.fading);
        let rows = self.from[plane * side * side..].chunks(side).take(side);
        rows.zip(&self.mode).all(|(values, across)| {
            let height_here = height * self.mode[plane] * across;
            let mut pairs = values.iter().zip(&self.mode);
            pairs.all(|(value, factor)| (value - height_here * factor).abs() <= TOLERANCE * height)
        })
    }
}

impl Kernel for Stencil {
    /// Sweeps one slab of planes.
    fn step(&mut self, team: &Team) {
        let (side, area) = (self.side, self.side.pow(2));
        let end = (self.plane + (SLAB_BYTES / (8 * area)).max(1)).min(side);
        let (first, from) = (self.plane * side, &self.from);
        let slab = &mut self.to[self.plane * area..end * area];
        team.for_units(slab, side, |row, values| {
            let (plane, across) = ((first + row) / side, (first + row) % side);
            if (1..side - 1).contains(&plane) && (1..side - 1).contains(&across) {
                sweep_row(values, from, (first + row) * side, area);
            }
            team.tick(1);
        });
        self.checked = self.plane;
        self.plane = end % side;
        if self.plane == 0 {
            core::mem::swap(&mut self.from, &mut self.to);
            self.sweeps += 1;
        }
        if self.sweeps == SWEEPS {
            self.restart(team);
        }
    }

    /// Checks some planes of the slab just swept; all of them have their turn.
    fn verify(&mut self, team: &Team) -> bool {
        let end = if self.plane == 0 {
            self.side
        } else {
            self.plane
        };
        let turn = self.sweeps % CHECK_EVERY;
        let mine = |plane: &usize| plane % CHECK_EVERY == turn;
        let planes: Vec<usize> = (self.checked..end).filter(mine).collect();
        team.all(planes.len(), |n| self.plane_is_intact(planes[n]))
    }
}

/// The mean of the six neighbours of each inner point of the row that begins at `at`.
fn sweep_row(values: &mut [f64], from: &[f64], at: usize, area: usize) {
    let side = values.len();
    let row = |begin: usize| &from[begin..begin + side];
    let (own, near, far) = (row(at), row(at - side), row(at + side));
    let (below, above) = (row(at - area), row(at + area));
    for i in 1..side - 1 {
        let neighbours = own[i - 1] + own[i + 1] + near[i] + far[i] + below[i] + above[i];
        values[i] = neighbours * (1.0 / 6.0);
    }
}

/// The largest side whose cube has at most `points`.
fn side_of(points: usize) -> usize {
    (1..)
        .take_while(|side: &usize| side.pow(3) <= points)
        .last()
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, team};
    use super::*;

    #[test]
    fn a_changed_value_is_found() {
        let mut kernel = Stencil::new(1 << 16, &team(2));
        finds(&mut kernel, |kernel| {
            kernel.from[kernel.side.pow(3) / 2 + 7] += 1e-3
        });
    }

    #[test]
    fn a_stale_plane_is_found() {
        let mut kernel = Stencil::new(1 << 16, &team(1));
        finds(&mut kernel, |kernel| {
            let plane = kernel.side.pow(2) * 5..kernel.side.pow(2) * 6;
            let stale = kernel.to[plane.clone()].to_vec();
            kernel.from[plane].copy_from_slice(&stale);
        });
    }
}
