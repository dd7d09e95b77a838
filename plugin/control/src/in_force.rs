//! The limits in force, as one controller knows them, and what it makes of others that it finds.
//!
//! A limit that is not as it was set last is another's. It ends control, unless the policy insists on the law's downtime
//! limit. A state machine without a clock or I/O, which docs/lease-model.md checks together with the lease.

use crate::policy::speed_limit;
use crate::sample::Settings;
use crate::target::Target;

/// Which limits differ from those set last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The downtime limit.
    pub downtime: bool,
    /// The speed limit.
    pub speed: bool,
}

/// What a reading of the limits means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// They are as they were set, as far as any were.
    AsSet,
    /// Another has changed them, and the policy insists.
    Insist(Changed),
    /// Another has changed one, and control ends: the target that puts the rest back as it was before.
    Yield(Target),
}

/// What a controller knows of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InForce {
    downtime_ms: Option<u32>,
    speed_mib_per_s: Option<u64>,
    before: Option<Settings>,
    /// What nobody but a predecessor has set, as far as this controller knows: other limits are another's. It may be set
    /// again.
    expected: Target,
}

impl InForce {
    /// Of a migration whose limits were `before` until a predecessor set them, and are now as `expected`.
    #[must_use]
    pub const fn after(before: Settings, expected: Target) -> Self {
        Self {
            downtime_ms: None,
            speed_mib_per_s: None,
            before: Some(before),
            expected,
        }
    }

    /// The downtime limit set last, milliseconds; none while none was.
    #[must_use]
    pub const fn downtime_ms(&self) -> Option<u32> {
        self.downtime_ms
    }

    /// The speed limit set or found last, MiB/s; none while none was.
    #[must_use]
    pub const fn speed_mib_per_s(&self) -> Option<u64> {
        self.speed_mib_per_s
    }

    /// Takes a reading. The first one shows the limits from before control.
    pub fn find(&mut self, found: Settings, insists: bool) -> Found {
        let before = *self.before.get_or_insert(found);
        let changed = self.changed(found);
        let is_changed = changed.downtime || changed.speed;
        if is_changed && !insists {
            return Found::Yield(rest(changed, found, before));
        }
        if changed.downtime {
            (self.downtime_ms, self.expected.downtime_ms) = (None, None);
        }
        self.speed_mib_per_s = Some(found.speed_mib_per_s);
        if is_changed {
            Found::Insist(changed)
        } else {
            Found::AsSet
        }
    }

    /// `target` was set.
    pub fn set(&mut self, target: &Target) {
        self.downtime_ms = target.downtime_ms.or(self.downtime_ms);
        self.speed_mib_per_s = target.speed_mib_per_s.or(self.speed_mib_per_s);
    }

    /// A target was refused, as a whole or in part: which limits are in force is not known.
    pub fn refused(&mut self) {
        (self.downtime_ms, self.speed_mib_per_s) = (None, None);
        self.expected = Target::NONE;
    }

    fn changed(&self, found: Settings) -> Changed {
        let downtime_ms = self.downtime_ms.or(self.expected.downtime_ms);
        let speed_mib_per_s = self.speed_mib_per_s.or(self.expected.speed_mib_per_s);
        Changed {
            downtime: downtime_ms.is_some_and(|ms| u64::from(ms) != found.downtime_ms),
            speed: speed_mib_per_s
                .is_some_and(|mib| speed_limit(mib) != speed_limit(found.speed_mib_per_s)),
        }
    }
}

/// What puts the limit back that was not changed externally.
fn rest(changed: Changed, found: Settings, before: Settings) -> Target {
    let downtime_ms = u32::try_from(before.downtime_ms).ok();
    Target {
        downtime_ms: downtime_ms
            .filter(|_| !changed.downtime && before.downtime_ms != found.downtime_ms),
        speed_mib_per_s: Some(before.speed_mib_per_s)
            .filter(|&mib| !changed.speed && mib != found.speed_mib_per_s),
        ..Target::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn limits(downtime_ms: u64, speed_mib_per_s: u64) -> Settings {
        Settings {
            downtime_ms,
            speed_mib_per_s,
        }
    }

    #[test]
    fn of_two_limits_the_one_that_nobody_changed_is_restored() {
        let back = |found| {
            let mut in_force = InForce::default();
            assert_eq!(in_force.find(limits(300, 7), false), Found::AsSet);
            in_force.set(&Target {
                downtime_ms: Some(10),
                speed_mib_per_s: Some(5),
                ..Target::NONE
            });
            in_force.find(found, false)
        };
        let speed = Target {
            speed_mib_per_s: Some(7),
            ..Target::NONE
        };
        let downtime = Target {
            downtime_ms: Some(300),
            ..Target::NONE
        };
        assert_eq!(back(limits(777, 5)), Found::Yield(speed));
        assert_eq!(back(limits(10, 99)), Found::Yield(downtime));
        assert_eq!(back(limits(777, 99)), Found::Yield(Target::NONE));
        assert_eq!(back(limits(10, 5)), Found::AsSet);
    }
}
