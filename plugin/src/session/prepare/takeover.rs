//! Whether a migration is controlled: its domain is marked, or the user asks for it.
//!
//! Whatever stands in the way of the answer (no connection, no such domain, a feature that is absent)
//! makes it virsh's, so that the message is virsh's own; where control was wanted, a note says what it was.
//! Nothing has been changed by then.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::features::Features;
use libvirt_hpc_libvirt::parameter::Parameter;
use libvirt_hpc_libvirt::stats::JobStats;
use libvirt_hpc_libvirt::{Connection, Domain, Watcher};
use libvirt_hpc_xml_schemas as xml;

use super::{cache_memory, xml_documents};
use crate::flags::{Migrate, MigrateRequest, migrate_flags as bits};
use crate::migration::guest::Guest;
use crate::migration::{owner, settings, site};
use crate::session::connect;

/// A migration to be controlled, found and about to begin.
pub struct Takeover {
    /// The URI the connection was opened with.
    pub uri: Option<String>,
    /// The domain, on the connection for control.
    pub domain: Domain,
    /// The control connection's watcher.
    pub watcher: Watcher,
    /// The owner's policy, and the site's where that is silent.
    pub policy: xml::Policy,
    /// Who takes part.
    pub features: Features,
    /// Downtime and speed as they are.
    pub before: Settings,
    /// The guest's memory, bytes; zero if libvirt does not say.
    pub memory_bytes: u64,
    /// The largest cache of XBZRLE, bytes; none if there is no memory for one.
    pub cache_most_bytes: Option<u64>,
    /// What else the domain says of itself.
    pub guest: Guest,
    /// What was known of the guest before.
    pub prior: Prior,
    /// The documents the user names, as parameters.
    pub documents: Vec<Parameter>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Who runs it.
pub enum RunBy {
    /// Plain virsh; and what to say where control was wanted.
    PlainVirsh(Option<String>),
    /// virsh-hpc.
    VirshHpc(Box<Takeover>),
}

/// Decides.
#[must_use]
pub fn decide(migrate: &Migrate) -> RunBy {
    if migrate.hpc.off || migrate.globals.readonly {
        return RunBy::PlainVirsh(None);
    }
    let asked = migrate.hpc.asks_for_control();
    if let Some(reason) = nothing_to_steer(&migrate.request) {
        return RunBy::PlainVirsh(
            asked.then(|| format!("{reason}: plain virsh runs this migration")),
        );
    }
    let found = match find(migrate) {
        Ok(found) => found,
        Err(error) => return plain_virsh(asked, &error),
    };
    let mut warnings = Vec::new();
    let owned = match owners_policy(&found.domain, &mut warnings) {
        Ok(None) if !asked => return RunBy::PlainVirsh(None),
        Ok(owned) => owned,
        Err(error) => return plain_virsh(asked, &error),
    };
    // From here on control is wanted: asked for, or by the owner's mark.
    match prepare(found, migrate, owned, warnings) {
        Ok(takeover) => RunBy::VirshHpc(Box::new(takeover)),
        Err(error) => plain_virsh(true, &error),
    }
}

/// Plain virsh, for `error` is in the way: said where control is `wanted`.
fn plain_virsh(wanted: bool, error: &anyhow::Error) -> RunBy {
    RunBy::PlainVirsh(
        wanted.then(|| {
            format!("this migration cannot be controlled, plain virsh runs it: {error:#}")
        }),
    )
}

fn nothing_to_steer(request: &MigrateRequest) -> Option<&'static str> {
    let has = |bit| request.flags & bit != 0;
    if has(bits::OFFLINE) {
        return Some("with --offline no memory is copied");
    }
    if has(bits::POSTCOPY_RESUME) {
        return Some("with --postcopy-resume the guest has switched over already");
    }
    (!has(bits::LIVE)).then_some("without --live the guest is stopped throughout")
}

/// The domain on a connection for control.
struct Found {
    uri: Option<String>,
    connection: Connection,
    domain: Domain,
}

fn find(migrate: &Migrate) -> Result<Found> {
    let uri = connect::uri(&migrate.globals)?;
    let options = connect::options(&migrate.globals);
    let connection = Connection::open(uri.as_deref(), options)?;
    let domain = Domain::lookup(&connection, &migrate.request.domain)?;
    Ok(Found {
        uri,
        connection,
        domain,
    })
}

