//! The policy that the owner of a domain has written into its XML.

use libvirt_hpc_libvirt::domain::Impact;
use libvirt_hpc_libvirt::{Domain, Error};
use libvirt_hpc_xml_schemas as xml;

/// A policy found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// The policy; the default where it cannot be read, for a broken policy is a mark all the same.
    pub policy: xml::Policy,
    /// What is wrong with it, a sentence each.
    pub problems: Vec<String>,
}

/// The policy of a running domain; none if it is not marked. Safe to ask for during a migration.
///
/// # Errors
/// libvirt's, if it does not say.
pub fn policy(domain: &Domain) -> Result<Option<Owned>, Error> {
    let element = domain.metadata(xml::NAMESPACE, Impact::Live)?;
    Ok(element.map(|element| read(domain.name(), &element)))
}

fn read(name: &str, element: &str) -> Owned {
    match xml::read_metadata(element.as_bytes()) {
        Ok(reading) => {
            let problem = |warning: &xml::Warning| {
                let (line, reason) = (warning.line, &warning.reason);
                format!("the policy of {name}, line {line}: {reason}")
            };
            Owned {
                problems: reading.warnings.iter().map(problem).collect(),
                policy: reading.policy.unwrap_or_default(),
            }
        }
        Err(error) => Owned {
            policy: xml::Policy::default(),
            problems: vec![format!(
                "the policy of {name} is broken, the defaults apply: {error}"
            )],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_policy_is_a_mark_all_the_same() {
        let owned = read("vm", "<migration><downtime max='0'/></migration>");
        assert_eq!(owned.policy, xml::Policy::default());
        assert!(
            owned.problems[0].starts_with("the policy of vm is broken"),
            "{owned:?}"
        );
        let owned = read("vm", "<migration><downtime max='7'/><other/></migration>");
        assert_eq!(owned.policy.downtime_max_ms, Some(7));
        assert!(
            owned.problems[0].starts_with("the policy of vm, line 1: "),
            "{owned:?}"
        );
    }
}
