//! Complex numbers and the one-dimensional Fourier transform of [`super::ft`].

use alloc::vec::Vec;
use core::f64::consts::TAU;
use core::ops::{Add, Mul, Sub};

use super::draw::float;

/// A complex number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Complex {
    /// `|z|^2`.
    #[must_use]
    pub fn norm(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

impl Add for Complex {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (re, im) = (self.re + other.re, self.im + other.im);
        Self { re, im }
    }
}

impl Sub for Complex {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let (re, im) = (self.re - other.re, self.im - other.im);
        Self { re, im }
    }
}

impl Mul for Complex {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

/// The `n` roots of unity, `exp(2 pi i k / n)`.
#[must_use]
pub fn roots(n: usize) -> Vec<Complex> {
    let angle = |k| TAU * float(k) / float(n);
    let root = |(im, re)| Complex { re, im };
    (0..n).map(|k| root(libm::sincos(angle(k)))).collect()
}

/// The backward transform of `row`, not normalised: `row[j] = sum of row[k] roots[j k]`, by
/// Stockham's self-sorting passes (Swarztrauber 1984) of radix 3 and 2. The length is that of
/// `roots` and of `spare`, a power of two or three times one.
pub fn backward(row: &mut [Complex], spare: &mut [Complex], roots: &[Complex]) {
    let (mut length, mut stride) = (row.len(), 1);
    let (mut from, mut to) = (&mut *row, spare);
    let mut swapped = false;
    while length > 1 {
        let radix = if length % 3 == 0 { 3 } else { 2 };
        pass(from, to, roots, (length, stride, radix));
        (from, to) = (to, from);
        (length, stride) = (length / radix, stride * radix);
        swapped = !swapped;
    }
    if swapped {
        to.copy_from_slice(from);
    }
}

fn pass(
    from: &[Complex],
    to: &mut [Complex],
    roots: &[Complex],
    (length, stride, radix): (usize, usize, usize),
) {
    let parts = length / radix;
    let turn = roots.len() / radix;
    for p in 0..parts {
        for q in 0..stride {
            let part = |j| from[q + stride * (p + parts * j)];
            let at = |t| q + stride * (radix * p + t);
            let (a, b) = (part(0), part(1));
            let twiddle = roots[p * stride];
            if radix == 2 {
                to[at(0)] = a + b;
                to[at(1)] = (a - b) * twiddle;
            } else {
                let c = part(2);
                to[at(0)] = a + b + c;
                to[at(1)] = (a + b * roots[turn] + c * roots[2 * turn]) * twiddle;
                to[at(2)] = (a + b * roots[2 * turn] + c * roots[turn]) * roots[2 * p * stride];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn it_is_the_sum_that_defines_it() {
        for n in [1, 2, 4, 8, 16, 6, 12, 24] {
            let value = |k: usize| Complex {
                re: float(k * k % 7),
                im: float(k * 5 % 3),
            };
            let (mut row, roots): (Vec<_>, _) = ((0..n).map(value).collect(), roots(n));
            backward(&mut row, &mut vec![Complex::default(); n], &roots);
            for (j, found) in row.iter().enumerate() {
                let terms = (0..n).map(|k| value(k) * roots[j * k % n]);
                let sum = terms.fold(Complex::default(), Add::add);
                assert!((*found - sum).norm() < 1e-18, "{n}: {j}");
            }
        }
    }
}
