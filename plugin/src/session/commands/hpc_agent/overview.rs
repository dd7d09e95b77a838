//! The agent and its domains at a glance.

use std::io::{self, Write};

use super::status_text::{self, NONE};
use crate::agent::api::{DomainStatus, MarkedBy, Status};
use crate::harmless::printable;
use crate::in_words::{self, Align};

const HEADS: [(&str, Align); 8] = [
    ("DOMAIN", Align::Left),
    ("MARKED BY", Align::Left),
    ("STATE", Align::Left),
    ("TIME", Align::Right),
    ("ITERATION", Align::Right),
    ("REMAINING", Align::Right),
    ("BANDWIDTH", Align::Right),
    ("PAUSE NOW", Align::Right),
];

/// How many of them tell something of a domain that does not move.
const AT_REST: usize = 3;

/// The agent, the domains it watches, and how many more there are.
pub(super) fn overview(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let (agent, libvirt) = (status_text::agent(status), status_text::libvirt(status));
    writeln!(out, "{agent}\nlibvirt: {libvirt}\n")?;
    let (mut watched, others): (Vec<_>, Vec<_>) = status.domains.iter().partition(is_watched);
    // What moves comes first; the order is kept otherwise.
    watched.sort_by_key(|domain| domain.migration.is_none());
    if !watched.is_empty() {
        table(&watched, out)?;
        writeln!(out)?;
    }
    let known = status.looked_ago_ms.is_some() || !status.domains.is_empty();
    let rest = if known {
        rest(watched.len(), others.len())
    } else {
        "no domain is known".to_owned()
    };
    writeln!(out, "{rest}")
}

/// What an administrator looks for: the marked, the moving, and what is wrong.
fn is_watched(domain: &&DomainStatus) -> bool {
    domain.marked_by.is_some() || domain.migration.is_some() || domain.policy_problem.is_some()
}

fn rest(watched: usize, others: usize) -> String {
    match (watched, others) {
        (0, 0) => "no domain is active on this host".to_owned(),
        (0, 1) => "the only active domain is not marked".to_owned(),
        (0, others) => format!("none of the {others} active domains is marked"),
        (_, 0) => "no others are active".to_owned(),
        (_, 1) => "1 other is not marked".to_owned(),
        (_, others) => format!("{others} others are not marked"),
    }
}

fn table(domains: &[&DomainStatus], out: &mut dyn Write) -> io::Result<()> {
    let moving = domains.iter().any(|domain| domain.migration.is_some());
    let shown = if moving { HEADS.len() } else { AT_REST };
    let heads = HEADS[..shown].iter().map(|(head, _)| (*head).to_owned());
    let mut rows: Vec<Vec<String>> = vec![heads.collect()];
    rows.extend(domains.iter().map(|domain| row(domain)));
    let rows: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
    let mut lines = in_words::columns(&rows, &HEADS.map(|(_, align)| align)).into_iter();
    writeln!(out, "{}", lines.next().unwrap_or_default())?;
    for (domain, line) in domains.iter().zip(lines) {
        writeln!(out, "{line}")?;
        notes(domain, out)?;
    }
    Ok(())
}

/// As many cells as there is something to say.
fn row(domain: &DomainStatus) -> Vec<String> {
    let marked = domain.marked_by.map_or(NONE, |by| match by {
        MarkedBy::Domain => "domain",
        MarkedBy::Site => "site",
        MarkedBy::Adoption => "hpc-adopt",
    });
    let mut cells = vec![printable(&domain.name), marked.to_owned()];
    match &domain.migration {
        None => cells.push("not moving".to_owned()),
        Some(migration) => cells.extend([
            status_text::state(migration.state).to_owned(),
            status_text::span(migration.elapsed_ms),
            migration.iteration.to_string(),
            status_text::remaining(migration),
            status_text::bandwidth(migration),
            status_text::pause(migration),
        ]),
    }
    cells
}

/// What no column can hold, below the domain's row.
fn notes(domain: &DomainStatus, out: &mut dyn Write) -> io::Result<()> {
    if let Some(problem) = &domain.policy_problem {
        writeln!(out, "  policy:  {}", printable(problem))?;
    }
    let Some(migration) = &domain.migration else {
        return Ok(());
    };
    let control = status_text::control(&migration.control);
    match &migration.cause {
        Some(cause) => writeln!(out, "  control: {control}; {}", printable(cause))?,
        None => writeln!(out, "  control: {control}")?,
    }
    if let Some(guest) = status_text::guest(migration) {
        writeln!(out, "  guest:   {guest}")?;
    }
    if migration.target.is_some() {
        let (downtime, speed) = (
            status_text::downtime(migration),
            status_text::speed(migration),
        );
        writeln!(
            out,
            "  set:     downtime limit {downtime}, speed limit {speed}"
        )?;
    }
    if let Some(trace) = &migration.trace {
        writeln!(out, "  trace:   {}", printable(trace))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
