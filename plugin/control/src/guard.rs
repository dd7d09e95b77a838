//! The guard: turns the decision of any law into settings of libvirt, within the policy.
//!
//! * A pause is the remaining memory over the bandwidth of the *switchover*, and the policy bounds it. But QEMU
//!   compares with the bandwidth of *pre-copy* in one window of 100 ms (`migration_update_counters`, QEMU
//!   `migration/migration.c`), and lifts a speed limit for the switchover. So under a speed ceiling a limit may be
//!   larger than its pause.
//! * If only the ceiling hides whether the link is fast enough for the pause, it is lifted briefly: QEMU then measures
//!   the link, and switches over if the pause is within the policy.
//! * The user's orders and the deadline come last, and outrank the law.

mod limits;
mod link;
mod order;
mod synced;

use core::time::Duration;

use crate::event::Cause;
use crate::law::{Decision, Fetch, postcopy_pause};
use crate::policy::{Policy, Then, speed_limit};
use crate::sample::Sample;
use crate::target::{Action, Target};
pub use crate::target::{DOWNTIME_LIMIT_MAX_MS, SPEED_UNLIMITED_MIB_PER_S};
use crate::time::Timestamp;
pub use limits::{Measured, PAUSE_FIXED_MS};
use link::Link;
pub use order::Order;
use synced::Synced;

/// A refused action is tried again no sooner.
const RETRY: Duration = Duration::from_secs(1);

/// How often post-copy is tried: an answer may be lost, but a refusal stays one.
const POSTCOPY_TRIES: u32 = 3;

/// A step beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Act(Action),
    /// Stop the guest with any remainder.
    Switchover,
}

/// The guard of one migration.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    policy: Policy,
    link: Link,
    begun: Option<Timestamp>,
    /// The first sample, and the age of the job then.
    first: Option<(Timestamp, Duration)>,
    synced: Synced,
    acted: Option<Action>,
    /// The cause of the guest's suspension, if it was suspended.
    suspended: Option<Cause>,
    retry_at: Option<Timestamp>,
    refusals: u32,
}

