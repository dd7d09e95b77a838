//! The owner's policy as the controller's bounds.

use std::time::Duration;

use libvirt_hpc_control::estimate::CACHE_DEFAULT;
use libvirt_hpc_control::guard::DOWNTIME_LIMIT_MAX_MS;
use libvirt_hpc_control::policy::{Deadline, Policy, Then};
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_xml_schemas as xml;
use serde::{Deserialize, Serialize};

use super::guest::Guest;

use crate::laws::LawName;
use crate::trace::PolicyRecord;

/// Default of `<slowdown>`, parts per million.
const SLOWDOWN_DEFAULT_PPM: u64 = 100_000;

/// QEMU's downtime limit as long as nobody has set another (`DEFAULT_MIGRATE_SET_DOWNTIME`, QEMU
/// `migration/options.c`), milliseconds.
const DOWNTIME_DEFAULT_MS: u64 = 300;

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
    /// For a migration that somebody else began under the limits `found`: they are orders, within which the owner's
    /// count where they are lower.
    #[must_use]
    pub fn of_running(policy: &xml::Policy, found: Settings, guest: &Guest) -> Self {
        let found_postcopy = guest.postcopy_speed_mib_per_s.filter(|&mib| mib > 0);
        let bounds = Policy {
            downtime_max_ms: policy.downtime_max_ms,
            limit_max_ms: ordered_limit_ms(found.downtime_ms),
            deadline: policy.deadline.map(|deadline| Deadline {
                after: Duration::from_secs(deadline.seconds.into()),
                then: then(deadline.then),
            }),
            owners_speed_mib_per_s: policy.bandwidth_max_mib_per_s,
            postcopy_speed_max_mib_per_s: found_postcopy
                .into_iter()
                .chain(policy.bandwidth_max_mib_per_s)
                .min(),
            postcopy_speed_found_mib_per_s: found_postcopy,
            page_bytes: guest.page_bytes,
            pause_fixed_ms: guest.pause_fixed_ms,
            // How much memory the domain's own limits leave is not known: its cache is not enlarged.
            cache_most_bytes: (policy.compression_allowed != Some(false)).then_some(CACHE_DEFAULT),
            ..Policy::default()
        };
        Self {
            policy: (&bounds.under_speed(found.speed_mib_per_s)).into(),
            slowdown_ppm: slowdown_ppm(policy),
            // Refused where the migration was begun without post-copy: the guest is then switched over.
            law: match policy.postcopy_allowed {
                Some(true) => LawName::AdaptiveOrPostcopy,
                _ => LawName::Adaptive,
            },
        }
    }

    /// The same, for a site whose downtime limits count whoever changes them: one that was found may be the first step of
    /// a manager's clock, and is no order there.
    #[must_use]
    pub fn insisting(mut self, insists: bool) -> Self {
        self.policy.insists = insists;
        self.policy.limit_max_ms = self.policy.limit_max_ms.filter(|_| !insists);
        self
    }

    /// The same, after somebody has set another speed limit.
    #[must_use]
    pub fn under_speed(mut self, mib_per_s: u64) -> Self {
        self.policy = (&Policy::from(&self.policy).under_speed(mib_per_s)).into();
        self
    }

    /// What libvirt held for post-copy before the owner's ceiling was set, MiB/s; none where that is none.
    #[must_use]
    pub fn postcopy_speed_before(&self) -> Option<u64> {
        let found = self.policy.postcopy_speed_found_mib_per_s;
        let is_ours = self.policy.postcopy_speed_max_mib_per_s != found;
        is_ours.then_some(found.unwrap_or(0))
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

/// The downtime limit that libvirt or a user has given a domain, as an order: the limit that nobody has set is none.
/// Zero is an order too, which QEMU takes for one: whatever is pending is too much.
#[must_use]
pub fn ordered_limit_ms(downtime_ms: u64) -> Option<u32> {
    let longest = u64::from(DOWNTIME_LIMIT_MAX_MS);
    (downtime_ms != DOWNTIME_DEFAULT_MS)
        .then(|| u32::try_from(downtime_ms.min(longest)).unwrap_or(DOWNTIME_LIMIT_MAX_MS))
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
    use libvirt_hpc_control::guard::SPEED_UNLIMITED_MIB_PER_S;
    use libvirt_hpc_control::policy::Timeout;
    use libvirt_hpc_control::target::Action;

    use super::*;

    const NOTHING_SET: Settings = Settings {
        downtime_ms: DOWNTIME_DEFAULT_MS,
        speed_mib_per_s: SPEED_UNLIMITED_MIB_PER_S,
    };

    #[test]
    fn a_speed_of_zero_is_no_order_and_the_owners_ceiling_stays() {
        let policy = xml::Policy {
            bandwidth_max_mib_per_s: Some(100),
            ..xml::Policy::default()
        };
        let found = |speed_mib_per_s| {
            let found = Settings {
                speed_mib_per_s,
                ..NOTHING_SET
            };
            let bounds = Bounds::of_running(&policy, found, &Guest::default()).policy;
            (bounds.speed_max_mib_per_s, bounds.speed_is_order)
        };
        assert_eq!(found(0), (Some(100), false));
        assert_eq!(found(SPEED_UNLIMITED_MIB_PER_S), (Some(100), false));
        assert_eq!(found(20), (Some(20), true));
    }

    #[test]
    fn a_downtime_limit_that_somebody_has_set_is_an_order_unless_the_site_insists() {
        let bounds = |downtime_ms| {
            let found = Settings {
                downtime_ms,
                ..NOTHING_SET
            };
            Bounds::of_running(&xml::Policy::default(), found, &Guest::default())
        };
        assert_eq!(bounds(300).policy.limit_max_ms, None);
        for (stored, order) in [(0, 0), (100, 100), (u64::MAX, DOWNTIME_LIMIT_MAX_MS)] {
            let bounds = bounds(stored);
            assert_eq!(bounds.policy.limit_max_ms, Some(order));
            assert_eq!(bounds.insisting(false).policy.limit_max_ms, Some(order));
            assert_eq!(bounds.insisting(true).policy.limit_max_ms, None);
        }
    }

    #[test]
    fn the_lowest_speed_of_post_copy_counts_and_what_was_found_comes_back() {
        let bounds = |owners, postcopy_speed_mib_per_s| {
            let policy = xml::Policy {
                bandwidth_max_mib_per_s: owners,
                ..xml::Policy::default()
            };
            let guest = Guest {
                postcopy_speed_mib_per_s,
                ..Guest::default()
            };
            let bounds = Bounds::of_running(&policy, NOTHING_SET, &guest);
            let most = bounds.policy.postcopy_speed_max_mib_per_s;
            (most, bounds.postcopy_speed_before())
        };
        assert_eq!(bounds(None, None), (None, None));
        assert_eq!(bounds(Some(20), None), (Some(20), Some(0)));
        assert_eq!(bounds(Some(20), Some(0)), (Some(20), Some(0)));
        assert_eq!(bounds(Some(20), Some(70)), (Some(20), Some(70)));
        assert_eq!(bounds(Some(20), Some(5)), (Some(5), None), "the user's own");
        assert_eq!(bounds(None, Some(5)), (Some(5), None));
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
        let bounds = Bounds::of_running(&policy, NOTHING_SET, &Guest::default());
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

    #[test]
    fn what_the_owner_and_the_guest_say_is_what_a_controller_is_held_to() {
        let owners = xml::Policy {
            downtime_max_ms: Some(500),
            slowdown_millipercent: Some(2_500),
            postcopy_allowed: Some(true),
            deadline: Some(xml::Deadline {
                seconds: 60,
                then: xml::Then::Postcopy,
            }),
            ..xml::Policy::default()
        };
        let guest = Guest {
            page_bytes: Some(1 << 30),
            pause_fixed_ms: Some(73),
            ..Guest::default()
        };
        let bounds = Bounds::of_running(&owners, NOTHING_SET, &guest);
        let policy = Policy::from(&bounds.policy);
        let deadline = Deadline {
            after: Duration::from_secs(60),
            then: Then::Postcopy,
        };
        assert_eq!(policy.deadline, Some(deadline));
        assert_eq!(policy.page_bytes, Some(1 << 30));
        assert_eq!(policy.pause_fixed_ms, Some(73));
        assert_eq!(policy.cache_most_bytes, Some(CACHE_DEFAULT));
        assert_eq!(bounds.slowdown_ppm, 25_000);
        assert_eq!(bounds.law, LawName::AdaptiveOrPostcopy);
        let plain = Bounds::of_running(&xml::Policy::default(), NOTHING_SET, &guest);
        assert_eq!(plain.law, LawName::Adaptive);
    }

    #[test]
    fn where_the_owner_forbids_compression_the_cache_is_left_as_it_is() {
        let owners = xml::Policy {
            compression_allowed: Some(false),
            ..xml::Policy::default()
        };
        let bounds = Bounds::of_running(&owners, NOTHING_SET, &Guest::default());
        assert_eq!(bounds.policy.cache_most_bytes, None);
    }

    #[test]
    fn a_speed_that_is_ordered_later_holds_under_the_owners_ceiling() {
        let owners = xml::Policy {
            bandwidth_max_mib_per_s: Some(100),
            ..xml::Policy::default()
        };
        let bounds = Bounds::of_running(&owners, NOTHING_SET, &Guest::default());
        let most = |ordered| bounds.under_speed(ordered).policy.speed_max_mib_per_s;
        assert_eq!((most(20), most(200)), (Some(20), Some(100)));
    }

    #[test]
    fn an_observer_keeps_no_timer_no_post_copy_and_no_cache() {
        let ordered = Policy {
            timeout: Some(Timeout {
                after: Duration::from_secs(3),
                from: None,
                action: Action::Suspend,
            }),
            postcopy_after_first_round: true,
            cache_most_bytes: Some(CACHE_DEFAULT),
            ..Policy::default()
        };
        let none = Bounds::of_running(&xml::Policy::default(), NOTHING_SET, &Guest::default());
        let bounds = Bounds {
            policy: (&ordered).into(),
            ..none
        };
        let observed = Policy::from(&bounds.without_actions().policy);
        let expected = Policy {
            observes: true,
            ..Policy::default()
        };
        assert_eq!(observed, expected);
    }
}
