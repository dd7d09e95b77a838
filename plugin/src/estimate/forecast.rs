//! What a migration will cost: the law itself, over every guest that what is known allows.

use std::cell::Cell;
use std::error::Error;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::curve::{Curve, Curves, Reading};
use super::number::{NANOS_PER_S, scale, span_ns, whole};
use super::pattern::Pattern;
use super::precopy::{End, Guest, Phase, Precopy};
use crate::drive::{Mode, Observer, Orders, drive};
use crate::laws::LawName;

/// A migration that has not ended after so many first rounds, and a minute, is taken not to end.
const HORIZON_ROUNDS: u64 = 10;
const HORIZON_NS: u64 = 60 * NANOS_PER_S;
/// No migration is followed for longer, ns: each poll of it is calculated.
const HORIZON_MOST_NS: u64 = 24 * 3_600 * NANOS_PER_S;
/// The longest first iteration of which the costs are calculated, ns.
const FIRST_MOST_NS: u64 = HORIZON_MOST_NS / 2;

/// At so many moments of a guest's phases the migration may begin.
const MOMENTS: u64 = 8;

/// Of a fixed pause that is given for the worst, the best takes this share: 41 of 70 ms (docs/control-law.md, section 4).
const FIXED_LEAST_PERCENT: u64 = 55;

/// A switchover may find so much more than the last sync: the law's margin (`law/adaptive.rs`).
const MARGIN_PERCENT: u64 = 15;

/// In flight when the guest stops, bytes: the content of the socket's buffer (docs/control-law.md, section 4).
const IN_FLIGHT_BYTES: u64 = 1_900_000;

/// The link, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Bytes per second.
    pub bytes_per_s: u64,
    /// It may be off by so much, per cent.
    pub tolerance_percent: u64,
}

/// All that the costs follow from.
#[derive(Clone, Debug)]
pub struct Input {
    /// Memory, bytes.
    pub total_bytes: u64,
    /// The part of it that is no zero pages, bytes.
    pub data_bytes: u64,
    /// It may be off by so much, per cent.
    pub data_tolerance_percent: u64,
    /// What the guest writes within some spans.
    pub readings: Vec<Reading>,
    /// Its phases, if it showed any.
    pub pattern: Option<Pattern>,
    /// Whether the host will count its writes.
    pub counted: bool,
    /// The link.
    pub link: Link,
    /// The law.
    pub law: LawName,
    /// What pre-copy costs the application, parts per million.
    pub slowdown_ppm: u64,
    /// Within what it must keep.
    pub policy: Policy,
    /// The downtime limit before, ms: what virsh alone would have.
    pub limit_ms: u64,
    /// The cache of XBZRLE, bytes; zero without.
    pub cache_bytes: u64,
    /// What each pause takes with nothing to send, ms.
    pub pause_fixed_ms: u64,
    /// What the law knows of the guest beforehand; nothing by default.
    pub prior: Prior,
}

/// A quantity with its interval, in which eight of ten outcomes lie (`tests/tests/estimates.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The middle one of what is likely.
    pub likely: u64,
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

/// What virsh's own limit would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// That limit, ms.
    pub limit_ms: u64,
    /// Whether it is likely to end.
    pub ends: bool,
    /// Whether everything that is known agrees on that.
    pub sure: bool,
    /// When, ms; none if it does not.
    pub total_ms: Option<u64>,
}

/// How it ends, most likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The guest is stopped and started on the destination.
    Switchover,
    /// The guest switches to post-copy.
    Postcopy,
    /// The deadline aborts it.
    Abort,
    /// It does not end.
    Never,
}

/// The costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// How it ends.
    pub ending: Ending,
    /// From the job's beginning to its end, ms.
    pub total_ms: Interval,
    /// The pause as users feel it, ms.
    pub pause_ms: Interval,
    /// Iterations of pre-copy, and the one in the pause.
    pub iterations: Interval,
    /// Bytes on the wire.
    pub sent_bytes: Interval,
    /// The application's delay, ms: the pause, and the assumed share of pre-copy.
    pub delay_ms: Interval,
    /// What virsh's own limit would do.
    pub stock: Stock,
    /// Whether the longest pause can be kept; none if the policy has none.
    pub within_downtime: Option<bool>,
    /// Whether it ends before the deadline; none if the policy has none.
    pub within_deadline: Option<bool>,
}

impl Input {
    fn first_ns(&self) -> u64 {
        span_ns(self.data_bytes, self.link.bytes_per_s)
    }

    /// Whether the first iteration alone takes more than half a day, so that nothing is calculated.
    #[must_use]
    pub fn takes_too_long(&self) -> bool {
        self.first_ns() > FIRST_MOST_NS
    }
}

