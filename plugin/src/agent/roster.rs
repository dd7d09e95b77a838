//! Which domains there are, and which of them are ours to steer. Knows of no clock and no libvirt.

use std::collections::{BTreeMap, BTreeSet};

use libvirt_hpc_libvirt::event::DomainId;

use super::config::Config;
use super::control::MarkedBy;
use super::message::{Mark, Seen};

/// The active domains, as the last look found them.
#[derive(Debug, Default)]
pub(super) struct Roster {
    domains: BTreeMap<String, Seen>,
    adopted: BTreeSet<String>,
}

/// A name that is of no active domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no active domain '{0}' on this host: virsh-hpc hpc-status lists them")]
pub(super) struct Unknown(pub String);

impl Roster {
    /// Begins with the domains that were `adopted` before the agent was restarted.
    #[must_use]
    pub(super) fn new(adopted: impl IntoIterator<Item = String>) -> Self {
        Self {
            domains: BTreeMap::new(),
            adopted: adopted.into_iter().collect(),
        }
    }

    /// A look has found these, and no others.
    pub(super) fn looked(&mut self, seen: Vec<Seen>) {
        self.domains = seen
            .into_iter()
            .map(|seen| (seen.id.uuid.clone(), seen))
            .collect();
    }

    /// What the domain's XML says may have changed, or the domain has just come.
    pub(super) fn forget(&mut self, uuid: &str) {
        self.domains.remove(uuid);
    }

    /// All of them, by name.
    #[must_use]
    pub(super) fn all(&self) -> Vec<&Seen> {
        let mut all: Vec<_> = self.domains.values().collect();
        all.sort_by(|a, b| a.id.name.cmp(&b.id.name));
        all
    }

    /// The domain of a name or a UUID.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find(&self, name: &str) -> Result<&Seen, Unknown> {
        let by_name = self.domains.values().find(|seen| seen.id.name == name);
        by_name
            .or_else(|| self.domains.get(&name.to_ascii_lowercase()))
            .ok_or_else(|| Unknown(name.to_owned()))
    }

    /// Why a domain is ours; none if it is not, as far as is known.
    #[must_use]
    pub(super) fn marked_by(&self, seen: &Seen, config: &Config) -> Option<MarkedBy> {
        if self.adopted.contains(&seen.id.uuid) {
            return Some(MarkedBy::Adoption);
        }
        if matches!(seen.mark, Mark::Own { .. }) {
            return Some(MarkedBy::Domain);
        }
        config.marks(&seen.id.name).then_some(MarkedBy::Site)
    }

    /// Whether a migration of the domain is worth a look. A domain that is not known yet is.
    #[must_use]
    pub(super) fn is_of_interest(&self, id: &DomainId, config: &Config) -> bool {
        self.is_adopted(&id.uuid)
            || config.marks(&id.name)
            || self.domains.get(&id.uuid).is_none_or(|seen| {
                seen.mark == Mark::Unknown || self.marked_by(seen, config).is_some()
            })
    }

    /// Takes a domain, marked or not. Whether that is news.
    pub(super) fn adopt(&mut self, uuid: &str) -> bool {
        self.adopted.insert(uuid.to_owned())
    }

    /// Takes it no longer. Whether that is news.
    pub(super) fn disown(&mut self, uuid: &str) -> bool {
        self.adopted.remove(uuid)
    }

    /// Whether it was adopted.
    #[must_use]
    pub(super) fn is_adopted(&self, uuid: &str) -> bool {
        self.adopted.contains(uuid)
    }

    /// All that were adopted.
    #[must_use]
    pub(super) const fn adopted(&self) -> &BTreeSet<String> {
        &self.adopted
    }
}

#[cfg(test)]
mod tests {
    use glob::Pattern;

    use super::super::message::Job;

    use super::*;

    fn id(name: &str) -> DomainId {
        DomainId {
            name: name.to_owned(),
            uuid: format!("{name}-uuid"),
        }
    }

    fn seen(name: &str, mark: Mark) -> Seen {
        Seen {
            id: id(name),
            mark,
            job: Job::Idle,
        }
    }

    fn roster() -> Roster {
        let mut roster = Roster::default();
        let own = Mark::Own { problem: None };
        roster.looked(vec![seen("web", Mark::None), seen("rank0", own)]);
        roster
    }

    fn by_name(pattern: &str) -> Config {
        let mut config = Config::default();
        config.mark.names = vec![Pattern::new(pattern).expect("a pattern")];
        config
    }

    #[test]
    fn an_unmarked_domain_is_left_alone_and_an_unknown_one_looked_at() {
        let (roster, config) = (roster(), Config::default());
        assert!(roster.is_of_interest(&id("rank0"), &config));
        assert!(!roster.is_of_interest(&id("web"), &config));
        assert!(roster.is_of_interest(&id("new"), &config));
        assert!(roster.is_of_interest(&id("web"), &by_name("w*")));
    }

    #[test]
    fn a_change_is_looked_at_afresh() {
        let (mut roster, config) = (roster(), Config::default());
        roster.forget("web-uuid");
        assert!(roster.is_of_interest(&id("web"), &config));
        roster.looked(Vec::new());
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
