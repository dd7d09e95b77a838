//! Whether the agent is to steer a domain's migration, and by which policy.

use libvirt_hpc_libvirt::{Domain, Error};
use libvirt_hpc_xml_schemas as xml;

use crate::agent::api::MarkedBy;
use crate::agent::process::config::Config;
use crate::migration::owner;

/// A domain whose migrations the agent steers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Why.
    pub(crate) marked_by: MarkedBy,
    /// The owner's policy, and the site's where the owner's is silent.
    pub(crate) policy: xml::Policy,
}

/// Asks the domain; none if the agent is not to steer its migrations.
///
/// # Errors
/// libvirt's, if it does not say.
pub(crate) fn of(domain: &Domain, config: &Config, adopted: bool) -> Result<Option<Claim>, Error> {
    let owned = owner::policy(domain)?;
    let problems = owned.iter().flat_map(|owned| &owned.problems);
    problems.for_each(|problem| log::warn!("{problem}"));
    let own = owned.map(|owned| owned.policy);
    Ok(decide(own, config, domain.name(), adopted))
}

fn decide(own: Option<xml::Policy>, config: &Config, name: &str, adopted: bool) -> Option<Claim> {
    let marked_by = match own {
        _ if adopted => MarkedBy::Adoption,
        Some(_) => MarkedBy::Domain,
        None if config.marks(name) => MarkedBy::Site,
        None => return None,
    };
    let policy = own.unwrap_or_default().over(&config.policy);
    Some(Claim { marked_by, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Config {
        Config {
            policy: xml::Policy {
                downtime_max_ms: Some(5_000),
                bandwidth_max_mib_per_s: Some(100),
                deadline: Some(xml::Deadline {
                    seconds: 60,
                    then: xml::Then::Postcopy,
                }),
                postcopy_allowed: Some(true),
                compression_allowed: Some(false),
                ..xml::Policy::default()
            },
            ..Config::default()
        }
    }

    #[test]
    fn only_a_mark_a_rule_or_an_adoption_claims() {
        let mut config = Config::default();
        let marked = Some(xml::Policy::default());
        let by = |own: &Option<xml::Policy>, config: &Config, adopted| {
            decide(own.clone(), config, "vm", adopted).map(|claim| claim.marked_by)
        };
        assert_eq!(by(&None, &config, false), None);
        assert_eq!(by(&marked, &config, false), Some(MarkedBy::Domain));
        assert_eq!(by(&None, &config, true), Some(MarkedBy::Adoption));
        config.mark.all = true;
        assert_eq!(by(&None, &config, false), Some(MarkedBy::Site));
        assert_eq!(by(&marked, &config, false), Some(MarkedBy::Domain));
    }

    #[test]
    fn the_owner_outranks_the_site_item_by_item() {
        let own = xml::Policy {
            downtime_max_ms: Some(100),
            ..xml::Policy::default()
        };
        let claim = decide(Some(own), &site(), "vm", false).expect("marked");
        assert_eq!(claim.policy.downtime_max_ms, Some(100));
        assert_eq!(claim.policy.bandwidth_max_mib_per_s, Some(100));
        assert_eq!(claim.policy.compression_allowed, Some(false));
        assert_eq!(
            claim.policy.deadline.map(|d| d.then),
            Some(xml::Then::Postcopy)
        );
    }

    #[test]
    fn no_site_sends_a_guest_to_post_copy_against_its_owner() {
        let own = xml::Policy {
            postcopy_allowed: Some(false),
            ..xml::Policy::default()
        };
        let claim = decide(Some(own), &site(), "vm", false).expect("marked");
        assert_eq!(
            claim.policy.deadline.map(|d| d.then),
            Some(xml::Then::Switchover)
        );
    }
}
