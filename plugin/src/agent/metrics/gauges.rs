//! How each migration is that runs now, and whether libvirt answers.

use libvirt_hpc_control::sample::JobState;
use prometheus::{Gauge, GaugeVec, Registry, Result};

use super::family::{opts, register};
use super::snapshot::Snapshot;
use crate::agent::api::MigrationStatus;
use crate::harmless::printable;
use crate::migration::tally;

/// Of how many migrations at once the gauges are told: more series than a host has use for would be a burden to
/// Prometheus. `migrations_running` counts all of them.
pub(super) const MOST_MIGRATIONS: usize = 64;

/// The longest name of a domain that is told, characters: its UUID tells it from others.
const MOST_CHARACTERS: usize = 100;

const STATES: [(JobState, &str); 5] = [
    (JobState::Setup, "setup"),
    (JobState::Precopy, "precopy"),
    (JobState::Switchover, "switchover"),
    (JobState::Postcopy, "postcopy"),
    (JobState::Ended, "ended"),
];

/// The gauges. Only the publisher's thread sets and reads them.
#[derive(Debug)]
pub(super) struct Gauges {
    libvirt_up: Gauge,
    running: Gauge,
    left: GaugeVec,
    bandwidth: GaugeVec,
    write_rate: GaugeVec,
    pause_now: GaugeVec,
    rounds: GaugeVec,
    state: GaugeVec,
}

impl Gauges {
    /// To be found in `registry`.
    ///
    /// # Errors
    /// A name that is none or is taken.
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let of_domain = |name, help| vector(registry, name, help, &["domain", "uuid"]);
        Ok(Self {
            libvirt_up: gauge(
                registry,
                "agent_libvirt_up",
                "Whether libvirt answers the agent: 1 if it does; 0 also once the agent has ended.",
            )?,
            running: gauge(
                registry,
                "migrations_running",
                "Migrations that the agent attends to now, those of other controllers included.",
            )?,
            left: of_domain(
                "migration_left_bytes",
                "Memory that remained at the last sync.",
            )?,
            bandwidth: of_domain(
                "migration_bandwidth_bytes_per_second",
                "The bandwidth, as the last iteration or window measured it.",
            )?,
            write_rate: of_domain(
                "migration_write_rate_bytes_per_second",
                "How fast the guest writes, where counters that a sync has confirmed tell it.",
            )?,
            pause_now: of_domain(
                "migration_pause_now_seconds",
                "The pause, had the guest stopped at the last sync, without its fixed part.",
            )?,
            rounds: of_domain("migration_rounds", "Iterations of pre-copy so far.")?,
            state: vector(
                registry,
                "migration_state",
                "1 for the state that the migration is in, 0 for the others.",
                &["domain", "uuid", "state"],
            )?,
        })
    }

    /// All of them anew, for those of another time tell of migrations that have ended.
    pub(super) fn set(&self, snapshot: &Snapshot) {
        self.libvirt_up
            .set(f64::from(u8::from(snapshot.libvirt_up)));
        self.running.set(number(snapshot.migrations.len() as u64));
        for family in [
            &self.left,
            &self.bandwidth,
            &self.write_rate,
            &self.pause_now,
            &self.rounds,
            &self.state,
        ] {
            family.reset();
        }
        // Those that take longest are those that somebody will ask about.
        let mut migrations: Vec<_> = snapshot.migrations.iter().collect();
        migrations.sort_by(|(a, of_a), (b, of_b)| {
            (of_b.elapsed_ms, &a.uuid).cmp(&(of_a.elapsed_ms, &b.uuid))
        });
        for (id, status) in migrations.into_iter().take(MOST_MIGRATIONS) {
            let name: String = id.name.chars().take(MOST_CHARACTERS).collect();
            self.set_one(&printable(&name), &printable(&id.uuid), status);
        }
    }

    fn set_one(&self, domain: &str, uuid: &str, status: &MigrationStatus) {
        let of_domain = [domain, uuid];
        set(&self.rounds, &of_domain, Some(status.iteration));
        set(&self.left, &of_domain, status.remaining_bytes);
        let bandwidth = Some(status.bytes_per_s).filter(|rate| *rate > 0);
        set(&self.bandwidth, &of_domain, bandwidth);
        set(&self.write_rate, &of_domain, status.writes_bytes_per_s);
        // Before the switchover alone it is a pause to come.
        let remaining = status
            .remaining_bytes
            .filter(|_| status.state == JobState::Precopy);
        let pause_ms = remaining.and_then(|bytes| tally::pause_ms(bytes, status.bytes_per_s));
        if let Some(ms) = pause_ms {
            set_value(&self.pause_now, &of_domain, number(ms) / 1000.0);
        }
        for (state, name) in STATES {
            let is_in = u64::from(state == status.state);
            set(&self.state, &[domain, uuid, name], Some(is_in));
        }
    }
}

fn set(family: &GaugeVec, labels: &[&str], value: Option<u64>) {
    if let Some(value) = value {
        set_value(family, labels, number(value));
    }
}

fn set_value(family: &GaugeVec, labels: &[&str], value: f64) {
    // A wrong number of labels is the only error.
    if let Ok(gauge) = family.get_metric_with_label_values(labels) {
        gauge.set(value);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus keeps every value as such a number"
)]
const fn number(value: u64) -> f64 {
    value as f64
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<Gauge> {
    register(registry, Gauge::with_opts(opts(name, help)))
}

fn vector(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
    register(registry, GaugeVec::new(opts(name, help), labels))
}
