//! Estimates against outcomes: guests of the plant are surveyed as hpc-estimate surveys them, and then moved.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::estimate::Prior;
use libvirt_hpc_control::event::{Event, Publisher};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::drive::{Mode, Observer, Orders, drive};
use libvirt_hpc_plugin::estimate::curve::Reading;
use libvirt_hpc_plugin::estimate::forecast::{Forecast, Input, Link};
use libvirt_hpc_plugin::estimate::periods::Periods;
use libvirt_hpc_plugin::estimate::{Pattern, VcpuTime, prior};
use libvirt_hpc_plugin::laws::LawName;

use crate::plant::{Counter, End, Outcome, Period, Plant, PlantConfig};
use crate::random_cases::{Case, Kind};

/// How long the survey of hpc-estimate takes, seconds, which ends as the migration begins; and how often it reads the
/// vCPU time.
const SURVEY_S: u32 = 10;
const VCPU_EVERY: Duration = Duration::from_millis(100);

/// How long a job takes until memory flows, as on the test bed (docs/plant.md).
const SETUP: Duration = Duration::from_millis(520);

/// A migration that has not ended by then is taken not to end, as by the estimate: first rounds, and a minute.
const HORIZON_ROUNDS: u32 = 10;
const HORIZON: Duration = Duration::from_secs(60);

const SLOWDOWN_PPM: u64 = 100_000;

/// An estimate beside what came of it.
#[derive(Clone, Debug)]
pub struct Compared {
    /// How the guest writes.
    pub kind: Kind,
    /// The first round.
    pub first_round: Duration,
    /// The estimate.
    pub forecast: Forecast,
    /// The outcome under the law.
    pub outcome: Outcome,
    /// Whether virsh's own limit ended.
    pub stock_ended: bool,
}

impl Compared {
    /// Estimates the migration of `case`, and runs it; with what was measured as the law's prior, if it `is_told`.
    #[must_use]
    pub fn of(case: &Case, counter: Counter, is_told: bool) -> Option<Self> {
        let mut case = case.clone();
        case.config.counter = counter;
        case.config.qemu.setup = SETUP;
        let mut input = input(&case);
        if is_told {
            input.prior = prior_of(&input);
        }
        let forecast = Forecast::of(&input)?;
        let horizon = HORIZON + case.first_round * HORIZON_ROUNDS;
        let under = |law| run(&case, law, input.prior, horizon);
        Some(Self {
            kind: case.kind,
            first_round: case.first_round,
            forecast,
            outcome: under(LawName::Adaptive),
            stock_ended: under(LawName::STOCK).end == End::Completed,
        })
    }

    /// The estimated total over the true one.
    #[must_use]
    pub fn total_ratio(&self) -> f64 {
        self.forecast.total_ms.likely as f64 / (self.outcome.total.as_secs_f64() * 1000.0)
    }

    /// Whether the total is within 20 %.
    #[must_use]
    pub fn total_is_near(&self) -> bool {
        (0.8..=1.2).contains(&self.total_ratio())
    }

    /// Whether the pause is inside the interval, to a millisecond.
    #[must_use]
    pub fn pause_is_inside(&self) -> bool {
        let pause = u64::try_from(self.outcome.pause.as_millis()).unwrap_or(u64::MAX);
        let interval = self.forecast.pause_ms;
        interval.least <= pause + 1 && pause <= interval.most + 1
    }

    /// Whether "virsh ends" is right.
    #[must_use]
    pub fn stock_is_right(&self) -> bool {
        self.forecast.stock.ends == self.stock_ended
    }
}

/// What hpc-estimate would know of the guest.
#[must_use]
pub fn input(case: &Case) -> Input {
    let (readings, vcpu) = survey(&case.config);
    let data_bytes = case.config.guest.data_bytes();
    Input {
        total_bytes: case.config.guest.total_bytes(),
        data_bytes,
        data_tolerance_percent: 0,
        pattern: Pattern::of(&vcpu, &readings, case.config.guest.total_bytes()),
        readings,
        counted: case.config.counter != Counter::None,
        link: Link {
            bytes_per_s: case.link_bytes_per_s,
            tolerance_percent: 5,
        },
        law: LawName::Adaptive,
        slowdown_ppm: SLOWDOWN_PPM,
        policy: Policy::default(),
        limit_ms: 300,
        cache_bytes: 0,
        pause_fixed_ms: u64::try_from(case.config.qemu.fixed_pause.as_millis()).unwrap_or(0),
        prior: Prior::default(),
    }
}

