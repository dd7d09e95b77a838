//! What both views say, field by field.
//!
//! What stands in a domain's name, policy or error is others' and may hold anything: control characters
//! stay out of the administrator's terminal.

use std::time::Duration;

use libvirt_hpc_control::sample::JobState;

use crate::agent::api::{Control, MigrationStatus, Status};
use crate::harmless::printable;
use crate::in_words;
use crate::migration::tally;

/// What is not known, or does not apply.
pub(super) const NONE: &str = "-";

/// What the agent is, and whether it acts.
pub(super) fn agent(status: &Status) -> String {
    let does = if status.observe {
        "observing only: it controls nothing"
    } else {
        "controlling"
    };
    let (version, pid) = (printable(&status.version), status.pid);
    format!("libvirt-hpcd {version} (process {pid}), {does}")
}

/// Whether libvirt can be reached, and how old is what is shown.
pub(super) fn libvirt(status: &Status) -> String {
    let uri = printable(&status.uri);
    let checked = match status.looked_ago_ms {
        Some(ms) => format!("checked {} ago", span(ms)),
        None => "not checked yet".to_owned(),
    };
    match &status.libvirt_error {
        None => format!("{uri} connected, {checked}"),
        Some(error) => format!("{uri} CANNOT BE REACHED, {checked}: {}", printable(error)),
    }
}

/// How far a migration is.
pub(super) const fn state(state: JobState) -> &'static str {
    match state {
        JobState::Setup => "preparing",
        JobState::Precopy => "pre-copy",
        JobState::Switchover => "switchover",
        JobState::Postcopy => "post-copy",
        JobState::Ended => "ended",
    }
}

/// Who controls it.
pub(super) fn control(control: &Control) -> String {
    match control {
        Control::Looking => "nobody yet, the agent is checking it".to_owned(),
        Control::Steering => "the agent".to_owned(),
        Control::Observing => "nobody, the agent only records".to_owned(),
        Control::Other(who) => format!("{}, the agent stands by", printable(who)),
        Control::Released(why) => format!("nobody any more, {}", printable(why)),
    }
}

/// What remained at the last sync.
pub(super) fn remaining(migration: &MigrationStatus) -> String {
    migration
        .remaining_bytes
        .map_or(NONE.to_owned(), in_words::mib)
}

/// What the link carries.
pub(super) fn bandwidth(migration: &MigrationStatus) -> String {
    match migration.bytes_per_s {
        0 => NONE.to_owned(),
        bytes_per_s => format!("{}/s", in_words::mib(bytes_per_s)),
    }
}

/// What the guest writes, and works on; none while that is not known.
pub(super) fn guest(migration: &MigrationStatus) -> Option<String> {
    let known = migration.writes_bytes_per_s.zip(migration.hot_bytes);
    known.map(|(bytes_per_s, hot_bytes)| in_words::writing(bytes_per_s, hot_bytes))
}

/// The pause it would make, had the guest stopped at the last sync; it means something only in pre-copy.
pub(super) fn pause(migration: &MigrationStatus) -> String {
    let remaining = migration
        .remaining_bytes
        .filter(|_| migration.state == JobState::Precopy);
    remaining
        .and_then(|bytes| tally::pause_ms(bytes, migration.bytes_per_s))
        .map_or(NONE.to_owned(), span)
}

/// The downtime limit that the agent set.
pub(super) fn downtime(migration: &MigrationStatus) -> String {
    migration.target.map_or(NONE.to_owned(), |target| {
        format!("{} ms", target.downtime_ms)
    })
}

/// The speed limit that the agent set.
pub(super) fn speed(migration: &MigrationStatus) -> String {
    migration.target.map_or(NONE.to_owned(), |target| {
        in_words::speed(target.speed_mib_per_s)
    })
}

/// Milliseconds as a person reads them.
pub(super) fn span(ms: u64) -> String {
    in_words::span(Duration::from_millis(ms))
}
