//! One domain in full, as virsh's `dominfo` prints one.

use std::io::{self, Write};

use super::status_text;
use crate::agent::api::{DomainStatus, MarkedBy, MigrationStatus, Status};
use crate::harmless::printable;

/// The width of the keys, as in virsh's `dominfo`.
const KEY_CHARS: usize = 16;

/// Every domain of the answer, which is the one that was asked for.
pub(super) fn detail(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    for (index, domain) in status.domains.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let migration = domain.migration.as_ref();
        let lines = head(domain)
            .into_iter()
            .chain(migration.map(body).into_iter().flatten())
            .chain([
                ("Agent", status_text::agent(status)),
                ("libvirt", status_text::libvirt(status)),
            ]);
        for (key, value) in lines {
            writeln!(out, "{:KEY_CHARS$}{value}", format!("{key}:"))?;
        }
    }
    Ok(())
}

fn head(domain: &DomainStatus) -> Vec<(&'static str, String)> {
    let marked = match domain.marked_by {
        None => "nobody: the agent leaves it alone",
        Some(MarkedBy::Domain) => "domain (its own XML)",
        Some(MarkedBy::Site) => "site (the agent's configuration)",
        Some(MarkedBy::Adoption) => "hpc-adopt (until hpc-release)",
    };
    let policy = match &domain.policy_problem {
        None => "no problem".to_owned(),
        Some(problem) => printable(problem),
    };
    let state = match &domain.migration {
        None => "not moving".to_owned(),
        Some(migration) => {
            let after = status_text::span(migration.elapsed_ms);
            format!(
                "{}, {after} after the start",
                status_text::state(migration.state)
            )
        }
    };
    vec![
        ("Domain", printable(&domain.name)),
        ("UUID", printable(&domain.uuid)),
        ("Marked by", marked.to_owned()),
        ("Policy", policy),
        ("State", state),
    ]
}

fn body(migration: &MigrationStatus) -> Vec<(&'static str, String)> {
    let or_none =
        |text: &Option<String>| text.as_deref().map_or(status_text::NONE.into(), printable);
    vec![
        ("Control", status_text::control(&migration.control)),
        ("Why", or_none(&migration.cause)),
        ("Iteration", migration.iteration.to_string()),
        ("Remaining", status_text::remaining(migration)),
        ("Bandwidth", status_text::bandwidth(migration)),
        ("Pause now", status_text::pause(migration)),
        (
            "Guest",
            status_text::guest(migration).unwrap_or(status_text::NONE.into()),
        ),
        ("Downtime limit", status_text::downtime(migration)),
        ("Speed limit", status_text::speed(migration)),
        ("Trace", or_none(&migration.trace)),
    ]
}
