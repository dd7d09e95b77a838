//! What pre-copy and missing memory take of the application's work, by the delays that were measured.
//!
//! ```text
//! delay - pause = delta x (time under pre-copy) + sigma x (time in which memory was missing, under post-copy)
//! ```
//! Both are fitted by least squares: delta is what the policy calls the slowdown, sigma what the law reckons post-copy with
//! (`plugin/control/src/law/postcopy.rs`).

use super::record::{Outcome, Run};

/// delta and sigma, each with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Toll {
    /// Of how many runs.
    pub(super) runs: usize,
    /// What a second of pre-copy takes, seconds.
    pub(super) precopy: Fitted,
    /// What a second takes in which memory is missing.
    pub(super) missing: Fitted,
}

/// A value of the fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fitted {
    pub(super) value: f64,
    pub(super) error: f64,
}

/// A run, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Point {
    precopy: f64,
    missing: f64,
    lost: f64,
}

impl Toll {
    /// Of the runs whose program has no phases, which would drown it, and was not throttled; none if they do not tell both.
    #[must_use]
    pub(super) fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<Self> {
        let points: Vec<_> = runs.filter_map(point).collect();
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
            missing: fitted(missing, pp),
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
