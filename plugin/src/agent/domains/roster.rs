//! Which domains there are, and which of them are marked. It knows of no clock and no libvirt.

use std::collections::{BTreeMap, BTreeSet};

use libvirt_hpc_libvirt::event::DomainId;

use super::active::{ActiveDomain, Mark};
use crate::agent::api::MarkedBy;
use crate::agent::process::config::Config;
use crate::clock::Moment;

/// The active domains, as the last poll found them.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    domains: BTreeMap<String, ActiveDomain>,
    adopted: BTreeSet<String>,
}

/// A name that is of no active domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no active domain '{0}' on this host: virsh-hpc hpc-status lists them")]
pub(crate) struct Unknown(pub String);

impl Roster {
    /// Begins with the domains that were `adopted` before the agent was restarted.
    #[must_use]
    pub(crate) fn new(adopted: impl IntoIterator<Item = String>) -> Self {
        Self {
            domains: BTreeMap::new(),
            adopted: adopted.into_iter().collect(),
        }
    }

    /// A poll has found these, and no others.
    pub(crate) fn polled(&mut self, seen: Vec<ActiveDomain>) {
        self.domains = seen
            .into_iter()
            .map(|seen| (seen.id.uuid.clone(), seen))
            .collect();
    }

    /// What the domain's XML says may have changed, or the domain has just come.
    pub(crate) fn forget(&mut self, uuid: &str) {
        self.domains.remove(uuid);
    }

    /// All of them, by name.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<&ActiveDomain> {
        let mut all: Vec<_> = self.domains.values().collect();
        all.sort_by(|a, b| a.id.name.cmp(&b.id.name));
        all
    }

    /// The domain of a name or a UUID.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(&self, name: &str) -> Result<&ActiveDomain, Unknown> {
        let by_name = self.domains.values().find(|seen| seen.id.name == name);
        by_name
            .or_else(|| self.domains.get(&name.to_ascii_lowercase()))
            .ok_or_else(|| Unknown(name.to_owned()))
    }

    /// When the domain was last seen not to migrate, if it ever was.
    #[must_use]
    pub(crate) fn idle_at(&self, uuid: &str) -> Option<Moment> {
        self.domains.get(uuid)?.idle_at
    }

    /// Why a domain counts as marked; none if it does not, as far as is known.
    #[must_use]
    pub(crate) fn marked_by(&self, seen: &ActiveDomain, config: &Config) -> Option<MarkedBy> {
        if self.adopted.contains(&seen.id.uuid) {
            return Some(MarkedBy::Adoption);
        }
        if matches!(seen.mark, Mark::Own { .. }) {
            return Some(MarkedBy::Domain);
        }
        config.marks(&seen.id.name).then_some(MarkedBy::Site)
    }

    /// Whether a migration of the domain is to be considered. A domain that is not known yet is.
    #[must_use]
    pub(crate) fn is_of_interest(&self, id: &DomainId, config: &Config) -> bool {
        self.is_adopted(&id.uuid)
            || config.marks(&id.name)
            || self.domains.get(&id.uuid).is_none_or(|seen| {
                seen.mark == Mark::Unknown || self.marked_by(seen, config).is_some()
            })
    }

    /// Takes a domain, marked or not. Whether that is news.
    pub(crate) fn adopt(&mut self, uuid: &str) -> bool {
        self.adopted.insert(uuid.to_owned())
    }

    /// Takes it no longer. Whether that is news.
    pub(crate) fn disown(&mut self, uuid: &str) -> bool {
        self.adopted.remove(uuid)
    }

    /// Whether it was adopted.
    #[must_use]
    pub(crate) fn is_adopted(&self, uuid: &str) -> bool {
        self.adopted.contains(uuid)
    }

    /// All that were adopted.
    #[must_use]
    pub(crate) const fn adopted(&self) -> &BTreeSet<String> {
        &self.adopted
    }
}

#[cfg(test)]
mod tests {
    use glob::Pattern;

    use super::super::active::Job;

    use super::*;

    fn id(name: &str) -> DomainId {
        DomainId {
            name: name.to_owned(),
            uuid: format!("{name}-uuid"),
        }
    }

    fn seen(name: &str, mark: Mark) -> ActiveDomain {
        ActiveDomain {
            id: id(name),
            mark,
            job: Job::Idle,
            idle_at: None,
        }
    }

    fn roster() -> Roster {
        let mut roster = Roster::default();
        let own = Mark::Own { problem: None };
        roster.polled(vec![seen("web", Mark::None), seen("rank0", own)]);
        roster
    }

    fn by_name(pattern: &str) -> Config {
        let mut config = Config::default();
        config.mark.names = vec![Pattern::new(pattern).expect("a pattern")];
        config
    }

    #[test]
    fn an_unmarked_domain_is_left_alone_and_an_unknown_one_considered() {
        let (roster, config) = (roster(), Config::default());
        assert!(roster.is_of_interest(&id("rank0"), &config));
        assert!(!roster.is_of_interest(&id("web"), &config));
        assert!(roster.is_of_interest(&id("new"), &config));
        assert!(roster.is_of_interest(&id("web"), &by_name("w*")));
    }

    #[test]
    fn what_has_changed_is_asked_anew() {
        let (mut roster, config) = (roster(), Config::default());
        roster.forget("web-uuid");
        assert!(roster.is_of_interest(&id("web"), &config));
        roster.polled(Vec::new());
        assert!(roster.all().is_empty());
    }

    #[test]
    fn the_reason_is_told() {
        let mut roster = roster();
        let why = |roster: &Roster, name, config: &Config| {
            roster.marked_by(roster.find(name).expect("known"), config)
        };
        let config = Config::default();
        assert_eq!(why(&roster, "rank0", &config), Some(MarkedBy::Domain));
        assert_eq!(why(&roster, "web", &config), None);
        assert_eq!(why(&roster, "web", &by_name("web")), Some(MarkedBy::Site));
        assert!(roster.adopt("web-uuid") && !roster.adopt("web-uuid"));
        assert_eq!(why(&roster, "web", &config), Some(MarkedBy::Adoption));
        assert!(roster.disown("web-uuid") && !roster.disown("web-uuid"));
    }

    #[test]
    fn a_domain_is_found_by_name_and_by_uuid() {
        let roster = roster();
        assert!(roster.find("web").is_ok() && roster.find("WEB-UUID").is_ok());
        assert_eq!(roster.find("x").err(), Some(Unknown("x".to_owned())));
        let names: Vec<_> = roster.all().iter().map(|seen| &*seen.id.name).collect();
        assert_eq!(names, ["rank0", "web"]);
    }
}
