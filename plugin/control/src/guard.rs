//! The guard: turns what a law accepts into settings of libvirt, within the policy, for every law alike.
//!
//! * A pause is what is left over the bandwidth of the *switchover*, and its ceiling is the policy's.
//!   QEMU however compares with the bandwidth of *pre-copy*, in one 100 ms window
//!   (`migration_update_counters`, QEMU `migration/migration.c`), and lifts a speed limit for the
//!   switchover. Under a speed ceiling a limit may therefore be larger than the pause it leads to.
//! * Where the ceiling alone hides whether the link could make the pause, it is lifted for a moment:
//!   QEMU then measures the link, and switches over if the pause is within the policy.
//! * The user's orders and the deadline come last, and outrank the law.

mod limits;

use core::time::Duration;

use crate::estimate::Bandwidth;
use crate::event::Cause;
use crate::law::{Decision, Limit};
use crate::policy::{Policy, Then};
use crate::sample::Sample;
use crate::target::{Action, Target};
use crate::time::Timestamp;
use limits::{bytes_in_ms, force, ms_for};

/// The longest downtime limit QEMU takes (`MAX_MIGRATE_DOWNTIME`, QEMU `migration/options.c`).
pub const DOWNTIME_LIMIT_MAX_MS: u32 = 2_000_000;

/// libvirt's "no limit" (`QEMU_DOMAIN_MIG_BANDWIDTH_MAX`, libvirt `src/qemu/qemu_domain.h`), MiB/s.
pub const SPEED_UNLIMITED_MIB_PER_S: u64 = 8_796_093_022_207;

/// What a pause takes with nothing left to send: 20 to 29 ms measured on idle guests (device state, stop
/// and start). No estimate of QEMU's holds it, so that it is taken off the policy's ceiling.
const PAUSE_FIXED_MS: u32 = 30;

/// Going, a limit up to that of one of QEMU's windows (100 ms) is reckoned with the window it reports now, be it a
/// stall: it would be refused for as long as that lasts, and should it end, no more than so long a pause is accepted.
const STALL_MS: u32 = 100;

/// How long a speed ceiling is lifted to let QEMU see the link: five of its windows.
const LIFT: Duration = Duration::from_millis(500);

/// After an action was refused, it is tried again no sooner.
const RETRY: Duration = Duration::from_secs(1);

/// How often post-copy is asked for: an answer may be lost, but libvirt's mind does not change.
const POSTCOPY_TRIES: u32 = 3;

/// What the guard lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The target, whole.
    pub target: Target,
    /// Why: the law's cause, or what overruled it.
    pub cause: Cause,
    /// The pause that the policy forbids, if the law would have gone.
    pub forbidden_pause: Option<Duration>,
}

/// Whether the speed ceiling hides the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Nothing faster than the ceiling was ever seen.
    Unseen,
    /// The ceiling is lifted since then.
    Lifted(Timestamp),
    /// It was lifted, and this is what the link carried, bytes per second.
    Seen(u64),
}

