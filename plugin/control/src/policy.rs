//! The bounds of a law: the owner's policy and the user's orders, resolved by the caller into one.

use core::time::Duration;

use crate::target::{Action, SPEED_UNLIMITED_MIB_PER_S};
use crate::time::Timestamp;

/// The action at the deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Stop the guest and send the remainder, however long that takes: the deadline outranks the longest pause.
    #[default]
    Switchover,
    /// Abort; the guest stays.
    Abort,
    /// Switch to post-copy. Only for a job that was started with it.
    Postcopy,
}

/// When the migration must be over with pre-copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The age of the job: `time_elapsed` at the first sample, and the monotonic clock from then on, because libvirt's
    /// age follows the wall clock (`virTimeMillisNow`).
    pub after: Duration,
    /// The action.
    pub then: Then,
}

/// An action the user ordered for a time, by `virsh migrate --timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// How long.
    pub after: Duration,
    /// Since when: the command's start (virsh before 11.0), or, if none, since memory flows.
    pub from: Option<Timestamp>,
    /// The action; its failure is no error.
    pub action: Action,
}

/// The bounds of one migration. The default bounds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Never pause longer on purpose, milliseconds.
    pub downtime_max_ms: Option<u32>,
    /// The fixed part of this guest's pauses, as its users feel it, milliseconds, if the caller knows it: it grows with
    /// processors and devices.
    pub pause_fixed_ms: Option<u32>,
    /// Never set a longer downtime limit, milliseconds: the limit that the user has stored in the domain, an order as a
    /// stored speed is. The fixed part of a pause is not subtracted, because QEMU's limit never contained it.
    pub limit_max_ms: Option<u32>,
    /// The deadline.
    pub deadline: Option<Deadline>,
    /// The owner's speed ceiling, MiB/s, which stays when the user lifts an order.
    pub owners_speed_mib_per_s: Option<u64>,
    /// Never send faster while the guest runs, MiB/s: the lower of the owner's ceiling and the user's order.
    pub speed_max_mib_per_s: Option<u64>,
    /// That ceiling is the user's own and is never lifted, not even briefly to let QEMU measure the link. An owner's
    /// ceiling is meant for the time that the guest runs.
    pub speed_is_order: bool,
    /// Never send faster in post-copy, MiB/s; none, or zero, is as fast as the link. The lower of the owner's ceiling,
    /// in force while the guest runs, and the user's own.
    pub postcopy_speed_max_mib_per_s: Option<u64>,
    /// libvirt's present limit of that, MiB/s. A controller that joins a migration sets it if it differs.
    pub postcopy_speed_found_mib_per_s: Option<u64>,
    /// The largest pages that back the guest's memory, bytes; none if they are the processor's own.
    pub page_bytes: Option<u64>,
    /// The switchover bandwidth configured in QEMU (`avail-switchover-bandwidth`), bytes per second.
    pub switchover_bytes_per_s: Option<u64>,
    /// The largest cache that the controller may set for XBZRLE, bytes. None leaves the cache as it is.
    pub cache_most_bytes: Option<u64>,
    /// The user's timer.
    pub timeout: Option<Timeout>,
    /// A downtime limit changed externally is set again, and a changed speed limit is an order. For sites whose manager
    /// moves the downtime limit by a timer, as nova does; otherwise such a change ends control.
    pub insists: bool,
    /// Only the user's orders are carried out, not the law's actions.
    pub observes: bool,
    /// The user's `--postcopy-after-precopy`: post-copy as soon as the first round has ended.
    pub postcopy_after_first_round: bool,
}

impl Policy {
    /// The same, for a migration found with a speed limit of `mib_per_s`: that is the user's order, and the owner's
    /// ceiling counts where it is lower.
    #[must_use]
    pub fn under_speed(mut self, mib_per_s: u64) -> Self {
        let (owners, order) = (self.owners_speed_mib_per_s, speed_limit(mib_per_s));
        self.speed_max_mib_per_s = owners.into_iter().chain(order).min();
        self.speed_is_order = order.is_some() && self.speed_max_mib_per_s == order;
        self
    }

    /// The longest pause allowed, milliseconds; none if unbounded.
    #[must_use]
    pub fn longest_pause_ms(&self) -> Option<u32> {
        self.downtime_max_ms
            .into_iter()
            .chain(self.limit_max_ms)
            .min()
    }
}

/// A speed limit of libvirt's, MiB/s; none if it does not limit: zero is no limit for libvirt and QEMU
/// (`migration_rate_exceeded`, QEMU `migration/migration-stats.c`), nor is the largest that libvirt takes.
#[must_use]
pub const fn speed_limit(mib_per_s: u64) -> Option<u64> {
    match mib_per_s {
        0 | SPEED_UNLIMITED_MIB_PER_S.. => None,
        limit => Some(limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_the_owners_ceiling_and_the_users_order_counts_and_zero_is_no_order() {
        const NONE: u64 = SPEED_UNLIMITED_MIB_PER_S;
        for (owners, order, ceiling, is_order) in [
            (None, NONE, None, false),
            (None, 0, None, false),
            (None, 20, Some(20), true),
            (Some(30), 20, Some(20), true),
            (Some(20), 20, Some(20), true),
            (Some(10), 20, Some(10), false),
            (Some(100), 0, Some(100), false),
            (Some(100), NONE, Some(100), false),
        ] {
            let policy = Policy {
                owners_speed_mib_per_s: owners,
                ..Policy::default()
            };
            let under = policy.under_speed(order);
            let found = (under.speed_max_mib_per_s, under.speed_is_order);
            assert_eq!(found, (ceiling, is_order), "{owners:?} and {order}");
        }
        let lifted = Policy::default().under_speed(1).under_speed(NONE);
        assert_eq!(lifted, Policy::default());
    }
}
