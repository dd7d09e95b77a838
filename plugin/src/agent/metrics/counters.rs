//! What is counted, of all migrations since the agent began.

use std::sync::Arc;
use std::time::Duration;

use libvirt_hpc_control::event::Event;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Registry, Result};

use super::decision;
use super::family::{opts, register};
use crate::laws::LawName;
use crate::trace::End;

/// Bounds of pauses, seconds: from what hardly anybody notices, over virsh's 0.3 s, to what drops a cluster's member.
const PAUSES_S: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0];

/// Bounds of migrations, seconds.
const DURATIONS_S: [f64; 11] = [
    1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0,
];

/// Bounds of a takeover, seconds: from a poll, over the three seconds for which limits must not move, to the minute
/// for which a limit that was set is watched.
const TAKEOVERS_S: [f64; 10] = [0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];

/// How migrations end, as reports name it.
const MOVED: &str = "moved";
const FAILED: &str = "failed";
const UNKNOWN: &str = "unknown";

/// The counters: whoever has a copy counts on the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Counters(Arc<Families>);

#[derive(Debug)]
struct Families {
    migrations: IntCounterVec,
    pause: Histogram,
    duration: Histogram,
    sent: IntCounter,
    decisions: IntCounterVec,
    takeover: Histogram,
}

impl Counters {
    /// All zero, and to be found in `registry`.
    ///
    /// # Errors
    /// A name that is none or is taken.
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let families = Families {
            migrations: counters(
                registry,
                "migrations_total",
                "Migrations that the agent controlled or observed, by their end: moved, failed, or unknown where the \
                 agent left them.",
                &["result", "law"],
            )?,
            pause: histogram(
                registry,
                "migration_pause_seconds",
                "QEMU's downtime of migrations that moved, where QEMU tells one.",
                &PAUSES_S,
            )?,
            duration: histogram(
                registry,
                "migration_duration_seconds",
                "How long migrations took that moved or failed, from the start of the job.",
                &DURATIONS_S,
            )?,
            sent: register(
                registry,
                IntCounter::with_opts(opts(
                    "migration_sent_bytes_total",
                    "Memory on the wire of migrations that moved or failed.",
                )),
            )?,
            decisions: counters(
                registry,
                "decisions_total",
                "Decisions of the control law and the guard, by cause. In mode observe they were not carried out.",
                &["decision", "cause", "mode"],
            )?,
            takeover: histogram(
                registry,
                "takeover_seconds",
                "How old migrations were when the agent took control: since their memory flowed where the agent saw \
                 that, else since their job began.",
                &TAKEOVERS_S,
            )?,
        };
        // Known from the beginning: the first of a kind is an increase, too.
        for result in [MOVED, FAILED, UNKNOWN] {
            let law = LawName::default().as_str();
            families
                .migrations
                .get_metric_with_label_values(&[result, law])?;
        }
        Ok(Self(Arc::new(families)))
    }

    /// A migration is recorded from now on, under that law; where it is observed, nothing is carried out.
    pub(crate) fn begun(&self, law: LawName, observes: bool) -> CountedMigration {
        CountedMigration {
            counters: self.clone(),
            law: law.as_str(),
            mode: if observes { "observe" } else { "steer" },
            has_ended: false,
        }
    }

    fn result(&self, result: &str, law: &str) {
        increase(&self.0.migrations, &[result, law]);
    }
}

/// A migration that is being counted. One that is given up before its end is known counts as `unknown`, as its trace
/// has no end.
#[derive(Debug)]
pub(crate) struct CountedMigration {
    counters: Counters,
    law: &'static str,
    mode: &'static str,
    has_ended: bool,
}

impl CountedMigration {
    /// The agent has taken control of a migration that was so old.
    pub(crate) fn taken(&self, age: Duration) {
        self.counters.0.takeover.observe(age.as_secs_f64());
    }

    /// The controller has published that.
    pub(crate) fn heard(&self, event: &Event) {
        if let Some((decision, cause)) = decision::of(event) {
            increase(&self.counters.0.decisions, &[decision, cause, self.mode]);
        }
    }

    /// It has ended so, as its trace says.
    pub(crate) fn ended(&mut self, end: &End) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let families = &self.counters.0;
        let result = if end.moved { MOVED } else { FAILED };
        self.counters.result(result, self.law);
        let totals = &end.totals;
        if let Some(ms) = totals.pause_ms.filter(|_| end.moved) {
            families.pause.observe(seconds(ms));
        }
        families.duration.observe(seconds(totals.total_ms));
        families.sent.inc_by(totals.sent_bytes);
    }
}

impl Drop for CountedMigration {
    fn drop(&mut self) {
        if !self.has_ended {
            self.counters.result(UNKNOWN, self.law);
        }
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

fn increase(family: &IntCounterVec, labels: &[&str]) {
    // A wrong number of labels is the only error.
    if let Ok(counter) = family.get_metric_with_label_values(labels) {
        counter.inc();
    }
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    register(registry, IntCounterVec::new(opts(name, help), labels))
}

fn histogram(registry: &Registry, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram> {
    let opts = HistogramOpts::from(opts(name, help)).buckets(bounds.to_vec());
    register(registry, Histogram::with_opts(opts))
}
