//! What `hpc-status` is told.

use std::process;

use super::{Supervisor, TakenMigration};
use crate::agent::api::{DomainStatus, MarkedBy, Reply, Status};
use crate::agent::domains::active::{ActiveDomain, Mark};
use crate::clock;
use crate::version;

/// The answer, of all domains or of one by name or UUID.
pub(crate) fn of(agent: &Supervisor, domain: Option<&str>) -> Reply {
    let mut domains: Vec<_> = agent
        .roster
        .all()
        .into_iter()
        .map(|seen| known(agent, seen))
        .collect();
    let unknown = agent
        .migrations
        .values()
        .filter(|i| domains.iter().all(|known| known.uuid != i.id.uuid))
        .map(unseen)
        .collect::<Vec<_>>();
    domains.extend(unknown);
    domains.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(wanted) = domain {
        domains.retain(|found| found.name == wanted || found.uuid == wanted);
        if domains.is_empty() {
            return Reply::Refused {
                message: format!("no active domain '{wanted}' on this host"),
            };
        }
    }
    Reply::Status(Status {
        version: version::OURS.to_owned(),
        pid: process::id(),
        observe: agent.config.observe,
        uri: agent.config.uri.clone(),
        libvirt_error: agent.lost.clone(),
        looked_ago_ms: agent.polled_at.map(|at| {
            let ago = clock::now().saturating_duration_since(at);
            u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)
        }),
        domains,
    })
}

fn known(agent: &Supervisor, seen: &ActiveDomain) -> DomainStatus {
    let migration = agent.migrations.get(&seen.id.uuid);
    DomainStatus {
        name: seen.id.name.clone(),
        uuid: seen.id.uuid.clone(),
        marked_by: agent.roster.marked_by(seen, &agent.config),
        policy_problem: match &seen.mark {
            Mark::Own { problem } => problem.clone(),
            Mark::None | Mark::Unknown => None,
        },
        migration: migration.map(|migration| migration.handle.status()),
    }
}

/// A domain whose migration has a thread, and which no poll has found yet.
fn unseen(migration: &TakenMigration) -> DomainStatus {
    DomainStatus {
        name: migration.id.name.clone(),
        uuid: migration.id.uuid.clone(),
        marked_by: None::<MarkedBy>,
        policy_problem: None,
        migration: Some(migration.handle.status()),
    }
}
