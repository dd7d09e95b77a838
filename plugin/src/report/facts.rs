//! What a migration has, in words: the same in Markdown and HTML. What comes from a trace is not made harmless here.

use std::time::Duration;

use libvirt_hpc_control::estimate::Trust;

use super::fields::{action, version};
use super::rounds::OneRound;
use super::summary::{Counters, MIB, Migration, Recorded, RecordedBy};
use crate::in_words::{self, mib, span, speed};
use crate::trace::PolicyRecord;

/// A name, and what is so called.
pub(super) type Fact = (&'static str, String);

/// The columns of migrations side by side.
pub(super) const COLUMNS: [&str; 10] = [
    "Domain",
    "Recorded",
    "Law",
    "Result",
    "Total",
    "Pre-copy",
    "Pause",
    "Iterations",
    "Sent",
    "Bandwidth",
];

/// One migration among others, a cell a column.
pub(super) fn row(migration: &Migration) -> [String; COLUMNS.len()] {
    let (numbers, totals) = (
        &migration.numbers,
        migration.end.as_ref().map(|end| &end.totals),
    );
    let short = match migration.end.as_ref().map(|end| end.moved) {
        Some(true) => "moved",
        Some(false) => "not moved",
        None => "no result",
    };
    let pause = match totals {
        Some(totals) if totals.pause_ms.is_some() => known_ms(totals.pause_ms),
        Some(totals) if totals.pause_unknown.is_some() => in_words::pause(totals),
        _ => known_ms(None),
    };
    [
        migration.begin.domain.clone(),
        migration.recorded.as_ref().map_or_else(unknown, moment),
        migration.begin.law.to_string(),
        short.to_owned(),
        known_ms(totals.map(|totals| totals.total_ms)),
        known_ms(numbers.precopy_ms),
        pause,
        numbers.rounds.to_string(),
        mib(numbers.sent_bytes),
        known_rate(numbers.bandwidth_bytes_per_s),
    ]
}

/// Who was moved when, by whom and within which bounds.
pub(super) fn about(migration: &Migration) -> Vec<Fact> {
    let (begin, versions) = (&migration.begin, &migration.begin.versions);
    let observed = if begin.observe {
        ", observing only"
    } else {
        ""
    };
    let controller = format!(
        "{} {}{observed}",
        begin.controller.as_str(),
        versions.libvirt_hpc
    );
    let percent = begin.slowdown_ppm as f64 / 10_000.0;
    let before = begin.settings_before.map(|before| {
        let speed = speed(before.speed_mib_per_s);
        format!("downtime {} ms, speed {speed}", before.downtime_ms)
    });
    let or_unknown = |number: Option<u64>| number.map_or_else(unknown, version);
    vec![
        ("Domain", begin.domain.clone()),
        ("Recorded", recorded(migration)),
        (
            "Destination",
            begin
                .destination
                .clone()
                .unwrap_or_else(|| "unknown: begun by another client".to_owned()),
        ),
        ("Controller", controller),
        ("Law", begin.law.to_string()),
        (
            "Slowdown assumed",
            format!("{percent} % of the time in pre-copy"),
        ),
        ("Policy", policy(&begin.policy)),
        ("Orders", orders(&begin.policy)),
        ("Limits before", before.unwrap_or_else(unknown)),
        (
            "libvirt, QEMU",
            format!(
                "{}, {}",
                or_unknown(versions.libvirt_daemon),
                or_unknown(versions.qemu)
            ),
        ),
        ("Trace", migration.trace.clone()),
    ]
}

/// What it took.
pub(super) fn measured(migration: &Migration) -> Vec<Fact> {
    let (numbers, end) = (&migration.numbers, migration.end.as_ref());
    let totals = end.map(|end| &end.totals);
    let estimated = numbers.pause_estimated_ms.map_or_else(
        || "unknown: no sync was seen".to_owned(),
        |ms| {
            format!(
                "{} to send what remained at the last sync seen",
                known_ms(Some(ms))
            )
        },
    );
    let mut facts = vec![
        ("Result", result(migration)),
        ("Total time", known_ms(totals.map(|totals| totals.total_ms))),
        ("Pre-copy", known_ms(numbers.precopy_ms)),
        ("Pause", pause(migration)),
        ("Pause estimated", estimated),
        ("Iterations", numbers.rounds.to_string()),
        ("Sent", sent(numbers.sent_bytes, numbers.memory_bytes)),
        ("Bandwidth", known_rate(numbers.bandwidth_bytes_per_s)),
        ("XBZRLE", xbzrle(migration)),
        ("Counters", counters(migration.counters).to_owned()),
    ];
    if let Some((rate, set)) = numbers
        .write_rate_bytes_per_s
        .zip(numbers.working_set_bytes)
    {
        let text = format!(
            "wrote up to {}/s, working set up to {}",
            mib(rate),
            mib(set)
        );
        facts.push(("Guest", text));
    }
    if let Some(ms) = totals
        .map(|totals| totals.throttled_ms)
        .filter(|ms| *ms > 0)
    {
        facts.push((
            "Auto-converge",
            format!("took {} of the guest's work", known_ms(Some(ms))),
        ));
    }
    facts.push(("virsh's own setting", migration.stock.in_words()));
    facts
}

/// The columns of the rounds.
pub(super) const ROUND_COLUMNS: [&str; 8] = [
    "Iteration",
    "Start",
    "Length",
    "Sent",
    "Remaining",
    "Bandwidth",
    "Dirty rate",
    "Limit",
];

/// One round, a cell a column.
pub(super) fn round(round: &OneRound) -> [String; ROUND_COLUMNS.len()] {
    let number = match round.to_round {
        to if to > round.round => format!("{} to {to}", round.round),
        _ => round.round.to_string(),
    };
    let absent = || "-".to_owned();
    let rate = |rate: Option<u64>| rate.map_or_else(absent, |rate| format!("{}/s", mib(rate)));
    [
        number,
        after(Some(round.start_ms)),
        known_ms(Some(round.length_ms)),
        mib(round.sent_bytes),
        round.remaining_bytes.map_or_else(absent, mib),
        rate(round.bandwidth_bytes_per_s),
        rate(round.dirty_rate_bytes_per_s),
        round.limit_ms.map_or_else(absent, |ms| format!("{ms} ms")),
    ]
}

/// Why the report is incomplete, if it is.
pub(super) fn problem(migration: &Migration) -> Option<String> {
    let problem = migration.problem.as_ref()?;
    Some(format!("This report is incomplete: {problem}."))
}

/// How long after memory flowed.
pub(super) fn after(ms: Option<u64>) -> String {
    let seconds = |ms: u64| format!("{}.{:02} s", ms / 1000, ms % 1000 / 10);
    ms.map_or_else(|| "before".to_owned(), seconds)
}

/// A time as people read it.
fn moment(recorded: &Recorded) -> String {
    recorded.at.replace('T', " ").replace('Z', " UTC")
}

/// When it was recorded, and whence that is known.
fn recorded(migration: &Migration) -> String {
    migration
        .recorded
        .as_ref()
        .map_or_else(unknown, |recorded| {
            let by = match recorded.by {
                RecordedBy::FileName => "begun, by the trace's name",
                RecordedBy::FileTime => "the trace was last written",
            };
            format!("{} ({by})", moment(recorded))
        })
}

fn policy(policy: &PolicyRecord) -> String {
    let then = policy
        .deadline_then
        .map(|then| format!("{then:?}").to_lowercase());
    let deadline = policy
        .deadline_after_ms
        .zip(then)
        .map(|(ms, then)| format!("deadline {}, then {then}", known_ms(Some(ms))));
    listed([
        policy
            .downtime_max_ms
            .map(|ms| format!("longest pause {ms} ms")),
        deadline,
        policy
            .owners_speed_mib_per_s
            .map(|mib| format!("bandwidth {mib} MiB/s")),
        policy
            .cache_most_bytes
            .map(|bytes| format!("XBZRLE with a cache of up to {}", mib(bytes))),
        policy
            .insists
            .then(|| "insists on its downtime limit".to_owned()),
    ])
    .unwrap_or_else(|| "no bounds".to_owned())
}

fn orders(policy: &PolicyRecord) -> String {
    let timeout = policy
        .timeout_after_ms
        .zip(policy.timeout_action)
        .map(|(ms, act)| format!("timeout {}, then {}", known_ms(Some(ms)), action(act)));
    let order = policy.speed_max_mib_per_s.filter(|_| policy.speed_is_order);
    listed([
        order.map(|mib| format!("speed {mib} MiB/s")),
        policy
            .limit_max_ms
            .map(|ms| format!("stored downtime limit {ms} ms")),
        timeout,
        policy
            .postcopy_after_first_round
            .then(|| "post-copy after the first iteration".to_owned()),
        policy
            .postcopy_speed_max_mib_per_s
            .map(|mib| format!("speed of post-copy {}", speed(mib))),
    ])
    .unwrap_or_else(|| "none".to_owned())
}

fn listed<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn result(migration: &Migration) -> String {
    match &migration.end {
        Some(end) if end.moved => "moved".to_owned(),
        Some(end) => match &end.error {
            Some(error) => format!("not moved: {error}"),
            None => "not moved".to_owned(),
        },
        None => "unknown: the trace has no result".to_owned(),
    }
}

fn pause(migration: &Migration) -> String {
    match migration.end.as_ref().map(|end| (end.moved, &end.totals)) {
        Some((_, totals)) if totals.pause_ms.is_some() => {
            format!("{}, by QEMU", known_ms(totals.pause_ms))
        }
        Some((true, totals)) => in_words::pause(totals),
        _ => known_ms(None),
    }
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn sent(bytes: u64, memory_bytes: u64) -> String {
    match memory_bytes {
        0 => mib(bytes),
        memory => {
            let times = bytes as f64 / memory as f64;
            format!(
                "{}, {times:.2} times the memory of {}",
                mib(bytes),
                mib(memory)
            )
        }
    }
}

fn xbzrle(migration: &Migration) -> String {
    let Some(end) = &migration.end else {
        return "unknown".to_owned();
    };
    let (memory, sent) = (
        end.totals.differences_memory_bytes,
        end.totals.differences_sent_bytes,
    );
    match memory {
        0 => return "not used".to_owned(),
        1..MIB => return "on, but hardly anything was sent with it".to_owned(),
        _ => {}
    }
    let spared = memory.saturating_sub(sent);
    format!(
        "sent {} for {}: {} spared",
        mib(sent),
        mib(memory),
        mib(spared)
    )
}

const fn counters(counters: Counters) -> &'static str {
    match counters {
        Counters::NotRead => "none read",
        Counters::Faults(Trust::Unconfirmed) => {
            "page faults, not trusted: no sync has confirmed them"
        }
        Counters::Faults(Trust::Confirmed) => "page faults, trusted: a sync has confirmed them",
        Counters::Faults(Trust::Refuted) => "page faults, not trusted: a sync has refuted them",
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn known_ms(ms: Option<u64>) -> String {
    ms.map_or_else(unknown, |ms| span(Duration::from_millis(ms)))
}

fn known_rate(bytes_per_s: Option<u64>) -> String {
    bytes_per_s.map_or_else(unknown, |rate| format!("{}/s", mib(rate)))
}
