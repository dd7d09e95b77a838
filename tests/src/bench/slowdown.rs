//! The application's slowdown by pre-copy and by missing memory, from measured delays.
//!
//! ```text
//! delay - pause = delta x (time under pre-copy) + sigma x (time in which memory was missing, under post-copy)
//! ```
//! Both are fitted by least squares: delta is the policy's `slowdown`, sigma the law's constant for post-copy
//! (`plugin/control/src/law/postcopy.rs`).

use super::record::{Outcome, Run};

/// delta and sigma, each with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SlowdownFit {
    /// The number of runs.
    pub(super) runs: usize,
    /// Seconds lost per second of pre-copy.
    pub(super) precopy: Fitted,
    /// Seconds lost per second with missing memory; none if no run had any.
    pub(super) missing: Option<Fitted>,
}

/// A value of the fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fitted {
    pub(super) value: f64,
    pub(super) error: f64,
}

/// Less missing memory than this is rounding, ms.
const MISSING_LEAST_MS: f64 = 1.0;

/// A run, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Point {
    precopy: f64,
    missing: f64,
    lost: f64,
}

impl SlowdownFit {
    /// The fit over runs that were not throttled and whose program has no phases, which would hide the effect; none if
    /// they are too few.
    #[must_use]
    pub(super) fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<Self> {
        let points: Vec<_> = runs.filter_map(point).collect();
        if points.iter().all(|p| p.missing < MISSING_LEAST_MS) {
            return Self::of_precopy(&points);
        }
        let sum = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>();
        let (pp, pm) = (
            sum(|p| p.precopy * p.precopy),
            sum(|p| p.precopy * p.missing),
        );
        let (mm, pl) = (sum(|p| p.missing * p.missing), sum(|p| p.precopy * p.lost));
        let ml = sum(|p| p.missing * p.lost);
        let determinant = pp * mm - pm * pm;
        let free = points.len().checked_sub(2).filter(|free| *free > 0)?;
        if determinant <= 0.0 {
            return None;
        }
        let precopy = (pl * mm - ml * pm) / determinant;
        let missing = (pp * ml - pm * pl) / determinant;
        let squares = points
            .iter()
            .map(|p| (p.lost - precopy * p.precopy - missing * p.missing).powi(2));
        #[expect(clippy::cast_precision_loss, reason = "hundreds of runs")]
        let variance = squares.sum::<f64>() / free as f64;
        let fitted = |value, own: f64| Fitted {
            value,
            error: (variance * own / determinant).sqrt(),
        };
        Some(Self {
            runs: points.len(),
            precopy: fitted(precopy, mm),
            missing: Some(fitted(missing, pp)),
        })
    }

    /// Of runs under pre-copy alone.
    fn of_precopy(points: &[Point]) -> Option<Self> {
        let sum = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>();
        let pp = sum(|p| p.precopy * p.precopy);
        let free = points.len().checked_sub(1).filter(|free| *free > 0)?;
        if pp <= 0.0 {
            return None;
        }
        let value = sum(|p| p.precopy * p.lost) / pp;
        let squares = points.iter().map(|p| (p.lost - value * p.precopy).powi(2));
        #[expect(clippy::cast_precision_loss, reason = "hundreds of runs")]
        let variance = squares.sum::<f64>() / free as f64;
        let error = (variance / pp).sqrt();
        Some(Self {
            runs: points.len(),
            precopy: Fitted { value, error },
            missing: None,
        })
    }
}

fn point(run: &Run) -> Option<Point> {
    let measured = &run.measured;
    let counts = run.outcome == Outcome::Moved && !run.phased() && !run.throttles();
    let pause = measured.pause_ms.filter(|_| counts)?;
    let missing = measured.total_ms - measured.precopy_ms - pause;
    Some(Point {
        precopy: measured.precopy_ms,
        missing: missing.max(0.0),
        lost: measured.delay_ms? - pause,
    })
}
