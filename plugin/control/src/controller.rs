//! Control of one migration: takes samples, returns targets, publishes events.
//!
//! ```text
//!              first sample with memory flowing    terminal / external change / acted
//!   Waiting ------------------------------> Active -----------------------------> Released
//! ```
//! In `Waiting` nothing is set: limits set before memory flows outlive a failed migration, because libvirt restores
//! only settings changed during the job. `Released` is final.

mod external_change;
mod postcopy_speed;

use core::time::Duration;

use crate::estimate::{
    Activity, Bandwidth, CheckedPrior, Compression, DeviceState, Phases, Prior, Round, Rounds,
    Writes,
};
use crate::event::{Event, Publisher, Release};
use crate::guard::{Guard, Measured, Order};
use crate::in_force::InForce;
use crate::law::{Decision, Law, Limit, View};
use crate::policy::Policy;
use crate::sample::{JobState, Sample, Settings};
use crate::target::{Action, Target};
use crate::time::Timestamp;
use postcopy_speed::PostcopySpeed;

/// How often to poll while memory flows: QEMU's own window. An iteration event shortens the wait.
const POLL: Duration = Duration::from_millis(100);

/// How often to poll before memory flows, and before its bandwidth is known: the first round of a small guest is short.
const POLL_EARLY: Duration = Duration::from_millis(50);

/// How often to poll after control has ended.
const POLL_RELEASED: Duration = Duration::from_millis(500);

/// A limit within this share of the one in force is not sent again: QEMU's windows vary by as much.
const DEAD_BAND_PERCENT: u64 = 10;

/// The state of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Active,
    Released,
}

/// Control of one migration by one law.
#[derive(Clone, Debug)]
pub struct Controller<L> {
    law: L,
    guard: Guard,
    ceiling: Option<Duration>,
    rounds: Rounds,
    bandwidth: Bandwidth,
    device_state: DeviceState,
    activity: Activity,
    writes: Writes,
    prior: CheckedPrior,
    /// The switchover bandwidth configured in QEMU, bytes per second.
    configured_bytes_per_s: Option<u64>,
    /// None if this controller does not set the cache size.
    compression: Option<Compression>,
    postcopy_speed: PostcopySpeed,
    phase: Phase,
    decision: Option<Decision>,
    in_force: InForce,
    /// Settings still to be restored after an external change.
    to_restore: Target,
    unreachable: bool,
}

impl<L: Law> Controller<L> {
    /// Control by `law` within `policy`.
    pub fn new(law: L, policy: Policy) -> Self {
        Self {
            law,
            guard: Guard::new(policy),
            ceiling: policy
                .longest_pause_ms()
                .map(|ms| Duration::from_millis(ms.into())),
            rounds: Rounds::default(),
            bandwidth: Bandwidth::default(),
            device_state: DeviceState::default(),
            configured_bytes_per_s: policy.switchover_bytes_per_s,
            activity: Activity::default(),
            writes: Writes::default(),
            prior: CheckedPrior::default(),
            compression: policy.cache_most_bytes.map(Compression::new),
            postcopy_speed: PostcopySpeed::new(&policy),
            phase: Phase::Waiting,
            decision: None,
            in_force: InForce::default(),
            to_restore: Target::NONE,
            unreachable: false,
        }
    }

    /// The same, for a migration whose limits were `before` until a predecessor set them, and are now as `expected`
    /// unless another has changed them since.
    #[must_use]
    pub fn after(mut self, before: Settings, expected: Target) -> Self {
        self.in_force = InForce::after(before, expected);
        self
    }

    /// The same, with prior knowledge of the guest.
    #[must_use]
    pub fn knowing(mut self, prior: Prior) -> Self {
        self.prior = CheckedPrior::new(prior);
        self
    }

