//! What `hpc-estimate` says of a guest before it moves, and whether it came true.

use anyhow::{Context, Result};
use libvirt_hpc_plugin::estimate::forecast::{Interval, Stock};
use serde::{Deserialize, Serialize};

/// A total is near if it is within so much of the estimate's.
const NEAR: std::ops::RangeInclusive<f64> = 0.8..=1.2;

/// How exactly a pause is heard: by the guest's heartbeats, milliseconds.
const HEARD_MS: f64 = 30.0;

/// An estimate, as `hpc-estimate --json` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// From the job's beginning to its end, milliseconds.
    pub total_ms: Interval,
    /// The pause, milliseconds.
    pub pause_ms: Interval,
    /// What virsh's own limit would do.
    pub stock: Stock,
}

impl Estimate {
    /// Reads what `hpc-estimate --json` printed; none if too little was known for an estimate.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn read(printed: &[u8]) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Printed {
            estimate: Option<Estimate>,
        }
        let printed: Printed = serde_json::from_slice(printed).context("reading hpc-estimate")?;
        Ok(printed.estimate)
    }

    /// The estimated total over the true one.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of one migration")]
    #[must_use]
    pub fn total_ratio(&self, total_ms: f64) -> f64 {
        self.total_ms.likely as f64 / total_ms
    }

    /// Whether the estimated total is within 20 % of the true one.
    #[must_use]
    pub fn total_is_near(&self, total_ms: f64) -> bool {
        NEAR.contains(&self.total_ratio(total_ms))
    }

    /// Whether the true total is in its interval, known to `slack_ms`.
    #[must_use]
    pub fn total_is_inside(&self, total_ms: f64, slack_ms: f64) -> bool {
        is_inside(self.total_ms, total_ms, slack_ms)
    }

    /// Whether the true pause is in its interval, as exactly as it is heard.
    #[must_use]
    pub fn pause_is_inside(&self, pause_ms: f64) -> bool {
        is_inside(self.pause_ms, pause_ms, HEARD_MS)
    }

    /// Whether virsh's own limit ends within `horizon_ms`.
    #[must_use]
    pub fn stock_ends_within(&self, horizon_ms: u64) -> bool {
        self.stock.ends
            && self
                .stock
                .total_ms
                .is_none_or(|total_ms| total_ms <= horizon_ms)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one migration")]
fn is_inside(interval: Interval, figure: f64, slack: f64) -> bool {
    (interval.least as f64 - slack..=interval.most as f64 + slack).contains(&figure)
}
