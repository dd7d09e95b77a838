//! One migration of one domain, and who may touch its limits.

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::target::{SPEED_UNLIMITED_MIB_PER_S, Target};
use libvirt_hpc_plugin::laws::LawName;
use libvirt_hpc_plugin::migration::bounds::Bounds;
use libvirt_hpc_plugin::migration::lease::{self, Attempt, Identity, LeaseRecord};
use libvirt_hpc_plugin::migration::settings::Set;
use libvirt_hpc_plugin::trace::{ControllerName, PolicyRecord};

use super::agent::Agent;
use super::control::Control;
use super::session::Session;
use super::wiring::{Bug, Wiring};

/// The limits before the migration.
pub(crate) const BEFORE: Settings = Settings {
    downtime_ms: 300,
    speed_mib_per_s: SPEED_UNLIMITED_MIB_PER_S,
};

/// The limits of the external: somebody who is no controller of libvirt-hpc.
pub(crate) const EXTERNAL: Settings = Settings {
    downtime_ms: 777,
    speed_mib_per_s: 77,
};

/// When the job begins, by a wall clock that does not step, milliseconds since 1970; how long before that a lease may be
/// taken, and how long after it the job is asked for.
const BEGINS_WALL_MS: u64 = 1_700_000_000_000;
const TAKEN_EARLIER_MS: u64 = 1_000;
const ASKED_LATER_MS: u64 = 60_000;

/// The migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    NotBegun,
    /// Its memory flows. It began when the wall clock had been set by `step_ms`.
    Flows {
        step_ms: i64,
    },
    Failed,
    Moved,
}

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Session,
    Agent,
}

/// What is written in a lease, without what is the same in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    pub(crate) by: Who,
    pub(crate) set: Set,
    pub(crate) before: Settings,
    pub(crate) identity: Identity,
    pub(crate) is_released: bool,
}

impl Word {
    /// As the product writes it.
    pub(crate) fn record(&self) -> LeaseRecord {
        LeaseRecord {
            controller: match self.by {
                Who::Session => ControllerName::VirshHpc,
                Who::Agent => ControllerName::LibvirtHpcd,
            },
            pid: 7,
            taken_at_ns: 0,
            job_began_ns: None,
            identity: self.identity,
            settings_before: self.before.into(),
            set: self.set,
            bounds: bounds(),
            released: self.is_released.then(|| "a test".to_owned()),
        }
    }

    /// As the product reads it.
    pub(crate) fn of(record: &LeaseRecord) -> Self {
        Self {
            by: match record.controller {
                ControllerName::VirshHpc => Who::Session,
                ControllerName::LibvirtHpcd => Who::Agent,
            },
            set: record.set,
            before: record.settings_before.into(),
            identity: record.identity,
            is_released: record.released.is_some(),
        }
    }
}

/// Within what is steered, which is the same throughout.
pub(crate) fn bounds() -> Bounds {
    Bounds {
        policy: PolicyRecord::default(),
        slowdown_ppm: 0,
        law: LawName::Adaptive,
    }
}

/// The file of a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct File {
    pub(crate) exists: bool,
    pub(crate) word: Option<Word>,
    pub(crate) lock: Option<Who>,
    /// The process of its last holder is dead, and its number is another's now.
    pub(crate) pid_is_reused: bool,
}

/// What may still happen from outside, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) death: bool,
    pub(crate) external: bool,
    pub(crate) clock: bool,
    pub(crate) release: bool,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) job: Job,
    /// What libvirt holds.
    pub(crate) held: Settings,
    pub(crate) lease: File,
    /// By how much the wall clock has been set, milliseconds.
    pub(crate) step_ms: i64,
    pub(crate) budget: Budget,
    /// Which limits an external change has set and libvirt has not put back since.
    pub(crate) external: Target,
    /// A controller has read the limits from before: what changes from here on is an external change.
    pub(crate) is_read: bool,
    /// A user has asked that nobody steer it (`hpc-release`).
    pub(crate) is_released: bool,
    pub(crate) session: Session,
    pub(crate) agent: Agent,
}

