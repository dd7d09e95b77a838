//! Scripted samples for tests: every 100 ms, at 100 MB/s, whatever the law does.

use std::time::Duration;

use libvirt_hpc_control::estimate::Round;
use libvirt_hpc_control::law::{Law, Limit, View};
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::Action;
use libvirt_hpc_control::time::Timestamp;

use crate::{Baseline, BaselineLaw};

const POLL_MS: u64 = 100;
const BYTES_PER_MS: u64 = 100_000;

/// No script is longer.
const LONGEST_MS: u64 = 4_000_000;

type Remaining = Box<dyn Fn(u64) -> u64>;

/// A law, and its input.
pub(crate) struct Script {
    law: BaselineLaw,
    next_ms: u64,
    memory_bytes: u64,
    iteration_every_ms: u64,
    window_bytes_per_s: u64,
    remaining: Remaining,
    at_syncs: Remaining,
    limits: Vec<(u64, u32)>,
    actions: Vec<(u64, Action)>,
    speed_mib_per_s: Option<u64>,
}

impl Script {
    pub(crate) fn of(law: &str) -> Self {
        let baseline: Baseline = law.parse().expect("a law");
        Self {
            law: baseline.build(),
            next_ms: 0,
            memory_bytes: 8 << 30,
            iteration_every_ms: LONGEST_MS,
            window_bytes_per_s: BYTES_PER_MS * 1000,
            remaining: Box::new(|_| 1 << 30),
            at_syncs: Box::new(|_| 1 << 30),
            limits: Vec::new(),
            actions: Vec::new(),
            speed_mib_per_s: None,
        }
    }

    pub(crate) fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    pub(crate) fn iteration_every_ms(mut self, ms: u64) -> Self {
        self.iteration_every_ms = ms;
        self
    }

    pub(crate) fn window_bytes_per_s(mut self, bytes_per_s: u64) -> Self {
        self.window_bytes_per_s = bytes_per_s;
        self
    }

    /// The remaining memory reported at a time in milliseconds.
    pub(crate) fn remaining(mut self, remaining: impl Fn(u64) -> u64 + 'static) -> Self {
        self.remaining = Box::new(remaining);
        self
    }

    /// The remaining memory that the sync at a time in milliseconds finds.
    pub(crate) fn at_syncs(mut self, remaining: impl Fn(u64) -> u64 + 'static) -> Self {
        self.at_syncs = Box::new(remaining);
        self
    }

    /// When which limit was set, up to a time.
    pub(crate) fn limits_until(&mut self, until_ms: u64) -> Vec<(u64, u32)> {
        while self.next_ms <= until_ms {
            self.step();
        }
        self.limits.clone()
    }

    /// When which action was wanted, up to a time.
    pub(crate) fn actions_until(&mut self, until_ms: u64) -> Vec<(u64, Action)> {
        self.limits_until(until_ms);
        self.actions.clone()
    }

    /// The first action, however long that takes.
    pub(crate) fn first_action(&mut self) -> Option<(u64, Action)> {
        while self.actions.is_empty() && self.next_ms < LONGEST_MS {
            self.step();
        }
        self.actions.first().copied()
    }

    pub(crate) fn speed_mib_per_s(&self) -> Option<u64> {
        self.speed_mib_per_s
    }

    fn step(&mut self) {
        let at_ms = self.next_ms;
        self.next_ms += POLL_MS;
        let decision = self.law.decide(&self.view(at_ms));
        if let Limit::Millis(ms) = decision.limit
            && self.limits.last().is_none_or(|&(_, last)| last != ms)
        {
            self.limits.push((at_ms, ms));
        }
        if let Some(action) = decision.action
            && self.actions.last().is_none_or(|&(_, last)| last != action)
        {
            self.actions.push((at_ms, action));
        }
        self.speed_mib_per_s = decision.speed_mib_per_s;
    }

    fn view(&self, at_ms: u64) -> View {
        let every = self.iteration_every_ms;
        let iteration = 1 + at_ms / every;
        let at = Timestamp::from_nanos((1_000 + at_ms) * 1_000_000);
        let synced = at_ms > 0 && at_ms % every < POLL_MS;
        View {
            round: synced.then(|| Round {
                iteration,
                syncs: 1,
                at,
                remaining_bytes: (self.at_syncs)(at_ms),
                duration: Duration::from_millis(every),
                sent_bytes: every * BYTES_PER_MS,
                memory_bytes: every * BYTES_PER_MS,
                unsent_bytes: 0,
                done_bytes: every * BYTES_PER_MS,
            }),
            bytes_per_s: self.window_bytes_per_s,
            sample: Sample {
                at,
                state: JobState::Precopy,
                iteration,
                elapsed_ms: at_ms,
                total_bytes: self.memory_bytes,
                processed_bytes: at_ms * BYTES_PER_MS,
                remaining_bytes: (self.remaining)(at_ms),
                window_bytes_per_s: self.window_bytes_per_s,
                ..Sample::default()
            },
            ..View::default()
        }
    }
}
