//! What the metrics are told of how things are.

use std::time::{Duration, Instant};

use super::Supervisor;
use crate::agent::metrics::Snapshot;

/// How often: as often as Prometheus asks a host at most, as a rule. The end of a migration is told at once.
const EVERY: Duration = Duration::from_secs(5);

/// How long the end of the agent waits for a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Hands the metrics how things are, if that is due; never waits.
    pub(crate) fn publish(&mut self, now: Instant) {
        let is_due = |at| now.saturating_duration_since(at) >= EVERY;
        if self.published_at.is_none_or(is_due) {
            self.published_at = Some(now);
            self.metrics.publish(self.snapshot());
        }
    }

    /// The last word: nobody asks libvirt any more, and no migration has a thread.
    pub(crate) fn publish_end(&self) {
        self.metrics.publish(Snapshot {
            directory: self.config.metrics.clone(),
            ..Snapshot::default()
        });
        self.metrics.settle(PATIENCE);
    }

    fn snapshot(&self) -> Snapshot {
        let migrations = self.migrations.values();
        Snapshot {
            directory: self.config.metrics.clone(),
            libvirt_up: self.polled_at.is_some() && self.lost.is_none(),
            migrations: migrations
                .map(|taken| (taken.id.clone(), taken.handle.status()))
                .collect(),
        }
    }
}