impl Forecast {
    /// The costs that `input` leads to; none if nothing is known of the guest's writes, or the migration takes too long.
    #[must_use]
    pub fn of(input: &Input) -> Option<Self> {
        if input.takes_too_long() {
            return None;
        }
        let curves = Curves::of(&input.readings, input.total_bytes, input.data_bytes)?;
        let runs = |curve: &Curve, law| -> Vec<Run> {
            let guests = guests(input, curve);
            guests.iter().map(|guest| run(input, guest, law)).collect()
        };
        let likely = runs(&curves.likely, input.law);
        let bounds = [&curves.least, &curves.most].map(|curve| runs(curve, input.law));
        let by_chance: Vec<Run> = curves
            .by_chance
            .iter()
            .flat_map(|curve| runs(curve, input.law))
            .collect();
        let all: Vec<&Run> = likely.iter().chain(bounds.iter().flatten()).collect();
        let tolerance = input.link.tolerance_percent + input.data_tolerance_percent;
        let interval = |of: &dyn Fn(&Run) -> u64| Interval::of(&likely, &all, of, tolerance);
        let pause_ms = pause(input, &likely, &all);
        let delta = input.slowdown_ppm;
        let precopy = interval(&|run| run.stopped_ms);
        let delay = |stopped, pause| scale(stopped, delta, 1_000_000) + pause;
        let total = |run: &Run| run.total_ms(input.pause_fixed_ms);
        let by_any: Vec<&Run> = all.iter().copied().chain(&by_chance).collect();
        // Whether one more iteration pays may be a toss: what is likely lies between the outcomes then.
        let total_ms = Interval {
            likely: middle_of(likely.iter().chain(&by_chance).map(total)),
            ..Interval::of(&likely, &by_any, &total, tolerance)
        };
        let ending = middle(&likely).ending();
        Some(Self {
            ending,
            total_ms,
            pause_ms,
            iterations: Interval::of(&likely, &all, &|run| run.iterations, 0),
            sent_bytes: interval(&|run| run.sent_bytes),
            delay_ms: Interval {
                likely: delay(precopy.likely, pause_ms.likely),
                least: delay(precopy.least, pause_ms.least),
                most: delay(precopy.most, pause_ms.most),
            },
            stock: stock(input, &curves, &runs),
            within_downtime: input.policy.longest_pause_ms().map(|most| {
                !middle(&likely).unreachable && pause_ms.likely <= u64::from(most).max(1)
            }),
            within_deadline: input.policy.deadline.map(|deadline| {
                let ends = matches!(ending, Ending::Switchover | Ending::Postcopy);
                ends && u128::from(total_ms.likely) <= deadline.after.as_millis()
            }),
        })
    }
}

impl Interval {
    /// The middle of `likely`, and between which all are, link and data being off by `tolerance_percent`.
    fn of(likely: &[Run], all: &[&Run], of: &dyn Fn(&Run) -> u64, tolerance_percent: u64) -> Self {
        let least = all.iter().map(|run| of(run)).min().unwrap_or(0);
        let most = all.iter().map(|run| of(run)).max().unwrap_or(0);
        Self {
            likely: median(likely.iter().map(of).collect()),
            least: scale(least, 100, 100 + tolerance_percent),
            most: scale(most, 100 + tolerance_percent, 100),
        }
    }
}

/// What sending the rest takes after what is in flight, and the fixed part.
fn pause(input: &Input, likely: &[Run], all: &[&Run]) -> Interval {
    let tolerance = input.link.tolerance_percent;
    let flush = Interval::of(likely, all, &|run| run.flush_ms, tolerance);
    let fixed = input.pause_fixed_ms;
    let in_flight = span_ns(IN_FLIGHT_BYTES, input.link.bytes_per_s) / 1_000_000;
    Interval {
        likely: flush.likely + in_flight + fixed,
        least: scale(flush.least, 100, 100 + MARGIN_PERCENT)
            + scale(fixed, FIXED_LEAST_PERCENT, 100),
        most: scale(flush.most + in_flight, 100 + MARGIN_PERCENT, 100) + fixed,
    }
}

fn stock(input: &Input, curves: &Curves, runs: &dyn Fn(&Curve, LawName) -> Vec<Run>) -> Stock {
    let ended = |curve| {
        let runs = runs(curve, LawName::STOCK);
        let ended = runs.iter().filter(|run| run.end == End::SwitchedOver);
        (ended.count(), runs)
    };
    let (count, likely) = ended(&curves.likely);
    let ends = count * 2 > likely.len();
    let all = [(count, likely.len())]
        .into_iter()
        .chain([&curves.least, &curves.most].map(|curve| {
            let (count, runs) = ended(curve);
            (count, runs.len())
        }));
    let mut all = all.map(|(count, of)| {
        if count == of {
            Some(true)
        } else {
            (count == 0).then_some(false)
        }
    });
    let totals = likely.iter().filter(|run| run.end == End::SwitchedOver);
    let totals = totals
        .map(|run| run.total_ms(input.pause_fixed_ms))
        .collect();
    Stock {
        limit_ms: input.limit_ms,
        ends,
        sure: all.all(|agreed| agreed == Some(ends)),
        total_ms: ends.then(|| median(totals)),
    }
}

