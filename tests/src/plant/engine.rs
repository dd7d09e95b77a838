//! The migration thread (`migration_thread`, migration/migration.c), in steps of virtual time.
//!
//! ```text
//! Setup -> first sync -> check --estimate < threshold--> Sync -> check exact --below--> Switchover
//!                          ^  \-- else: Send (<= 50 ms) <--------------'  above            |
//!                          |            |                                       Flush -> Device -> Ended
//!                          +-- Throttled (speed used up: until the window ends)
//! post-copy asked, at a check: Turn (pause) -> Fetch -> Ended      abort, failure, any time: -> Ended
//! ```
//! A step is decided, and its bytes are sent, when it begins; a sample in the middle sees it interpolated. So sampling
//! changes nothing.

mod thread;

use std::sync::Arc;
use std::time::Duration;

use libvirt_hpc_control::sample::{JobState, Settings};

use super::guest::PAGE_BYTES;
use super::outcome::{End, Outcome, Sync};
use super::qemu::Qemu;
use super::ram::{Ram, Stop};
use super::throttle::Throttle;
use super::window::Window;
use super::{Link, PlantConfig, nanos, scale};

/// The thread's activity until the step's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Setup,
    Send { tick_end_ns: u64, stop: Stop },
    Throttled,
    Sync,
    FinalSync,
    Flush,
    Device,
    Turn,
    Fetch,
    Ended(End),
}

/// A span of time, and the bytes it moves.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    from_ns: u64,
    to_ns: u64,
    sent_before: u64,
    sent_after: u64,
    pending_before: u64,
    pending_after: u64,
}

/// The rate of the link for a while.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    from_ns: u64,
    to_ns: u64,
    bytes_per_s: u64,
}

/// Requests of the guest and the controller to the thread.
#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    stopped_ns: Option<u64>,
    postcopy: bool,
    force: bool,
}

/// The migration thread.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    qemu: Qemu,
    link: Arc<Link>,
    rate: Rate,
    seed: u64,
    ram: Ram,
    throttle: Throttle,
    pub(super) settings: Settings,
    /// `max-postcopy-bandwidth`, MiB/s; zero is no limit.
    pub(super) postcopy_speed_mib_per_s: u64,
    pub(super) window: Window,
    phase: Phase,
    step: Step,
    orders: Orders,
    pause_ns: u64,
    ended_ns: u64,
    pub(super) syncs: Vec<Sync>,
    /// Grows with every sync and every change of state.
    pub(super) notices: u64,
}

impl Engine {
    pub(super) fn new(config: &PlantConfig) -> Self {
        let qemu = config.qemu.clone();
        let ram = Ram::new(&config.guest, &qemu, config.seed);
        let settings = Settings {
            downtime_ms: qemu.downtime_limit_ms,
            speed_mib_per_s: qemu.speed_mib_per_s,
        };
        let pending = ram.pending_bytes();
        let step = Step {
            to_ns: nanos(qemu.setup),
            pending_before: pending,
            pending_after: pending,
            ..Step::default()
        };
        Self {
            window: Window::begin(0, settings, pending),
            link: Arc::new(config.link.clone()),
            rate: Rate::default(),
            throttle: Throttle::new(qemu.auto_converge),
            postcopy_speed_mib_per_s: qemu.postcopy_speed_mib_per_s,
            seed: config.seed,
            phase: Phase::Setup,
            orders: Orders::default(),
            pause_ns: 0,
            ended_ns: 0,
            syncs: Vec::new(),
            notices: 0,
            qemu,
            ram,
            settings,
            step,
        }
    }

    /// When something happens next, ns; none after the end.
    pub(super) fn next_ns(&self) -> Option<u64> {
        (!matches!(self.phase, Phase::Ended(_))).then_some(self.step.to_ns)
    }

    /// `virDomainSuspend`: the guest is paused, the migration goes on as before.
    pub(super) fn suspend(&mut self, now_ns: u64) {
        self.orders.stopped_ns.get_or_insert(now_ns);
        self.notices += 1;
    }

    /// `migrate-start-postcopy`: acts at the next check.
    pub(super) fn ask_postcopy(&mut self) {
        self.orders.postcopy = true;
    }

    /// The next check stops the guest with any remainder, as a limit set beforehand does.
    pub(super) fn force(&mut self) {
        self.orders.force = true;
    }