impl World {
    pub(crate) fn flows(&self) -> bool {
        matches!(self.job, Job::Flows { .. })
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.job, Job::Failed | Job::Moved)
    }

    /// Whether another speed limit is known for another's, also by a successor. One that no controller has set may be
    /// the migrate call's.
    pub(crate) fn speed_is_known(&self) -> bool {
        let word = self.lease.word;
        let is_written =
            word.is_some_and(|word| word.set.speed_mib_per_s.is_some() || word.is_released);
        let control = self.agent.control().or(self.session.control());
        is_written || (!self.budget.death && control.is_some_and(Control::knows_the_speed))
    }

    /// The job as it is found now.
    pub(crate) fn found(&self) -> lease::Job {
        let (since_ms, began_ms) = match self.job {
            Job::Flows { step_ms } => (ASKED_LATER_MS, Some(wall_ms(0, step_ms))),
            _ => (0, None),
        };
        let now_ms = match began_ms {
            Some(_) => wall_ms(since_ms, self.step_ms),
            None => wall_ms(0, self.step_ms) - TAKEN_EARLIER_MS,
        };
        lease::Job {
            domain_id: Some(7),
            wall_ms: now_ms,
            // As libvirt does it.
            elapsed_ms: began_ms.map_or(0, |began_ms| now_ms.saturating_sub(began_ms)),
            at_ns: began_ms.map_or(0, |_| (TAKEN_EARLIER_MS + ASKED_LATER_MS) * 1_000_000),
        }
    }

    /// Tries to lock the lease, as the product does.
    pub(crate) fn try_lease(&mut self, who: Who, wiring: Wiring) -> Attempt {
        let is_free = match wiring.bug {
            Some(Bug::LockIgnored) => true,
            Some(Bug::HolderJudgedByPid) => self.lease.lock.is_none() && !self.lease.pid_is_reused,
            _ => self.lease.lock.is_none(),
        };
        let attempt = Attempt::of(is_free, true);
        if attempt == Attempt::Holds {
            self.lease.exists = true;
            self.lease.lock = Some(who);
        }
        attempt
    }

    /// Writes into the lease, if `who` holds it.
    pub(crate) fn write(&mut self, who: Who, record: &LeaseRecord) {
        if self.lease.lock == Some(who) {
            self.lease.word = Some(Word::of(record));
        }
    }

    /// The holder's process ends: the kernel takes the lock back, and what is written stays.
    pub(crate) fn dies(&mut self, who: Who) {
        if self.lease.lock == Some(who) {
            self.lease.lock = None;
        }
    }

    /// The holder ends the lease for good.
    pub(crate) fn end_lease(&mut self, who: Who) {
        if self.lease.lock == Some(who) {
            self.lease = File::default();
        }
    }

    /// A limit is set, by whomever; of a domain that has moved there is none.
    pub(crate) fn set(&mut self, target: &Target) {
        if self.job == Job::Moved {
            return;
        }
        if let Some(ms) = target.downtime_ms {
            self.held.downtime_ms = ms.into();
        }
        if let Some(mib) = target.speed_mib_per_s {
            self.held.speed_mib_per_s = mib;
        }
    }

    /// Both limits are set.
    pub(crate) fn hold(&mut self, limits: Settings) {
        self.set(&Target {
            downtime_ms: u32::try_from(limits.downtime_ms).ok(),
            speed_mib_per_s: Some(limits.speed_mib_per_s),
            ..Target::NONE
        });
    }

    /// libvirt puts a failed job's downtime limit back, and keeps the speed limit.
    pub(crate) fn fails(&mut self) {
        self.job = Job::Failed;
        self.held.downtime_ms = BEFORE.downtime_ms;
        self.external.downtime_ms = None;
    }

    pub(crate) fn moves(&mut self) {
        self.job = Job::Moved;
        self.held = BEFORE;
        self.external = Target::NONE;
    }
}

fn wall_ms(after_begin_ms: u64, step_ms: i64) -> u64 {
    (BEGINS_WALL_MS + after_begin_ms).saturating_add_signed(step_ms)
}
