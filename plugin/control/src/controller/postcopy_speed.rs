//! The speed limit of post-copy, for a migration that somebody else started without it.
//!
//! It is set as soon as anything may be set, so that it holds whatever starts post-copy: the deadline,
//! `--timeout-postcopy`, or a manual `virsh migrate-postcopy`.

use crate::policy::Policy;

/// How often it is tried: an answer may be lost, but a refusal stays one.
const TRIES: u32 = 3;

/// The speed to set, until it is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct PostcopySpeed {
    /// MiB/s; none if nothing is to be set.
    due: Option<u64>,
    tries: u32,
    /// The limit found, MiB/s; zero is no limit.
    found: u64,
    was_set: bool,
}

impl PostcopySpeed {
    /// The limit that `policy` wants, unless libvirt has it already, or the policy only observes.
    pub(super) fn new(policy: &Policy) -> Self {
        let wanted = policy.postcopy_speed_max_mib_per_s;
        let in_place = wanted == policy.postcopy_speed_found_mib_per_s;
        Self {
            due: wanted.filter(|_| !in_place && !policy.observes),
            tries: TRIES,
            found: policy.postcopy_speed_found_mib_per_s.unwrap_or(0),
            was_set: false,
        }
    }

    /// The speed to set now, MiB/s.
    pub(super) const fn due(self) -> Option<u64> {
        self.due
    }

    /// Tells whether `set` was set, if it was part of the target.
    pub(super) fn outcome(&mut self, set: Option<u64>, done: bool) {
        if set.is_none() {
            return;
        }
        self.was_set |= done;
        self.tries = self.tries.saturating_sub(1);
        if done || self.tries == 0 {
            self.due = None;
        }
    }

    /// The limit to restore when control ends and the migration goes on, MiB/s.
    pub(super) fn to_restore(self) -> Option<u64> {
        self.was_set.then_some(self.found)
    }
}
