//! Where each law would have stopped the guest, on the samples that were recorded under one of them.
//!
//! QEMU compares what remains with its limit times the bandwidth of its last 100 ms: what it believes remains, and if
//! that is little enough, what a sync finds (`migration_iteration_run`, QEMU `migration/migration.c`). The record shows
//! what it would have found as far as the law would have had the same rounds until then; a law that sets another speed
//! would not, and is shown as if it had. What a stop costs is what remains over the bandwidth, without the fixed part
//! of a pause.

use std::time::Duration;

use libvirt_hpc_baseline::{Baseline, Name, TIMES_AS_PUBLISHED_PPM, all, times_ppm_for};
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::estimate::Bandwidth;
use libvirt_hpc_control::event::Silent;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::Sample;
use libvirt_hpc_control::target::Action;
use libvirt_hpc_control::time::Timestamp;
use serde::Serialize;

use super::recording::{self, Recording};
use crate::laws::{AnyLaw, LawName};
use crate::trace::{Begin, ReadError, Record};

/// QEMU's limit where the trace does not say what was set before, milliseconds
/// (`DEFAULT_MIGRATE_SET_DOWNTIME`, QEMU `migration/options.c`).
const LIMIT_MS: u64 = 300;

/// How often QEMU reckons its threshold anew (`BUFFER_DELAY`, QEMU `migration/migration.c`).
const WINDOW: Duration = Duration::from_millis(100);

/// How a migration ends under a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// QEMU stops the guest within its limit.
    Switchover,
    /// The law pauses the guest, so that the rest can be sent.
    Suspend,
    /// The guest switches to post-copy, and fetches the rest.
    Postcopy,
    /// The law gives up.
    Abort,
}

/// The end of a migration under a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// How.
    pub way: Way,
    /// When, nanoseconds since memory flowed.
    pub after_ns: u64,
    /// What remained then, bytes.
    pub left_bytes: u64,
    /// The pause that sends it, nanoseconds; none where the way has none, or the bandwidth is unknown.
    pub pause_ns: Option<u64>,
    /// The pause, and the part of the time before that pre-copy cost: J, nanoseconds.
    pub j_ns: Option<u64>,
}

/// A law, and where it would have stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LawStop {
    /// The law.
    pub law: LawName,
    /// None if it does not stop within the record.
    pub stop: Option<Stop>,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Stops {
    /// The header of the trace.
    pub begin: Begin,
    /// One for each law; the last is the best stop of the record, as a forced one.
    pub laws: Vec<LawStop>,
}

/// Stops the migration of `records` by every law: as published, and with its times scaled to the guest's first round
/// where that makes a difference.
///
/// # Errors
/// When the trace cannot be read.
pub fn stops(
    mut records: impl Iterator<Item = Result<(u64, Record), ReadError>>,
) -> Result<Stops, ReadError> {
    let begin = recording::begin(&mut records)?;
    let recording = Recording::read(records)?;
    let judge = Judge {
        begin: &begin,
        recording: &recording,
    };
    let mut laws = vec![
        judge.judge(LawName::Adaptive),
        judge.judge(LawName::AdaptiveOrPostcopy),
        judge.judge(LawName::AdaptiveWithoutCounters),
    ];
    let scale = recording
        .round_one()
        .map_or(TIMES_AS_PUBLISHED_PPM, |round| {
            three_digits(times_ppm_for(round))
        });
    let others = all()
        .iter()
        .filter(|entry| !matches!(entry.law, Name::ForcedStop { .. }));
    for baseline in others.map(|entry| entry.baseline()) {
        let published = judge.judge(LawName::Baseline(baseline));
        let scaled = judge.judge(LawName::Baseline(baseline.scaled(scale)));
        laws.push(published);
        laws.extend((scaled.stop != published.stop).then_some(scaled));
    }
    laws.extend(judge.best());
    Ok(Stops { begin, laws })
}

/// Stops the migration of a `recording` that begins with `begin` by `law` within `policy`; none if it does not stop
/// within the record.
#[must_use]
pub fn stop_under(
    law: LawName,
    policy: &Policy,
    begin: &Begin,
    recording: &Recording,
) -> Option<Stop> {
    let controller = Controller::new(law.build(begin.slowdown_ppm), *policy).knowing(begin.prior());
    Judge { begin, recording }.stop(controller, policy)
}

/// The downtime limit that is in force if nobody sets one, milliseconds.
#[must_use]
pub fn limit_before_ms(begin: &Begin) -> u64 {
    begin
        .settings_before
        .map_or(LIMIT_MS, |before| before.downtime_ms)
}

/// A factor that can be read.
fn three_digits(ppm: u64) -> u64 {
    let unit = 10_u64.pow(ppm.checked_ilog10().unwrap_or(0).saturating_sub(2));
    ppm / unit * unit
}

/// QEMU's limit, which acts from the next window on after it was set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    acts_ms: u64,
    set_ms: u64,
    set_at: Timestamp,
    /// What was set before that.
    replaced_ms: u64,
}

impl Limit {
    pub(super) fn new(begin: &Begin) -> Self {
        let ms = limit_before_ms(begin);
        Self {
            acts_ms: ms,
            set_ms: ms,
            set_at: Timestamp::default(),
            replaced_ms: ms,
        }
    }

