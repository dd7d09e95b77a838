//! The plant behind the controller's port.

use std::sync::Arc;
use std::time::Duration;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{self, JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

use super::counter::FaultCounter;
use super::engine::Engine;
use super::error::PlantError;
use super::guest::Writer;
use super::outcome::{End, Outcome, Sync};
use super::qemu::MAX_DOWNTIME_MS;
use super::script::{Change, Fault, Faults, Script};
use super::{PlantConfig, nanos};

/// A target that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// When.
    pub at: Timestamp,
    /// The accepted part of the target.
    pub target: Target,
}

/// One migration in virtual time; its clock is zero when the job begins.
#[derive(Clone, Debug)]
pub struct Plant {
    engine: Engine,
    programs: Arc<[Writer]>,
    counter: FaultCounter,
    now_ns: u64,
    script: Script,
    faults: Faults,
    applied: Vec<Applied>,
    announced: Option<(u64, Timestamp)>,
    latency_ns: u64,
    postcopy: bool,
}

impl Plant {
    /// A migration that is about to begin.
    #[must_use]
    pub fn new(config: &PlantConfig) -> Self {
        Self {
            engine: Engine::new(config),
            programs: config.guest.writers.clone().into(),
            counter: FaultCounter::new(config.counter, config.seed),
            now_ns: 0,
            script: Script::default(),
            faults: Faults::default(),
            applied: Vec::new(),
            announced: None,
            latency_ns: nanos(config.qemu.monitor_latency),
            postcopy: config.qemu.postcopy,
        }
    }

    /// What the guest's programs have used of its processors, each one of its own.
    fn vcpu_time_ns(&self) -> u64 {
        let ran = Duration::from_nanos(self.engine.work_ns(self.now_ns));
        self.programs
            .iter()
            .map(|program| nanos(program.busy(ran)))
            .sum()
    }

    /// The counter of page faults, if a reading is due now.
    fn count(&mut self) -> Option<sample::Faults> {
        if !self.counter.is_due(self.now_ns) {
            return None;
        }
        let pages = self.engine.first_writes_pages(self.now_ns);
        Some(self.counter.read(self.now_ns, pages))
    }

    /// `change` will happen at `when`; at once if that is past.
    #[must_use]
    pub fn at(mut self, when: Duration, change: Change) -> Self {
        self.script.add(nanos(when), change);
        self
    }

    /// `fault` will last from `from` to `to`.
    #[must_use]
    pub fn between(self, from: Duration, to: Duration, fault: Fault) -> Self {
        self.at(from, Change::Begin(fault))
            .at(to, Change::End(fault))
    }

    /// Lets time pass until the job ends, or its clock shows `horizon`.
    pub fn run(&mut self, horizon: Duration) -> Outcome {
        let until_ns = nanos(horizon);
        while self.now_ns < until_ns && self.engine.state() != JobState::Ended {
            self.advance(until_ns, true);
        }
        self.outcome()
    }