    /// Ends the job in the middle of a step: the guest runs on where it is.
    pub(super) fn break_off(&mut self, now_ns: u64, end: End) {
        let (sent, pending) = (self.sent_bytes(now_ns), self.remaining_bytes(now_ns));
        self.step = Step {
            from_ns: now_ns,
            to_ns: now_ns,
            sent_before: sent,
            sent_after: sent,
            pending_before: pending,
            pending_after: pending,
        };
        self.pause_ns = self
            .orders
            .stopped_ns
            .map_or(0, |stopped_ns| now_ns - stopped_ns);
        self.end(now_ns, end);
    }

    pub(super) fn state(&self) -> JobState {
        match self.phase {
            Phase::Setup => JobState::Setup,
            Phase::Send { .. } | Phase::Throttled | Phase::Sync => JobState::Precopy,
            Phase::FinalSync | Phase::Flush | Phase::Device => JobState::Switchover,
            Phase::Turn | Phase::Fetch => JobState::Postcopy,
            Phase::Ended(_) => JobState::Ended,
        }
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.ram.total_bytes()
    }

    /// Bytes on the wire at `now_ns`.
    pub(super) fn sent_bytes(&self, now_ns: u64) -> u64 {
        self.step.sent_before + self.share(now_ns, self.step.sent_after - self.step.sent_before)
    }

    /// Remaining bytes of the last sync at `now_ns`.
    pub(super) fn remaining_bytes(&self, now_ns: u64) -> u64 {
        let gone = self
            .step
            .pending_before
            .saturating_sub(self.step.pending_after);
        self.step.pending_before - self.share(now_ns, gone)
    }

    /// How long the job has lasted at `now_ns`, ns.
    pub(super) fn elapsed_ns(&self, now_ns: u64) -> u64 {
        if self.state() == JobState::Ended {
            self.ended_ns
        } else {
            now_ns
        }
    }

    /// The outcome so far, at `now_ns`.
    pub(super) fn outcome(&self, now_ns: u64) -> Outcome {
        let total_ns = self.elapsed_ns(now_ns);
        let running_ns = self.orders.stopped_ns.unwrap_or(total_ns).min(total_ns);
        let (end, pause_ns) = match self.phase {
            Phase::Ended(end) => (end, self.pause_ns),
            _ => (End::Never, total_ns - running_ns),
        };
        Outcome {
            end,
            total: Duration::from_nanos(total_ns),
            pause: Duration::from_nanos(pause_ns),
            precopy: Duration::from_nanos(running_ns),
            throttled: Duration::from_nanos(self.throttle.lost_ns(running_ns)),
            bytes: self.sent_bytes(now_ns),
            iterations: self.syncs.len() as u64,
        }
    }

    fn end(&mut self, now_ns: u64, end: End) {
        if end == End::Completed {
            self.pause_ns = now_ns - self.guest_ns(now_ns);
        }
        self.phase = Phase::Ended(end);
        self.ended_ns = now_ns;
        self.notices += 1;
    }

    /// Until when the guest has run on the source, ns.
    pub(super) fn guest_ns(&self, now_ns: u64) -> u64 {
        self.orders
            .stopped_ns
            .map_or(now_ns, |stopped_ns| stopped_ns.min(now_ns))
    }

    /// How long it has worked there, ns: less than it has run, if it is throttled.
    pub(super) fn work_ns(&self, now_ns: u64) -> u64 {
        let guest_ns = self.guest_ns(now_ns);
        guest_ns.saturating_sub(self.throttle.lost_ns(guest_ns))
    }

    /// Pages that it has written there for the first time since they were protected.
    pub(super) fn first_writes_pages(&mut self, now_ns: u64) -> u64 {
        let work_ns = self.work_ns(now_ns);
        self.ram.first_writes_bytes(work_ns) / PAGE_BYTES
    }

    /// The share of processor time taken from the guest, per cent.
    pub(super) const fn throttle_percent(&self) -> u64 {
        self.throttle.percent()
    }

    /// Pending bytes that hold data, at the step's end.
    pub(super) fn pending_data_bytes(&self) -> u64 {
        self.ram.pending_data_bytes()
    }

    /// The part of `whole` that the step has moved at `now_ns`.
    fn share(&self, now_ns: u64, whole: u64) -> u64 {
        let span_ns = self.step.to_ns - self.step.from_ns;
        if span_ns == 0 || now_ns >= self.step.to_ns {
            return whole;
        }
        scale(whole, now_ns.saturating_sub(self.step.from_ns), span_ns)
    }
}
