//! Ratios of many guests in a few figures.

use serde::Serialize;

/// Ratios in order.
#[derive(Clone, Debug)]
struct Ratios(Vec<f64>);

impl Ratios {
    fn new(ratios: impl IntoIterator<Item = f64>) -> Self {
        let mut ratios: Vec<_> = ratios.into_iter().collect();
        ratios.sort_by(f64::total_cmp);
        Self(ratios)
    }

    fn at(&self, percent: usize) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let index = (self.0.len() * percent / 100).min(last);
        self.0.get(index).copied()
    }
}

/// Geometric mean, median, 95th percentile, largest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) geo_mean: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// None of no ratios.
    pub(crate) fn of(ratios: impl IntoIterator<Item = f64>) -> Option<Self> {
        let ratios = Ratios::new(ratios);
        Some(Self {
            geo_mean: geo_mean(ratios.0.iter().copied())?,
            p50: ratios.at(50)?,
            p95: ratios.at(95)?,
            max: ratios.at(100)?,
        })
    }
}

/// The geometric mean; none of nothing.
pub(crate) fn geo_mean(ratios: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = ratios
        .into_iter()
        .fold((0.0, 0_u32), |(sum, count), ratio| {
            (sum + ratio.ln(), count + 1)
        });
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_the_ratios_in_order() {
        let spread = Spread::of((1..=100).rev().map(f64::from)).expect("a hundred");
        assert_eq!((spread.p50, spread.p95, spread.max), (51.0, 96.0, 100.0));
        let mean = geo_mean([1.0, 2.0, 4.0]).expect("three");
        assert!((mean - 2.0).abs() < 1e-12);
        assert_eq!(Spread::of([]), None);
        assert_eq!(geo_mean([]), None);
    }
}