    /// The law's name.
    pub fn law(&self) -> &'static str {
        self.law.name()
    }

    /// How long to wait before the next poll, at most.
    #[must_use]
    pub fn next_poll(&self) -> Duration {
        match self.phase {
            Phase::Waiting => POLL_EARLY,
            // Until QEMU's first window has ended, nothing can be set.
            Phase::Active if self.bandwidth.smooth() == 0 || self.device_state.is_doubtful() => {
                POLL_EARLY
            }
            Phase::Active => POLL,
            Phase::Released => POLL_RELEASED,
        }
    }

    /// Whether the next poll should read the settings back. Each one should: an external change not seen before the
    /// next target would be overwritten, and never be noticed.
    #[must_use]
    pub fn wants_settings(&self) -> bool {
        self.phase != Phase::Released
    }

    /// The present estimate of the bandwidth, bytes per second; zero while unknown.
    #[must_use]
    pub fn bytes_per_s(&self) -> u64 {
        self.bandwidth.smooth()
    }

    /// Takes one sample in; returns the settings to change, often none.
    pub fn poll(&mut self, sample: &Sample, publisher: &mut dyn Publisher) -> Target {
        if self.phase == Phase::Released {
            // libvirt may not have answered when it was to be restored.
            return match sample.state {
                JobState::Precopy => self.to_restore,
                _ => Target::NONE,
            };
        }
        if sample.state == JobState::Setup {
            // The guest already works in the phases that it will have during the migration.
            self.activity.update(sample);
            self.follow_writes(sample, None, publisher);
            return self.before_memory(sample, publisher);
        }
        if sample.state == JobState::Switchover {
            // The guest is paused, for the last copy or because somebody suspended it: libvirt does not tell which. If
            // it runs again, control goes on.
            return Target::NONE;
        }
        if sample.state != JobState::Precopy {
            return self.release(sample.at, Release::Terminal, publisher);
        }
        if sample.iteration == 0 {
            return Target::NONE;
        }
        if self.phase == Phase::Waiting {
            self.phase = Phase::Active;
            publisher.publish(sample.at, Event::Begun);
        }
        if let Some(last) = self.yields(sample, publisher) {
            return last;
        }
        self.steer(sample, publisher)
    }

    /// Tells whether the target of the last poll was set.
    pub fn outcome(
        &mut self,
        at: Timestamp,
        target: &Target,
        done: bool,
        publisher: &mut dyn Publisher,
    ) {
        self.postcopy_speed
            .outcome(target.postcopy_speed_mib_per_s, done);
        if !done {
            self.in_force.refused();
            if let Some(action) = target.action {
                self.guard.refused(action, at);
            }
            if let (Some(_), Some(compression)) =
                (target.compression_cache_bytes, &mut self.compression)
            {
                compression.refused();
            }
            publisher.publish(at, Event::Refused(*target));
            return;
        }
        self.to_restore = Target::NONE;
        self.in_force.set(target);
        if let Some(action @ (Action::Abort | Action::StartPostcopy)) = target.action {
            self.release(at, Release::Acted(action), publisher);
        }
    }

    fn before_memory(&mut self, sample: &Sample, publisher: &mut dyn Publisher) -> Target {
        let Some(Order { target, cause, .. }) = self.guard.before_memory(sample) else {
            return Target::NONE;
        };
        if target != Target::NONE {
            publisher.publish(sample.at, Event::Targeted { target, cause });
        }
        target
    }

    fn steer(&mut self, sample: &Sample, publisher: &mut dyn Publisher) -> Target {
        self.bandwidth.update(sample);
        self.activity.update(sample);
        let round = self.rounds.update(sample);
        if let Some(round) = round {
            publisher.publish(sample.at, Event::Round(round));
        }
        self.follow_writes(sample, round.as_ref(), publisher);
        self.check_prior(sample.at, round.as_ref(), publisher);
        self.follow_device_state(sample, round.as_ref(), publisher);
        // Busy times of the round that a sync has ended, before the next begins.
        let phases = self.phases();
        let idle_round = round.and_then(|round| self.idle_round(&round));
        let decision = self.law.decide(&View {
            round,
            bytes_per_s: self.bandwidth.smooth(),
            in_round: self.rounds.so_far(sample),
            sample: *sample,
            phases,
            writes: self.writes,
            prior: self.prior,
            idle_round,
            postcopy_ruled_out: self.guard.rules_out_postcopy(),
            fetch: self.guard.fetch(),
            ..View::default()
        });
        self.publish_decision(sample.at, decision, round.is_some(), publisher);
        let measured = Measured {
            bandwidth: &self.bandwidth,
            pending: &self.device_state,
        };
        let order = self.guard.pass(sample, &decision, measured);
        self.publish_unreachable(sample.at, &order, publisher);
        let mut target = self.difference(&order.target);
        target.postcopy_speed_mib_per_s = self.postcopy_speed.due();
        let link_bytes_per_s = self.bandwidth.smooth();
        target.compression_cache_bytes = self
            .compression
            .as_mut()
            .and_then(|compression| compression.wanted_bytes(sample, link_bytes_per_s));
        if target != Target::NONE {
            publisher.publish(
                sample.at,
                Event::Targeted {
                    target,
                    cause: order.cause,
                },
            );
        }
        target
    }

    /// Updates the estimate of the guest's writes, and publishes when a sync changes the trust in the counter.
    fn follow_writes(
        &mut self,
        sample: &Sample,
        round: Option<&Round>,
        publisher: &mut dyn Publisher,
    ) {
        if !self.law.wants_writes() {
            return;
        }
        let known = self.writes.trust();
        self.writes.update(sample, round);
        let trust = self.writes.trust();
        if trust != known {
            publisher.publish(sample.at, Event::Counter(trust));
        }
    }

    /// The phases that the guest shows, in its processors or else in its writes.
    fn phases(&self) -> Option<Phases> {
        let seen = self.activity.phases().or_else(|| self.writes.phases())?;
        Some(self.prior.complete(seen))
    }

    /// Whether the guest was idle throughout a round that has just ended, by its processors or else by its writes.
    fn idle_round(&mut self, round: &Round) -> Option<bool> {
        let by_writes = || {
            let phases = self.writes.phases()?;
            Some(phases.idle && phases.age >= round.duration)
        };
        self.activity.end_round().or_else(by_writes)
    }

    /// Compares the prior with what a sync has found, and publishes the result.
    fn check_prior(
        &mut self,
        now: Timestamp,
        round: Option<&Round>,
        publisher: &mut dyn Publisher,
    ) {
        let known = self.prior.trust();
        self.prior.update(now, round);
        let trust = self.prior.trust();
        if trust != known {
            publisher.publish(now, Event::Prior(trust));
        }
    }

    /// Updates the estimate of pending data other than memory, and publishes when it grows.
    fn follow_device_state(
        &mut self,
        sample: &Sample,
        round: Option<&Round>,
        publisher: &mut dyn Publisher,
    ) {
        let known = self.device_state.bytes();
        self.device_state
            .update(sample, round, self.configured_bytes_per_s);
        let bytes = self.device_state.bytes();
        if bytes > known {
            publisher.publish(sample.at, Event::DeviceState { bytes });
        }
    }

    /// Publishes a decision at a sync, or when its cause changes. Before the first sync the threshold follows the
    /// bandwidth, which is no news.
    fn publish_decision(
        &mut self,
        at: Timestamp,
        decision: Decision,
        round: bool,
        publisher: &mut dyn Publisher,
    ) {
        let known = self
            .decision
            .replace(decision)
            .is_some_and(|d| d.cause == decision.cause && d.threshold_bytes().is_some());
        if let Some(threshold_bytes) = decision.threshold_bytes().filter(|_| round || !known) {
            publisher.publish(
                at,
                Event::Decided {
                    threshold_bytes,
                    cause: decision.cause,
                },
            );
        }
    }

    fn publish_unreachable(&mut self, at: Timestamp, order: &Order, publisher: &mut dyn Publisher) {
        let was = core::mem::replace(&mut self.unreachable, order.forbidden_pause.is_some());
        if let (Some(pause), Some(ceiling), false) = (order.forbidden_pause, self.ceiling, was) {
            publisher.publish(at, Event::Unreachable { pause, ceiling });
        }
    }

    /// A limit computed from bytes varies with the bandwidth; one given in milliseconds is exact.
    fn dead_band_percent(&self) -> u64 {
        match self.decision.map(|decision| decision.limit) {
            Some(Limit::Millis(_)) => 0,
            _ => DEAD_BAND_PERCENT,
        }
    }

    /// The part of `wanted` that is not in force.
    fn difference(&self, wanted: &Target) -> Target {
        let near = |new: u32, old: u32| {
            u64::from(new.abs_diff(old)) * 100 <= u64::from(old) * self.dead_band_percent()
        };
        Target {
            downtime_ms: wanted.downtime_ms.filter(|&new| {
                self.in_force
                    .downtime_ms()
                    .is_none_or(|old| !near(new, old))
            }),
            speed_mib_per_s: wanted
                .speed_mib_per_s
                .filter(|&new| self.in_force.speed_mib_per_s() != Some(new)),
            ..*wanted
        }
    }

    fn release(&mut self, at: Timestamp, why: Release, publisher: &mut dyn Publisher) -> Target {
        self.phase = Phase::Released;
        publisher.publish(at, Event::Released(why));
        Target::NONE
    }
}

#[cfg(test)]
mod tests;