fn prepare(
    found: Found,
    migrate: &Migrate,
    owned: Option<xml::Policy>,
    mut warnings: Vec<String>,
) -> Result<Takeover> {
    let site = site::read(Path::new(site::FILE));
    warnings.extend(site.problems);
    let is_marked = owned.is_some();
    let policy = owned.unwrap_or_default().over(&site.policy);
    let Found {
        uri,
        connection,
        domain,
    } = found;
    refuse_busy(domain.name(), &domain.job_stats()?)?;
    let is_local = connection
        .uri()
        .is_ok_and(|uri| connect::is_this_host(&uri));
    for option in migrate.globals.only_in_virsh() {
        warnings.push(format!(
            "{option} is virsh's own and has no effect on this migration"
        ));
    }
    let documents =
        xml_documents::read(&migrate.request).context("an XML file cannot be read as text")?;
    if is_marked {
        warnings.extend(xml_documents::marks_lost(domain.name(), &documents));
    }
    let document = domain.xml(0)?;
    Ok(Takeover {
        features: Features::of(&connection)?,
        before: settings_before(&domain)?,
        watcher: Watcher::new(&domain)?,
        memory_bytes: domain.memory_bytes().unwrap_or(0),
        cache_most_bytes: cache_memory::most_bytes(domain.name(), &document, is_local),
        guest: Guest::read(&domain, &document),
        prior: Prior::default(),
        documents,
        uri,
        domain,
        policy,
        warnings,
    })
}

impl Takeover {
    /// The facts that may have changed since it was found.
    ///
    /// # Errors
    /// When another job has begun, or libvirt does not tell.
    pub(super) fn refresh(&mut self) -> Result<()> {
        refuse_busy(self.domain.name(), &self.domain.job_stats()?)?;
        self.before = settings_before(&self.domain)?;
        Ok(())
    }
}

fn settings_before(domain: &Domain) -> Result<Settings> {
    settings::read(domain)
        .context("the limits from before cannot be read, so they could not be put back")
}

/// A job that goes on is somebody else's, and would be taken for this one.
fn refuse_busy(name: &str, job: &JobStats) -> Result<()> {
    ensure!(
        !job.job_type.is_running(),
        "{name} is in the middle of a migration or another job (virsh domjobinfo {name})"
    );
    Ok(())
}

/// The policy that the owner of `domain` has marked it with; none if it is not marked.
fn owners_policy(domain: &Domain, warnings: &mut Vec<String>) -> Result<Option<xml::Policy>> {
    let Some(owned) = owner::policy(domain)? else {
        return Ok(None);
    };
    warnings.extend(owned.problems);
    Ok(Some(owned.policy))
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_libvirt::stats::JobType;

    use super::*;

    fn request(flags: u32) -> MigrateRequest {
        MigrateRequest {
            flags,
            ..MigrateRequest::default()
        }
    }

    #[test]
    fn only_a_live_copy_can_be_steered() {
        assert!(nothing_to_steer(&request(bits::LIVE)).is_none());
        assert!(nothing_to_steer(&request(0)).is_some());
        assert!(nothing_to_steer(&request(bits::OFFLINE)).is_some());
        assert!(nothing_to_steer(&request(bits::LIVE | bits::POSTCOPY_RESUME)).is_some());
    }

    #[test]
    fn a_job_that_goes_on_is_another_clients() {
        let job = |job_type| JobStats {
            job_type,
            ..JobStats::default()
        };
        assert!(refuse_busy("vm", &job(JobType::None)).is_ok());
        let refusal =
            refuse_busy("vm", &job(JobType::Unbounded)).map_err(|error| plain_virsh(true, &error));
        let Err(RunBy::PlainVirsh(Some(note))) = refusal else {
            panic!("no note");
        };
        assert!(
            note.contains("cannot be controlled") && note.contains("domjobinfo vm"),
            "{note}"
        );
    }

    #[test]
    fn a_reason_is_given_where_control_was_wanted() {
        let error = anyhow::anyhow!("because");
        let said = |wanted| match plain_virsh(wanted, &error) {
            RunBy::PlainVirsh(note) => note,
            RunBy::VirshHpc(_) => None,
        };
        assert!(said(true).is_some_and(|note| note.ends_with(": because")));
        assert_eq!(said(false), None);
    }
}
