//! What a migration has, by name, for programs: the same in CSV and JSON, in this order. Names end in their unit.

use libvirt_hpc_control::estimate::Trust;
use serde::Serialize;

use super::stock::Outcome;
use super::summary::{Counters, Migration, RecordedBy};
use crate::replay::Way;
use crate::trace::{ActionRecord, PauseUnknown};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Nothing,
    Number(u64),
    Flag(bool),
    Text(String),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// A value, and its name.
pub(super) type Field = (&'static str, Value);

/// All of them.
pub(super) fn fields(migration: &Migration) -> Vec<Field> {
    let mut all = who(migration);
    all.extend(bounds(migration));
    all.extend(measured(migration));
    all.extend(stock(migration));
    all
}

fn who(migration: &Migration) -> Vec<Field> {
    let begin = &migration.begin;
    let (versions, recorded) = (&begin.versions, migration.recorded.as_ref());
    let by = |by| match by {
        RecordedBy::FileName => "file_name",
        RecordedBy::FileTime => "file_time",
    };
    vec![
        ("trace", migration.trace.as_str().into()),
        (
            "problem",
            migration.problem.as_ref().map(ToString::to_string).into(),
        ),
        ("domain", begin.domain.as_str().into()),
        ("uuid", begin.uuid.as_str().into()),
        (
            "recorded_at",
            recorded.map(|recorded| recorded.at.as_str()).into(),
        ),
        (
            "recorded_at_by",
            recorded.map(|recorded| by(recorded.by)).into(),
        ),
        ("controller", begin.controller.as_str().into()),
        ("observed_only", begin.observe.into()),
        ("law", begin.law.to_string().into()),
        ("destination", begin.destination.as_deref().into()),
        ("flags", begin.flags.into()),
        ("libvirt_hpc_version", versions.libvirt_hpc.as_str().into()),
        (
            "libvirt_client_version",
            version(versions.libvirt_client).into(),
        ),
        (
            "libvirt_daemon_version",
            versions.libvirt_daemon.map(version).into(),
        ),
        ("qemu_version", versions.qemu.map(version).into()),
    ]
}

fn bounds(migration: &Migration) -> Vec<Field> {
    let (begin, policy) = (&migration.begin, &migration.begin.policy);
    let before = begin.settings_before;
    let then = policy
        .deadline_then
        .map(|then| format!("{then:?}").to_lowercase());
    vec![
        ("slowdown_ppm", begin.slowdown_ppm.into()),
        (
            "limit_before_ms",
            before.map(|before| before.downtime_ms).into(),
        ),
        (
            "speed_before_mib_per_s",
            before.map(|before| before.speed_mib_per_s).into(),
        ),
        ("policy_pause_max_ms", policy.downtime_max_ms.into()),
        ("policy_deadline_ms", policy.deadline_after_ms.into()),
        ("policy_deadline_then", then.into()),
        (
            "policy_speed_max_mib_per_s",
            policy.owners_speed_mib_per_s.into(),
        ),
        (
            "policy_xbzrle_cache_max_bytes",
            policy.cache_most_bytes.into(),
        ),
        ("policy_insists", policy.insists.into()),
        ("order_limit_max_ms", policy.limit_max_ms.into()),
        ("order_timeout_ms", policy.timeout_after_ms.into()),
        (
            "order_timeout_action",
            policy.timeout_action.map(action).into(),
        ),
        (
            "order_postcopy_after_first_round",
            policy.postcopy_after_first_round.into(),
        ),
        ("speed_max_mib_per_s", policy.speed_max_mib_per_s.into()),
        ("speed_is_order", policy.speed_is_order.into()),
        (
            "postcopy_speed_max_mib_per_s",
            policy.postcopy_speed_max_mib_per_s.into(),
        ),
    ]
}

fn measured(migration: &Migration) -> Vec<Field> {
    let (numbers, end) = (&migration.numbers, migration.end.as_ref());
    let totals = end.map(|end| &end.totals);
    let unknown = |why| match why {
        PauseUnknown::Postcopy => "postcopy",
        PauseUnknown::Suspended => "suspended",
    };
    let spared = totals.map(|totals| {
        let (memory, sent) = (
            totals.differences_memory_bytes,
            totals.differences_sent_bytes,
        );
        memory.saturating_sub(sent)
    });
    vec![
        ("result", result(migration).into()),
        ("error", end.and_then(|end| end.error.as_deref()).into()),
        ("total_ms", totals.map(|totals| totals.total_ms).into()),
        ("precopy_ms", numbers.precopy_ms.into()),
        ("pause_ms", totals.and_then(|totals| totals.pause_ms).into()),
        ("pause_estimated_ms", numbers.pause_estimated_ms.into()),
        (
            "pause_unknown",
            totals
                .and_then(|totals| totals.pause_unknown)
                .map(unknown)
                .into(),
        ),
        (
            "postcopy_after_ms",
            totals.and_then(|totals| totals.postcopy_after_ms).into(),
        ),
        (
            "postcopy_took_ms",
            totals.and_then(|totals| totals.postcopy_took_ms).into(),
        ),
        (
            "throttled_ms",
            totals.map(|totals| totals.throttled_ms).into(),
        ),
        ("rounds", numbers.rounds.into()),
        ("memory_bytes", numbers.memory_bytes.into()),
        ("sent_bytes", numbers.sent_bytes.into()),
        (
            "bandwidth_bytes_per_s",
            numbers.bandwidth_bytes_per_s.into(),
        ),
        (
            "xbzrle_memory_bytes",
            totals.map(|totals| totals.differences_memory_bytes).into(),
        ),
        (
            "xbzrle_sent_bytes",
            totals.map(|totals| totals.differences_sent_bytes).into(),
        ),
        ("xbzrle_spared_bytes", spared.into()),
        ("counters", counters(migration.counters).into()),
        (
            "write_rate_max_bytes_per_s",
            numbers.write_rate_bytes_per_s.into(),
        ),
        ("working_set_max_bytes", numbers.working_set_bytes.into()),
    ]
}

fn stock(migration: &Migration) -> Vec<Field> {
    let stock = &migration.stock;
    let (outcome, stop) = match &stock.outcome {
        Outcome::Recorded => ("recorded", None),
        Outcome::Unknown(_) => ("unknown", None),
        Outcome::NotInRecord => ("not_within_the_record", None),
        Outcome::Ends(stop) => (way(stop.way), Some(stop)),
    };
    let ms = |ns: u64| ns.saturating_add(500_000) / 1_000_000;
    vec![
        ("stock", outcome.into()),
        ("stock_limit_ms", stock.limit_ms.into()),
        ("stock_after_ms", stop.map(|stop| ms(stop.after_ns)).into()),
        (
            "stock_remaining_bytes",
            stop.map(|stop| stop.left_bytes).into(),
        ),
        (
            "stock_pause_ms",
            stop.and_then(|stop| stop.pause_ns).map(ms).into(),
        ),
        ("least_pause_at_a_sync_ms", stock.least_pause_ms.into()),
    ]
}

/// How it ended.
pub(super) fn result(migration: &Migration) -> &'static str {
    match migration.end.as_ref().map(|end| end.moved) {
        Some(true) => "moved",
        Some(false) => "failed",
        None => "unknown",
    }
}

const fn counters(counters: Counters) -> &'static str {
    match counters {
        Counters::NotRead => "none",
        Counters::Faults(Trust::Unconfirmed) => "unconfirmed",
        Counters::Faults(Trust::Confirmed) => "confirmed",
        Counters::Faults(Trust::Refuted) => "refuted",
    }
}

const fn way(way: Way) -> &'static str {
    match way {
        Way::Switchover => "switchover",
        Way::Suspend => "suspend",
        Way::Postcopy => "postcopy",
        Way::Abort => "abort",
    }
}

/// A step, as traces name it.
pub(super) const fn action(action: ActionRecord) -> &'static str {
    match action {
        ActionRecord::Abort => "abort",
        ActionRecord::Postcopy => "postcopy",
        ActionRecord::Suspend => "suspend",
    }
}

/// A version as libvirt numbers it.
pub(super) fn version(number: u64) -> String {
    let (major, minor, release) = (number / 1_000_000, number / 1000 % 1000, number % 1000);
    format!("{major}.{minor}.{release}")
}