/// The value that is off by the least factor from all: their geometric mean.
fn middle_of(values: impl Iterator<Item = u64>) -> u64 {
    let logs: Vec<f64> = values.map(|value| (value.max(1) as f64).ln()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    whole(mean.exp().round())
}

/// The middle value; zero of none.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// The run of the middle total.
fn middle(runs: &[Run]) -> Run {
    let mut runs = runs.to_vec();
    runs.sort_by_key(|run| run.stopped_ms);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

/// The guests that write by `curve` when they are busy: one, or one for each moment of its phases.
fn guests(input: &Input, curve: &Curve) -> Vec<Guest> {
    let guest = |phases, into_ns| Guest {
        total_bytes: input.total_bytes,
        data_bytes: input.data_bytes,
        phases,
        into_ns,
        counted: input.counted,
    };
    let Some(pattern) = input.pattern else {
        let steady = Phase {
            span_ns: u64::MAX,
            curve: curve.clone(),
            works: true,
        };
        return vec![guest(vec![steady], 0)];
    };
    let busy = Phase {
        span_ns: pattern.busy_ns.max(1),
        curve: curve.clone(),
        works: true,
    };
    let quiet = Phase {
        span_ns: pattern.quiet_ns.max(1),
        curve: curve.share(pattern.quiet_percent),
        works: !pattern.idles,
    };
    let cycle_ns = busy.span_ns.saturating_add(quiet.span_ns);
    let phases = vec![busy, quiet];
    (0..MOMENTS)
        .map(|moment| guest(phases.clone(), scale(cycle_ns, moment, MOMENTS)))
        .collect()
}

/// One calculation.
#[derive(Clone, Copy, Debug)]
struct Run {
    end: End,
    stopped_ms: u64,
    flush_ms: u64,
    iterations: u64,
    sent_bytes: u64,
    unreachable: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            end: End::Running,
            stopped_ms: 0,
            flush_ms: 0,
            iterations: 0,
            sent_bytes: 0,
            unreachable: false,
        }
    }
}

impl Run {
    const fn total_ms(&self, fixed_ms: u64) -> u64 {
        self.stopped_ms + self.flush_ms + fixed_ms
    }

    const fn ending(&self) -> Ending {
        match self.end {
            End::SwitchedOver => Ending::Switchover,
            End::Postcopy => Ending::Postcopy,
            End::Aborted => Ending::Abort,
            End::Running => Ending::Never,
        }
    }
}

/// The migration of `guest` under `law`, by the loop that ships.
fn run(input: &Input, guest: &Guest, law: LawName) -> Run {
    let stock = law == LawName::STOCK;
    let (policy, cache_bytes) = if stock {
        (Policy::default(), 0)
    } else {
        (input.policy, input.cache_bytes)
    };
    let mut job = Precopy::new(guest, input.link.bytes_per_s, input.limit_ms, cache_bytes);
    let mut control = Controller::new(law.build(input.slowdown_ppm), policy).knowing(input.prior);
    let rounds_ns = input.first_ns().saturating_mul(HORIZON_ROUNDS);
    let horizon_ns = HORIZON_NS.saturating_add(rounds_ns).min(HORIZON_MOST_NS);
    let horizon = Horizon {
        at_ms: horizon_ns / 1_000_000,
        reached: Cell::new(false),
    };
    let mut listener = Listener {
        horizon: &horizon,
        unreachable: false,
    };
    drive(&mut job, &mut control, &mut listener, Mode::Steer, &horizon);
    let ended = job.end != End::Running;
    Run {
        end: job.end,
        stopped_ms: if ended {
            job.stopped_ns / 1_000_000
        } else {
            horizon.at_ms
        },
        flush_ms: job.flush_ns() / 1_000_000,
        iterations: job.iterations(),
        sent_bytes: job.sent_bytes(),
        unreachable: listener.unreachable,
    }
}

/// Ends a calculation that does not end.
struct Horizon {
    at_ms: u64,
    reached: Cell<bool>,
}

impl Orders for Horizon {
    fn over(&self) -> bool {
        self.reached.get()
    }

    fn abort(&self) -> bool {
        false
    }
}

/// Watches the clock, and whether the policy's longest pause is in sight.
struct Listener<'a> {
    horizon: &'a Horizon,
    unreachable: bool,
}

impl Publisher for Listener<'_> {
    fn publish(&mut self, _: Timestamp, event: Event) {
        self.unreachable |= matches!(event, Event::Unreachable { .. });
    }
}

impl Observer for Listener<'_> {
    fn sampled(&mut self, sample: &Sample) {
        let runs = matches!(sample.state, JobState::Setup | JobState::Precopy);
        let late = sample.elapsed_ms >= self.horizon.at_ms;
        // In post-copy nothing is left to decide.
        let over = sample.state == JobState::Postcopy;
        self.horizon.reached.set((runs && late) || over);
    }

    fn sample_failed(&mut self, _: Timestamp, _: &dyn Error) {}
    fn outcome(&mut self, _: Timestamp, _: &Target, _: Result<(), &dyn Error>) {}
    fn aborting(&mut self, _: Timestamp, _: Result<(), &dyn Error>) {}
}

#[cfg(test)]
mod tests;
