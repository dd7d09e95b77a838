//! The owner's policy as the controller's bounds.

use std::time::Duration;

use libvirt_hpc_control::estimate::CACHE_DEFAULT;
use libvirt_hpc_control::guard::SPEED_UNLIMITED_MIB_PER_S;
use libvirt_hpc_control::policy::{Deadline, Policy, Then};
use libvirt_hpc_xml_schemas as xml;
use serde::{Deserialize, Serialize};

use crate::laws::LawName;
use crate::trace::PolicyRecord;

/// Default of `<slowdown>`, parts per million.
const SLOWDOWN_DEFAULT_PPM: u64 = 100_000;

/// All that a controller is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// What it may do.
    pub policy: PolicyRecord,
    /// What pre-copy costs the application, parts per million.
    pub slowdown_ppm: u64,
    /// The law.
    pub law: LawName,
}

impl Bounds {
    /// For a migration that somebody else began under a speed limit of `speed_mib_per_s`: that limit is an
    /// order, the owner's ceiling is lower or does not count.
    #[must_use]
    pub fn of_running(policy: &xml::Policy, speed_mib_per_s: u64) -> Self {
        let ceiling = Ceiling::lowest(policy.bandwidth_max_mib_per_s, speed_mib_per_s);
        let bounds = Policy {
            downtime_max_ms: policy.downtime_max_ms,
            deadline: policy.deadline.map(|deadline| Deadline {
                after: Duration::from_secs(deadline.seconds.into()),
                then: then(deadline.then),
            }),
            speed_max_mib_per_s: ceiling.map(|ceiling| ceiling.mib_per_s),
            speed_is_order: ceiling.is_some_and(|ceiling| ceiling.is_order),
            // What the domain's own limits leave room for, nobody has looked at: its cache is not enlarged.
            cache_most_bytes: (policy.compression_allowed != Some(false)).then_some(CACHE_DEFAULT),
            ..Policy::default()
        };
        Self {
            policy: (&bounds).into(),
            slowdown_ppm: slowdown_ppm(policy),
            // Refused where the migration was begun without post-copy: the guest is then switched over.
            law: match policy.postcopy_allowed {
                Some(true) => LawName::AdaptiveOrPostcopy,
                _ => LawName::Adaptive,
            },
        }
    }

    /// The same, for a site whose limits count whoever changes them.
    #[must_use]
    pub fn insisting(mut self, insists: bool) -> Self {
        self.policy.insists = insists;
        self
    }

    /// The same, for a controller that only observes: nothing may be done at a deadline.
    #[must_use]
    pub fn without_actions(self) -> Self {
        let policy = Policy {
            deadline: None,
            timeout: None,
            postcopy_after_first_round: false,
            observes: true,
            cache_most_bytes: None,
            ..Policy::from(&self.policy)
        };
        Self {
            policy: (&policy).into(),
            ..self
        }
    }
}

/// A ceiling of the speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// MiB/s
    pub mib_per_s: u64,
    /// It would apply without us: it is the user's own, and never lifted.
    pub is_order: bool,
}

impl Ceiling {
    /// The lower of the owner's ceiling and the limit that applies anyway; none if neither limits.
    #[must_use]
    pub fn lowest(owners: Option<u64>, anyway: u64) -> Option<Self> {
        let mib_per_s = owners.unwrap_or(SPEED_UNLIMITED_MIB_PER_S).min(anyway);
        (mib_per_s < SPEED_UNLIMITED_MIB_PER_S).then_some(Self {
            mib_per_s,
            is_order: mib_per_s == anyway,
        })
    }
}

/// What the owner says pre-copy costs, or the default, parts per million.
#[must_use]
pub fn slowdown_ppm(policy: &xml::Policy) -> u64 {
    policy
        .slowdown_millipercent
        .map_or(SLOWDOWN_DEFAULT_PPM, |milli| u64::from(milli) * 10)
}

/// What the owner wants at the deadline.
#[must_use]
pub const fn then(then: xml::Then) -> Then {
    match then {
        xml::Then::Switchover => Then::Switchover,
        xml::Then::Abort => Then::Abort,
        xml::Then::Postcopy => Then::Postcopy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_there_anyway_is_an_order() {
        let ceiling = |mib_per_s, is_order| {
            Some(Ceiling {
                mib_per_s,
                is_order,
            })
        };
        assert_eq!(Ceiling::lowest(None, SPEED_UNLIMITED_MIB_PER_S), None);
        assert_eq!(Ceiling::lowest(None, 20), ceiling(20, true));
        assert_eq!(Ceiling::lowest(Some(30), 20), ceiling(20, true));
        assert_eq!(Ceiling::lowest(Some(10), 20), ceiling(10, false));
    }

    #[test]
    fn an_observer_does_nothing_at_the_deadline() {
        let policy = xml::Policy {
            deadline: Some(xml::Deadline {
                seconds: 60,
                then: xml::Then::Abort,
            }),
            downtime_max_ms: Some(500),
            ..xml::Policy::default()
        };
        let bounds = Bounds::of_running(&policy, SPEED_UNLIMITED_MIB_PER_S);
        let full = Policy::from(&bounds.policy);
        assert_eq!(full.deadline.map(|d| d.then), Some(Then::Abort));
        assert_eq!(bounds.slowdown_ppm, SLOWDOWN_DEFAULT_PPM);
        let observed = Policy::from(&bounds.without_actions().policy);
        assert_eq!(
            (observed.deadline, observed.downtime_max_ms),
            (None, Some(500))
        );
        assert!(observed.observes && !full.observes);
    }
}
