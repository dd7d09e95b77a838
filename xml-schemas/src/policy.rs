//! The wishes of a domain's owner for its migrations.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The wishes in one `<migration>` element. The default is the empty element,
/// which marks the domain and leaves every choice to the control law.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// The assumed slowdown of the application by pre-copy, in 1/1000 percent (`10%` is 10,000; at most
    /// [`crate::SLOWDOWN_MAX_MILLIPERCENT`]).
    pub slowdown_millipercent: Option<u32>,
    /// The longest pause that may be chosen, 1 ms to [`crate::DOWNTIME_MAX_MS`].
    pub downtime_max_ms: Option<u32>,
    /// When the migration must be over, and the action if it is not.
    pub deadline: Option<Deadline>,
    /// The ceiling of the copy's speed while the guest runs, in the unit of
    /// `virDomainMigrateSetMaxSpeed`, 1 to [`crate::BANDWIDTH_MAX_MIB_PER_S`].
    pub bandwidth_max_mib_per_s: Option<u64>,
    /// Whether post-copy, which loses the guest if the network fails, is allowed.
    pub postcopy_allowed: Option<bool>,
    /// Whether memory may be sent with QEMU's XBZRLE (delta compression), which takes memory of the source's host for a
    /// cache.
    pub compression_allowed: Option<bool>,
    /// The parallel job that the domain is a part of.
    pub job: Option<Job>,
}

impl Policy {
    /// This policy, completed by `site`'s, item by item: an owner's over the site's, or that over another. Post-copy
    /// needs the owner's permission if the owner gives any about it.
    #[must_use]
    pub fn over(self, site: &Self) -> Self {
        let postcopy_allowed = self.postcopy_allowed.or(site.postcopy_allowed);
        let mut deadline = self.deadline.or(site.deadline);
        if let Some(deadline) = &mut deadline
            && deadline.then == Then::Postcopy
            && postcopy_allowed != Some(true)
        {
            deadline.then = Then::Switchover;
        }
        Self {
            slowdown_millipercent: self.slowdown_millipercent.or(site.slowdown_millipercent),
            downtime_max_ms: self.downtime_max_ms.or(site.downtime_max_ms),
            deadline,
            bandwidth_max_mib_per_s: self
                .bandwidth_max_mib_per_s
                .or(site.bandwidth_max_mib_per_s),
            postcopy_allowed,
            compression_allowed: self.compression_allowed.or(site.compression_allowed),
            job: self.job,
        }
    }
}

/// The time a migration may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Seconds from the start of the migration, 1 to [`crate::DEADLINE_MAX_SECONDS`].
    pub seconds: u32,
    /// The action for a migration that still runs then.
    pub then: Then,
}

/// The action at the deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// The guest is paused for as long as its last copy takes.
    #[default]
    Switchover,
    /// The migration is aborted; the guest stays where it is.
    Abort,
    /// The guest starts on the other side and fetches its memory as it runs.
    Postcopy,
}

impl Then {
    /// Every value, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Switchover, Self::Abort, Self::Postcopy];

    /// The value as it is written in the `then` attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Switchover => "switchover",
            Self::Abort => "abort",
            Self::Postcopy => "postcopy",
        }
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parallel job whose domains move together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The name of the job, the same in all its domains: 1 to
    /// [`crate::JOB_ID_MAX_BYTES`] ASCII letters, digits and `._:@+-/[]`.
    pub id: String,
    /// How many domains the job has, 1 to [`crate::JOB_MAX_MEMBERS`].
    pub members: u32,
}