/// What hpc-estimate would read of the guest: its writes, and its vCPU time meanwhile.
fn survey(config: &PlantConfig) -> (Vec<Reading>, Vec<VcpuTime>) {
    let (mut readings, mut vcpu) = (Vec::new(), Vec::new());
    let (mut periods, mut before_s) = (Periods::within(SURVEY_S), SURVEY_S);
    while let Some(period_s) = periods.next(|| {
        let phases = Pattern::of(&vcpu, &readings, config.guest.total_bytes());
        phases.is_none()
    }) {
        let (before, span) = (
            Duration::from_secs(before_s.into()),
            Duration::from_secs(period_s.into()),
        );
        readings.push(Reading {
            span,
            written_bytes: config.surveyed_bytes(Period { before, span }),
            sampled: true,
        });
        before_s -= period_s;
        vcpu = vcpu_time(config, before_s);
    }
    (readings, vcpu)
}

/// The vCPU time from the survey's beginning until `before_s` the migration.
fn vcpu_time(config: &PlantConfig, before_s: u32) -> Vec<VcpuTime> {
    let survey = Duration::from_secs(SURVEY_S.into());
    let until = survey.saturating_sub(Duration::from_secs(before_s.into()));
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    (0..)
        .map(|step: u32| VCPU_EVERY * step)
        .take_while(|at| *at <= until)
        .map(|at| VcpuTime {
            at_ns: nanos(at),
            used_ns: nanos(config.surveyed_vcpu(survey, at)),
        })
        .collect()
}

/// What the law would know of the guest then.
#[must_use]
pub fn surveyed_prior(case: &Case) -> Prior {
    prior_of(&input(case))
}

fn prior_of(input: &Input) -> Prior {
    let watched = input.readings.iter().map(|reading| reading.span).sum();
    prior(
        &input.readings,
        input.pattern.as_ref(),
        input.total_bytes,
        watched,
    )
}

fn run(case: &Case, law: LawName, prior: Prior, horizon: Duration) -> Outcome {
    let mut plant = Plant::new(&case.config);
    let law = law.build(SLOWDOWN_PPM);
    let mut control = Controller::new(law, Policy::default()).knowing(prior);
    let until = Until {
        horizon,
        reached: Cell::new(false),
    };
    drive(
        &mut plant,
        &mut control,
        &mut Watch(&until),
        Mode::Steer,
        &until,
    );
    plant.outcome()
}

struct Until {
    horizon: Duration,
    reached: Cell<bool>,
}

impl Orders for Until {
    fn over(&self) -> bool {
        self.reached.get()
    }

    fn abort(&self) -> bool {
        false
    }
}

struct Watch<'a>(&'a Until);

impl Publisher for Watch<'_> {
    fn publish(&mut self, _: Timestamp, _: Event) {}
}

impl Observer for Watch<'_> {
    fn sampled(&mut self, sample: &Sample) {
        let running = matches!(sample.state, JobState::Setup | JobState::Precopy);
        let late = Duration::from_millis(sample.elapsed_ms) >= self.0.horizon;
        self.0.reached.set(running && late);
    }

    fn sample_failed(&mut self, _: Timestamp, _: &dyn Error) {}
    fn outcome(&mut self, _: Timestamp, _: &Target, _: Result<(), &dyn Error>) {}
    fn aborting(&mut self, _: Timestamp, _: Result<(), &dyn Error>) {}
}

/// The share of `all` for which `is` holds, per cent.
#[must_use]
pub fn percent(all: &[Compared], is: impl Fn(&Compared) -> bool) -> u64 {
    let right = all.iter().filter(|one| is(one)).count();
    (right * 100 / all.len().max(1)) as u64
}

/// A table of the shares, by kind of guest and in all.
#[must_use]
pub fn table(all: &[Compared]) -> String {
    let mut text = String::from(
        "| guests | number | total within 20 % | pause inside | virsh's end right | virsh's end surely | total, estimated/true, \
         median |\n|---|---|---|---|---|---|---|\n",
    );
    let mut line = |name: &str, of: &[Compared]| {
        let mut ratios: Vec<f64> = of.iter().map(Compared::total_ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
        let sure: Vec<Compared> = of
            .iter()
            .filter(|one| one.forecast.stock.sure)
            .cloned()
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} % | {} % | {} % | {} % of {} | {median:.2} |",
            of.len(),
            percent(of, Compared::total_is_near),
            percent(of, Compared::pause_is_inside),
            percent(of, Compared::stock_is_right),
            percent(&sure, Compared::stock_is_right),
            sure.len(),
        );
    };
    for kind in Kind::ALL {
        let of: Vec<Compared> = all.iter().filter(|one| one.kind == kind).cloned().collect();
        line(kind.name(), &of);
    }
    line("all", all);
    text
}