/// The guard's memory of one migration.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    policy: Policy,
    link: Link,
    begun: Option<Timestamp>,
    acted: Option<Action>,
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
            acted: None,
            retry_at: None,
            refusals: 0,
        }
    }

    /// The action that was taken, if one was.
    #[must_use]
    pub fn acted(&self) -> Option<Action> {
        self.acted
    }

    /// Whether limits that somebody else changes are set again.
    #[must_use]
    pub fn insists(&self) -> bool {
        self.policy.insists
    }

    /// libvirt refused `action`: it has not happened. A migration that was not begun with post-copy cannot
    /// go over to it at its deadline: the guest is then switched over, for the deadline outranks the pause.
    pub fn refused(&mut self, action: Action, at: Timestamp) {
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

    /// What is due before memory flows, when nothing may be set: giving up at the deadline, for storage
    /// that is copied first may take as long as it likes.
    pub fn before_memory(&mut self, sample: &Sample) -> Option<Order> {
        let deadline = self.policy.deadline.filter(|d| d.then == Then::Abort)?;
        let due = Duration::from_millis(sample.elapsed_ms) >= deadline.after;
        due.then(|| Order {
            target: Target {
                speed_mib_per_s: None,
                ..self.act(sample.at, Action::Abort, Cause::Deadline).target
            },
            cause: Cause::Deadline,
            forbidden_pause: None,
        })
    }

    /// Turns a decision into a target.
    pub fn pass(&mut self, sample: &Sample, decision: &Decision, bandwidth: &Bandwidth) -> Order {
        let begun = *self.begun.get_or_insert(sample.at);
        self.follow_link(sample.at, bandwidth);
        if let Some(order) = self.overrule(sample, begun) {
            return order;
        }
        let action = decision.action.filter(|&action| self.may(action));
        let mut order = match (action, decision.limit) {
            (Some(action), _) => self.act(sample.at, action, decision.cause),
            (None, Limit::Leave) => self.keep(decision.cause),
            (None, Limit::Bytes(accept)) => self.limit(sample, accept, decision.cause, bandwidth),
            (None, Limit::Millis(limit_ms)) => self.limit_ms(limit_ms, decision.cause),
        };
        order.target.speed_mib_per_s = self.speed(decision.speed_mib_per_s);
        order
    }

    /// Whether a law may take this step. An observer's takes none. A migration that somebody began without post-copy refuses it: what
    /// the law accepts beside it counts then.
    fn may(&self, action: Action) -> bool {
        // A ceiling would not hold in post-copy, in which the guest runs, and under it nobody knows what the pause
        // would be that post-copy is to spare.
        let ceiling = self.policy.speed_max_mib_per_s.is_some();
        let refused = self.refusals >= POSTCOPY_TRIES;
        !self.policy.observes && !(action == Action::StartPostcopy && (refused || ceiling))
    }

    /// A limit in QEMU's own terms, which the policy's ceiling holds within itself.
    fn limit_ms(&self, limit_ms: u32, cause: Cause) -> Order {
        let ceiling_ms = self.policy.downtime_max_ms.unwrap_or(u32::MAX);
        let mut order = self.keep(cause);
        order.target.downtime_ms = Some(limit_ms.min(ceiling_ms).clamp(1, DOWNTIME_LIMIT_MAX_MS));
        order
    }

    /// The user's orders and the deadline.
    fn overrule(&mut self, sample: &Sample, begun: Timestamp) -> Option<Order> {
        if self.acted == Some(Action::Suspend) {
            return Some(force(Cause::Order));
        }
        if self.policy.postcopy_after_first_round && sample.iteration >= 2 {
            return Some(self.act(sample.at, Action::StartPostcopy, Cause::Order));
        }
        if let Some(timeout) = self.policy.timeout
            && sample.at.since(timeout.from.unwrap_or(begun)) >= timeout.after
        {
            return Some(self.act(sample.at, timeout.action, Cause::Order));
        }
        let deadline = self.policy.deadline?;
        if Duration::from_millis(sample.elapsed_ms) < deadline.after {
            return None;
        }
        Some(match deadline.then {
            // The first round has nothing to show for a pause: all of memory would be sent in it, and the
            // migration be over no sooner than if the guest ran on until the round has ended.
            Then::Switchover if sample.iteration < 2 => return None,
            Then::Switchover => force(Cause::Deadline),
            Then::Abort => self.act(sample.at, Action::Abort, Cause::Deadline),
            Then::Postcopy => self.act(sample.at, Action::StartPostcopy, Cause::Deadline),
        })
    }

    /// Lets one action through, once.
    fn act(&mut self, at: Timestamp, action: Action, cause: Cause) -> Order {
        let mut order = self.keep(cause);
        if self.acted.is_none() && self.retry_at.is_none_or(|retry| at >= retry) {
            self.acted = Some(action);
            order.target.action = Some(action);
        }
        order
    }

    fn limit(
        &mut self,
        sample: &Sample,
        accept: u64,
        cause: Cause,
        bandwidth: &Bandwidth,
    ) -> Order {
        let told = self.policy.switchover_bytes_per_s;
        let compared = told.unwrap_or_else(|| bandwidth.lowest_window());
        // Nothing at all is the same at any bandwidth.
        if compared == 0 && accept > 0 {
            return self.keep(cause);
        }
        let switchover = told.unwrap_or_else(|| self.switchover_bytes_per_s(bandwidth));
        let ceiling = self.policy.downtime_max_ms.map_or(u64::MAX, |max_ms| {
            bytes_in_ms(switchover, max_ms.saturating_sub(PAUSE_FIXED_MS).max(1))
        });
        let forbidden = cause.goes() && accept > ceiling;
        if forbidden && told.is_none() && self.hidden_by_ceiling() {
            self.link = Link::Lifted(sample.at);
        }
        let mut order = self.keep(if forbidden { Cause::Ceiling } else { cause });
        let mut limit_ms = ms_for(accept.min(ceiling), compared, forbidden);
        if cause.goes() && !forbidden && told.is_none() {
            limit_ms = limit_ms.max(self.in_a_stall(accept, sample.window_bytes_per_s));
        }
        order.target.downtime_ms = Some(limit_ms);
        if forbidden && !matches!(self.link, Link::Lifted(_)) {
            order.forbidden_pause = Some(Duration::from_millis(
                u64::from(ms_for(accept, switchover, false)) + u64::from(PAUSE_FIXED_MS),
            ));
        }
        order
    }

    /// The limit that accepts as much in the window QEMU reports, within [`STALL_MS`] and the policy.
    fn in_a_stall(&self, accept: u64, window_bytes_per_s: u64) -> u32 {
        let longest_ms = self.policy.downtime_max_ms.unwrap_or(u32::MAX);
        let most_ms = longest_ms.saturating_sub(PAUSE_FIXED_MS).clamp(1, STALL_MS);
        match window_bytes_per_s {
            0 => 1,
            window => ms_for(accept, window, false).min(most_ms),
        }
    }

    /// Nothing but the speed that is due.
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
        Some(match self.link {
            Link::Lifted(_) => SPEED_UNLIMITED_MIB_PER_S,
            Link::Unseen | Link::Seen(_) => wanted_mib_per_s.unwrap_or(ceiling).min(ceiling),
        })
    }

    fn hidden_by_ceiling(&self) -> bool {
        self.policy.speed_max_mib_per_s.is_some()
            && !self.policy.speed_is_order
            && self.link == Link::Unseen
    }

    /// Ends a lift when its time is over, with what it showed.
    fn follow_link(&mut self, now: Timestamp, bandwidth: &Bandwidth) {
        if let Link::Lifted(since) = self.link
            && now.since(since) >= LIFT
        {
            self.link = Link::Seen(bandwidth.middle_window());
        }
    }

    /// What the switchover will run at. A ceiling that hides the link counts as the link: the pause is
    /// then shorter than reckoned, never longer.
    fn switchover_bytes_per_s(&self, bandwidth: &Bandwidth) -> u64 {
        match self.link {
            Link::Seen(bytes_per_s) => bytes_per_s,
            Link::Unseen | Link::Lifted(_) => bandwidth.lowest_window(),
        }
    }
}

#[cfg(test)]
mod tests;