    /// What it has cost so far, or in all.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.engine.outcome(self.now_ns)
    }

    /// Every sync so far, with its true values.
    #[must_use]
    pub fn syncs(&self) -> &[Sync] {
        &self.engine.syncs
    }

    /// Every target accepted through the port, in order.
    #[must_use]
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// libvirt's present downtime and speed limits.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.engine.settings
    }

    /// QEMU's `expected-downtime`, milliseconds: the dirty bytes of the last sync over a window's bandwidth, or the
    /// limit itself while there is no dirty rate.
    #[must_use]
    pub fn expected_downtime_ms(&self) -> u64 {
        self.engine.window.expected_downtime_ms
    }

    /// The next check of the loop stops the guest with any remainder, as a limit set long before would.
    pub(super) fn force(&mut self) {
        self.engine.force();
    }

    /// Lets time pass until the guest has stopped and its last sync is over, or the clock shows `until_ns`.
    pub(super) fn stop(&mut self, until_ns: u64) {
        while self.now_ns < until_ns
            && matches!(self.engine.state(), JobState::Setup | JobState::Precopy)
        {
            self.advance(until_ns, true);
        }
        if self.engine.state() == JobState::Switchover {
            self.advance(until_ns, true);
        }
    }

    /// Pending bytes that hold data, at the end of the sender's present step.
    pub(super) fn pending_data_bytes(&self) -> u64 {
        self.engine.pending_data_bytes()
    }

    /// Moves the clock to `until_ns`; with `alert`, no further than to the next notice.
    fn advance(&mut self, until_ns: u64, alert: bool) {
        let notices = self.engine.notices;
        while !(alert && self.engine.notices != notices) {
            let change_ns = self.script.next_ns().map(|at_ns| at_ns.max(self.now_ns));
            match (self.engine.next_ns(), change_ns) {
                (Some(step_ns), change_ns)
                    if step_ns <= until_ns && change_ns.is_none_or(|at_ns| step_ns <= at_ns) =>
                {
                    self.now_ns = step_ns;
                    self.turn();
                }
                (_, Some(at_ns)) if at_ns <= until_ns => {
                    self.now_ns = at_ns;
                    self.change();
                }
                _ => {
                    self.now_ns = self.now_ns.max(until_ns);
                    return;
                }
            }
        }
    }

    /// One turn of the engine; a sync is announced unless the event is lost.
    fn turn(&mut self) {
        let (syncs, notices) = (self.engine.syncs.len(), self.engine.notices);
        let state = self.engine.state();
        self.engine.turn();
        if self.engine.syncs.len() == syncs {
            return;
        }
        if !self.faults.events_lost {
            let now = Timestamp::from_nanos(self.now_ns);
            self.announced = Some((self.engine.syncs.len() as u64, now));
        } else if self.engine.state() == state {
            self.engine.notices = notices;
        }
    }

    fn change(&mut self) {
        match self.script.take(self.now_ns) {
            Some(Change::External(target)) => drop(self.order(&target)),
            Some(Change::Begin(fault)) => self.faults.set(fault, true),
            Some(Change::End(fault)) => self.faults.set(fault, false),
            Some(Change::Fail) if self.engine.state() != JobState::Ended => {
                self.engine.break_off(self.now_ns, End::Failed);
            }
            Some(Change::Fail) | None => {}
        }
    }

    /// Carries out `target` up to the first refusal; returns the accepted part, and the refusal.
    fn order(&mut self, target: &Target) -> (Target, Result<(), PlantError>) {
        let mut done = Target::NONE;
        let result = self.order_into(target, &mut done);
        (done, result)
    }

    fn order_into(&mut self, target: &Target, done: &mut Target) -> Result<(), PlantError> {
        if self.engine.state() == JobState::Ended {
            return Err(PlantError::NoJob);
        }
        if let Some(speed_mib_per_s) = target.speed_mib_per_s {
            self.engine.settings.speed_mib_per_s = speed_mib_per_s;
            done.speed_mib_per_s = target.speed_mib_per_s;
        }
        if let Some(speed_mib_per_s) = target.postcopy_speed_mib_per_s {
            self.engine.postcopy_speed_mib_per_s = speed_mib_per_s;
            done.postcopy_speed_mib_per_s = target.postcopy_speed_mib_per_s;
        }
        if let Some(downtime_ms) = target.downtime_ms {
            if !(1..=MAX_DOWNTIME_MS).contains(&u64::from(downtime_ms)) {
                return Err(PlantError::Downtime(downtime_ms));
            }
            self.engine.settings.downtime_ms = u64::from(downtime_ms);
            done.downtime_ms = target.downtime_ms;
        }
        if let Some(action) = target.action {
            self.act(action)?;
            done.action = target.action;
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), PlantError> {
        if matches!(
            self.engine.state(),
            JobState::Switchover | JobState::Postcopy
        ) {
            return Err(PlantError::TooLate(action));
        }
        match action {
            Action::Abort => self.engine.break_off(self.now_ns, End::Aborted),
            Action::Suspend => self.engine.suspend(self.now_ns),
            Action::StartPostcopy if !self.postcopy => return Err(PlantError::PostcopyDisabled),
            Action::StartPostcopy => self.engine.ask_postcopy(),
        }
        Ok(())
    }
}

impl Job for Plant {
    type Error = PlantError;

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now_ns)
    }

    fn sample(&mut self, settings: bool) -> Result<Sample, PlantError> {
        self.advance(self.now_ns.saturating_add(self.latency_ns), false);
        if self.faults.deaf {
            return Err(PlantError::Silent);
        }
        let iteration = self.engine.syncs.len() as u64;
        let faults = self.count();
        let window = &self.engine.window;
        Ok(Sample {
            at: self.now(),
            state: self.engine.state(),
            iteration,
            sync_at: self
                .announced
                .filter(|(sync, _)| *sync == iteration)
                .map(|(_, at)| at),
            elapsed_ms: self.engine.elapsed_ns(self.now_ns) / 1_000_000,
            total_bytes: self.engine.total_bytes(),
            processed_bytes: self.engine.sent_bytes(self.now_ns),
            remaining_bytes: self.engine.remaining_bytes(self.now_ns),
            disk_remaining_bytes: 0,
            window_bytes_per_s: window.bytes_per_s,
            dirty_bytes_per_s: window.dirty_bytes_per_s,
            throttle_percent: self.engine.throttle_percent(),
            compression_cache_bytes: 0,
            vcpu_time_ns: Some(self.vcpu_time_ns()),
            faults,
            settings: settings.then_some(self.engine.settings),
        })
    }

    fn apply(&mut self, target: &Target) -> Result<(), PlantError> {
        if self.faults.refusing {
            return Err(PlantError::Refused);
        }
        let (done, result) = self.order(target);
        if done != Target::NONE {
            self.applied.push(Applied {
                at: self.now(),
                target: done,
            });
        }
        result
    }

    fn wait(&mut self, at_most: Duration) {
        self.advance(self.now_ns.saturating_add(nanos(at_most)), true);
    }
}