impl Guard {
    /// A guard of one migration.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            link: Link::Unseen,
            begun: None,
            first: None,
            synced: Synced::default(),
            acted: None,
            suspended: None,
            retry_at: None,
            refusals: 0,
        }
    }

    /// Whether limits changed externally are set again.
    #[must_use]
    pub fn insists(&self) -> bool {
        self.policy.insists
    }

    /// Somebody else has set the speed limit: it is an order from now on.
    pub fn order_speed(&mut self, mib_per_s: u64) {
        self.policy = self.policy.under_speed(mib_per_s);
        if self.link.is_lifted() {
            self.link = Link::Unseen;
        }
    }

    /// Whether no law may use post-copy: it was refused, because the migration was started without it; its pause, which
    /// grows with the remaining memory, is longer than the policy allows; a speed ceiling hides the pause that it would
    /// spare; or huge pages make each fault a pause of its own.
    #[must_use]
    pub fn rules_out_postcopy(&self) -> bool {
        let refused = self.refusals >= POSTCOPY_TRIES;
        let pause = postcopy_pause(self.synced.dirty_bytes());
        let longest = self.policy.longest_pause_ms().map(u64::from);
        let too_long = longest.is_some_and(|ms| Duration::from_millis(ms) < pause);
        let hidden = self.policy.speed_max_mib_per_s.is_some();
        refused || too_long || hidden || self.fetch().has_huge_pages()
    }

    /// The conditions of post-copy.
    #[must_use]
    pub fn fetch(&self) -> Fetch {
        Fetch::of(&self.policy)
    }

    /// libvirt refused `action`. A migration that was not started with post-copy cannot switch to it at its deadline:
    /// the guest is then switched over, because the deadline outranks the pause.
    pub fn refused(&mut self, action: Action, at: Timestamp) {
        if action == Action::Suspend {
            self.suspended = None;
        }
        if self.acted == Some(action) {
            self.acted = None;
            self.retry_at = Some(at.after(RETRY));
        }
        if action != Action::StartPostcopy {
            return;
        }
        self.refusals += 1;
        if let Some(deadline) = &mut self.policy.deadline
            && deadline.then == Then::Postcopy
            && self.refusals >= POSTCOPY_TRIES
        {
            deadline.then = Then::Switchover;
        }
    }

    /// The order before memory flows, when nothing may be set: only to abort at the deadline, because storage is copied
    /// first and may take any time.
    pub fn before_memory(&mut self, sample: &Sample) -> Option<Order> {
        if self.suspended.is_some() {
            return None;
        }
        let age = self.age(sample);
        let deadline = self.policy.deadline.filter(|d| d.then == Then::Abort)?;
        (age >= deadline.after).then(|| Order {
            target: Target {
                action: self.once(sample.at, Action::Abort, Cause::Deadline),
                ..Target::NONE
            },
            cause: Cause::Deadline,
            forbidden_pause: None,
        })
    }

    /// Turns a decision into a target.
    pub fn pass(&mut self, sample: &Sample, decision: &Decision, measured: Measured<'_>) -> Order {
        let begun = *self.begun.get_or_insert(sample.at);
        self.link.follow(sample);
        self.synced.follow(sample);
        let due = self.due(sample, begun);
        let wanted = decision.action.filter(|&action| self.may(action));
        let step = due.or(wanted.map(|action| (Step::Act(action), decision.cause)));
        // A suspended guest is switched over, unless it is aborted.
        if let Some(cause) = self.suspended {
            let mut order = Order::switchover(cause);
            if let Some((Step::Act(Action::Abort), cause)) = step {
                order.target.action = self.once(sample.at, Action::Abort, cause);
                order.cause = cause;
            }
            return order;
        }
        let mut order = match step {
            Some((Step::Switchover, cause)) => return Order::switchover(cause),
            Some((Step::Act(action), cause)) if !self.is_doubtful(action) => {
                let mut order = self.keep(cause);
                order.target.action = self.once(sample.at, action, cause);
                order
            }
            Some((Step::Act(action), cause)) => {
                let mut order = self.limit(sample, decision, measured);
                order.target.action = self.once(sample.at, action, cause);
                order
            }
            None => self.limit(sample, decision, measured),
        };
        if due.is_none() {
            order.target.speed_mib_per_s = self.speed(decision.speed_mib_per_s);
        }
        order
    }

    /// Whether a law may take this action. The law of an observer may take none.
    fn may(&self, action: Action) -> bool {
        let ruled_out = action == Action::StartPostcopy && self.rules_out_postcopy();
        !self.policy.observes && !ruled_out
    }

    /// Whether it is likely to be refused again: the law's limit counts meanwhile.
    fn is_doubtful(&self, action: Action) -> bool {
        action == Action::StartPostcopy && self.refusals > 0
    }

    /// The step due by the user's orders and the deadline.
    fn due(&mut self, sample: &Sample, begun: Timestamp) -> Option<(Step, Cause)> {
        let age = self.age(sample);
        if self.policy.postcopy_after_first_round && sample.iteration >= 2 {
            return Some((Step::Act(Action::StartPostcopy), Cause::Order));
        }
        if let Some(timeout) = self.policy.timeout
            && sample.at.since(timeout.from.unwrap_or(begun)) >= timeout.after
        {
            return Some((Step::Act(timeout.action), Cause::Order));
        }
        let deadline = self
            .policy
            .deadline
            .filter(|deadline| age >= deadline.after)?;
        let step = match deadline.then {
            // Stopping in the first round gains nothing: all of memory would be sent in the pause, and the migration
            // would end no sooner than if the guest ran until the end of the round.
            Then::Switchover if sample.iteration < 2 && sample.remaining_bytes > 0 => return None,
            Then::Switchover => Step::Switchover,
            Then::Abort => Step::Act(Action::Abort),
            Then::Postcopy => Step::Act(Action::StartPostcopy),
        };
        Some((step, Cause::Deadline))
    }

    /// The age of the job.
    fn age(&mut self, sample: &Sample) -> Duration {
        let found = Duration::from_millis(sample.elapsed_ms);
        let (at, age) = *self.first.get_or_insert((sample.at, found));
        age + sample.at.since(at)
    }

    /// Lets one action through, once; a suspended guest may still be aborted.
    fn once(&mut self, at: Timestamp, action: Action, cause: Cause) -> Option<Action> {
        let free = match self.acted {
            None => true,
            Some(acted) => (acted, action) == (Action::Suspend, Action::Abort),
        };
        if !free || self.retry_at.is_some_and(|retry| at < retry) {
            return None;
        }
        self.acted = Some(action);
        if action == Action::Suspend {
            self.suspended = Some(cause);
        }
        Some(action)
    }

    /// Only the speed that is due.
    fn keep(&self, cause: Cause) -> Order {
        Order {
            target: Target {
                speed_mib_per_s: self.speed(None),
                ..Target::NONE
            },
            cause,
            forbidden_pause: None,
        }
    }

    /// The speed that is due: the law's, if it sets one, within the policy's ceiling.
    fn speed(&self, wanted_mib_per_s: Option<u64>) -> Option<u64> {
        let Some(ceiling) = self.policy.speed_max_mib_per_s else {
            return wanted_mib_per_s;
        };
        Some(if self.link.is_lifted() {
            SPEED_UNLIMITED_MIB_PER_S
        } else {
            wanted_mib_per_s
                .and_then(speed_limit)
                .unwrap_or(ceiling)
                .min(ceiling)
        })
    }
}

#[cfg(test)]
mod tests;