    pub(super) fn in_force_ms(&mut self, at: Timestamp) -> u64 {
        if at.since(self.set_at) >= WINDOW {
            self.acts_ms = self.set_ms;
        }
        self.acts_ms
    }

    /// The highest of those that may be in force a moment after `at`.
    pub(super) fn highest_ms(&self, at: Timestamp) -> u64 {
        if at.since(self.set_at) >= WINDOW {
            return self.set_ms;
        }
        self.acts_ms.max(self.set_ms).max(self.replaced_ms)
    }

    pub(super) fn set(&mut self, at: Timestamp, downtime_ms: Option<u32>) {
        if let Some(ms) = downtime_ms {
            self.replaced_ms = self.set_ms;
            (self.set_ms, self.set_at) = (ms.into(), at);
        }
    }
}

struct Judge<'a> {
    begin: &'a Begin,
    recording: &'a Recording,
}

impl Judge<'_> {
    fn judge(&self, law: LawName) -> LawStop {
        let policy = Policy::from(&self.begin.policy);
        LawStop {
            law,
            stop: stop_under(law, &policy, self.begin, self.recording),
        }
    }

    /// The first sample at which a limit, or an action, ends it. What is set at the last sample still counts: the
    /// recorded migration ended after it.
    fn stop(&self, mut controller: Controller<AnyLaw>, policy: &Policy) -> Option<Stop> {
        let told = policy.switchover_bytes_per_s;
        let mut limit = Limit::new(self.begin);
        for sample in &self.recording.before {
            controller.poll(&settings_unseen(sample), &mut Silent);
        }
        for (index, (sample, _)) in self.recording.samples.iter().enumerate() {
            let target = controller.poll(&settings_unseen(sample), &mut Silent);
            let end = |way| Some(self.end(way, index, told.unwrap_or(controller.bytes_per_s())));
            let compared = told.unwrap_or(sample.window_bytes_per_s);
            let switches_over = |limit_ms| self.switches_over(index, in_ms(compared, limit_ms));
            if switches_over(limit.in_force_ms(sample.at)) {
                return end(Way::Switchover);
            }
            match target.action {
                Some(Action::Abort) => return end(Way::Abort),
                Some(Action::StartPostcopy) => return end(Way::Postcopy),
                Some(Action::Suspend) => return end(Way::Suspend),
                None => {}
            }
            limit.set(sample.at, target.downtime_ms);
            let last = index + 1 == self.recording.samples.len();
            if last
                && (switches_over(limit.set_ms)
                    || self.recording.ended_within(limit.highest_ms(sample.at)))
            {
                return end(Way::Switchover);
            }
            controller.outcome(sample.at, &target, true, &mut Silent);
        }
        None
    }

    /// Whether QEMU would sync at that sample, and stop the guest for what it finds.
    fn switches_over(&self, index: usize, threshold: u64) -> bool {
        let believed = self
            .recording
            .samples
            .get(index)
            .map_or(u64::MAX, |(sample, _)| sample.remaining_bytes);
        threshold > 0 && believed <= threshold && self.recording.remaining_bytes(index) <= threshold
    }

    fn end(&self, way: Way, index: usize, bytes_per_s: u64) -> Stop {
        let left_bytes = self.recording.remaining_bytes(index);
        let after = self
            .recording
            .samples
            .get(index)
            .map_or(Duration::ZERO, |(sample, _)| {
                sample.at.since(self.recording.start())
            });
        let pauses = matches!(way, Way::Switchover | Way::Suspend) && bytes_per_s > 0;
        let pause_ns = pauses.then(|| scaled(left_bytes, 1_000_000_000, bytes_per_s));
        let after_ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let precopy_ns = scaled(after_ns, self.begin.slowdown_ppm, 1_000_000);
        Stop {
            way,
            after_ns,
            left_bytes,
            pause_ns,
            j_ns: pause_ns.map(|pause| pause.saturating_add(precopy_ns)),
        }
    }

    /// The stop of least J among all samples.
    fn best(&self) -> Option<LawStop> {
        let mut bandwidth = Bandwidth::default();
        let samples = self.recording.samples.iter().enumerate();
        let stops = samples.map(|(index, (sample, _))| {
            bandwidth.update(sample);
            (
                sample.elapsed_ms,
                self.end(Way::Switchover, index, bandwidth.smooth()),
            )
        });
        let (after_ms, stop) = stops
            .filter(|(_, stop)| stop.j_ns.is_some())
            .min_by_key(|(_, stop)| stop.j_ns)?;
        let law = Baseline::as_published(Name::ForcedStop {
            after_ms,
            before_limit_ms: None,
        });
        Some(LawStop {
            law: LawName::Baseline(law),
            stop: Some(stop),
        })
    }
}

/// What was read back was set by the recorded law.
const fn settings_unseen(sample: &Sample) -> Sample {
    Sample {
        settings: None,
        ..*sample
    }
}

fn in_ms(bytes_per_s: u64, ms: u64) -> u64 {
    scaled(bytes_per_s, ms, 1000)
}

fn scaled(number: u64, by: u64, of: u64) -> u64 {
    u64::try_from(u128::from(number) * u128::from(by) / u128::from(of.max(1))).unwrap_or(u64::MAX)
}
