//! The ceiling of speed in post-copy, for a migration that somebody else began without it.
//!
//! It is set as soon as anything may be: whoever then has the guest go over, the deadline, `--timeout-postcopy` or `virsh
//! migrate-postcopy` by hand, it holds.

use crate::policy::Policy;

/// How often it is tried: an answer may be lost, but libvirt's mind does not change.
const TRIES: u32 = 3;

/// What is to be set, until it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct PostcopySpeed {
    /// MiB/s; none where nothing is to be set.
    due: Option<u64>,
    tries: u32,
    /// What was there before, MiB/s; zero is no limit.
    found: u64,
    is_ours: bool,
}

impl PostcopySpeed {
    /// What `policy` wants set: nothing where libvirt holds it, and nothing of an observer's.
    pub(super) fn new(policy: &Policy) -> Self {
        let wanted = policy.postcopy_speed_max_mib_per_s;
        let stands = wanted == policy.postcopy_speed_found_mib_per_s;
        Self {
            due: wanted.filter(|_| !stands && !policy.observes),
            tries: TRIES,
            found: policy.postcopy_speed_found_mib_per_s.unwrap_or(0),
            is_ours: false,
        }
    }

    /// What is due, MiB/s.
    pub(super) const fn due(self) -> Option<u64> {
        self.due
    }

    /// How setting `set` has fared, if that was part of what was set.
    pub(super) fn outcome(&mut self, set: Option<u64>, done: bool) {
        if set.is_none() {
            return;
        }
        self.is_ours |= done;
        self.tries = self.tries.saturating_sub(1);
        if done || self.tries == 0 {
            self.due = None;
        }
    }

    /// What is put back when control ends and the migration goes on, MiB/s.
    pub(super) fn parting(self) -> Option<u64> {
        self.is_ours.then_some(self.found)
    }
}
