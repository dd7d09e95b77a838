//! For any samples: nothing outside the policy, nothing after the end, and the same output for the same input.

use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::{Cause, Event, Publisher, Release};
use libvirt_hpc_control::guard::{DOWNTIME_LIMIT_MAX_MS, SPEED_UNLIMITED_MIB_PER_S};
use libvirt_hpc_control::law::{Adaptive, Slowdown, WithXbzrle};
use libvirt_hpc_control::policy::{Deadline, Policy, Then, Timeout};
use libvirt_hpc_control::progress::{Progress, Remaining};
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;
use proptest::prelude::*;

#[derive(Default)]
struct Events(Vec<Event>);

impl Publisher for Events {
    fn publish(&mut self, _: Timestamp, event: Event) {
        self.0.push(event);
    }
}

fn state() -> impl Strategy<Value = JobState> {
    prop_oneof![
        1 => Just(JobState::Setup),
        60 => Just(JobState::Precopy),
        1 => Just(JobState::Switchover),
        1 => Just(JobState::Postcopy),
        1 => Just(JobState::Ended),
    ]
}

/// Any sample at all, as a step of time after the one before.
fn sample() -> impl Strategy<Value = (u64, Sample)> {
    let numbers = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        0..20_u64,
    );
    let odd = (
        proptest::option::weighted(0.1, (any::<u64>(), any::<u64>())),
        state(),
    );
    let plausible = (0..2_u64 << 30, 0..1_u64 << 30, any::<bool>());
    (numbers, odd, plausible).prop_map(|(n, (settings, state), (small, rate, wild))| {
        let sample = Sample {
            state,
            iteration: n.4,
            elapsed_ms: n.0 % 100_000,
            processed_bytes: if wild { n.1 } else { small },
            remaining_bytes: if wild { n.2 / 2 } else { small },
            window_bytes_per_s: if wild { n.3 } else { rate },
            compression_cache_bytes: if wild { 64 << 20 } else { 0 },
            settings: settings.map(|(downtime_ms, speed_mib_per_s)| Settings {
                downtime_ms,
                speed_mib_per_s,
            }),
            ..Sample::default()
        };
        (n.0 % 300_000_000, sample)
    })
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        Just(Then::Switchover),
        Just(Then::Abort),
        Just(Then::Postcopy)
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let deadline = proptest::option::of((1..100_u64, then()));
    let timeout = proptest::option::weighted(0.2, 1..60_u64);
    let bounds = (
        proptest::option::of(1..10_000_u32),
        proptest::option::of(1..1000_u64),
        proptest::option::weighted(0.2, 0..10_000_u32),
    );
    (deadline, timeout, bounds, any::<bool>()).prop_map(|(deadline, timeout, bounds, postcopy)| {
        let (owners, order) = match bounds.1 {
            Some(speed) if postcopy => (None, speed),
            owners => (owners, SPEED_UNLIMITED_MIB_PER_S),
        };
        let policy = Policy {
            pause_fixed_ms: None,
            downtime_max_ms: bounds.0,
            limit_max_ms: bounds.2,
            owners_speed_mib_per_s: owners,
            speed_max_mib_per_s: None,
            speed_is_order: false,
            insists: false,
            cache_most_bytes: Some(1 << 30),
            switchover_bytes_per_s: None,
            postcopy_speed_max_mib_per_s: bounds.1,
            postcopy_speed_found_mib_per_s: None,
            page_bytes: None,
            deadline: deadline.map(|(s, then)| Deadline {
                after: Duration::from_secs(s),
                then,
            }),
            timeout: timeout.map(|s| Timeout {
                after: Duration::from_secs(s),
                from: None,
                action: Action::Suspend,
            }),
            observes: false,
            postcopy_after_first_round: postcopy,
        };
        policy.under_speed(order)
    })
}

/// Feeds the samples, in order of time; libvirt refuses where `refusals` says so.
fn run(policy: Policy, samples: &[(u64, Sample)], refusals: u64) -> Vec<(Sample, Target, bool)> {
    let law = WithXbzrle::new(Adaptive::new(Slowdown::DEFAULT), Slowdown::DEFAULT);
    let mut control = Controller::new(law, policy);
    let (mut events, mut now) = (Events::default(), 0);
    let mut seen = Vec::new();
    for (index, (step, sample)) in samples.iter().enumerate() {
        now += step;
        let sample = Sample {
            at: Timestamp::from_nanos(now),
            ..*sample
        };
        let target = control.poll(&sample, &mut events);
        if matches!(
            events.0.last(),
            Some(Event::Released(Release::ExternalChange { .. }))
        ) {
            // The restored limits are those found, which no policy of this controller bounds.
            break;
        }
        let done = refusals >> (index % 64) & 1 == 0;
        if target != Target::NONE {
            control.outcome(sample.at, &target, done, &mut events);
        }
        seen.push((sample, target, done));
    }
    seen
}

/// Whether something outranks the longest pause: a deadline that orders the switchover, or post-copy that libvirt has
/// `refused` for good, or a suspended guest.
fn overruled(policy: &Policy, age: Duration, suspended: bool, refused: u32) -> bool {
    suspended
        || policy.deadline.is_some_and(|d| {
            let switchover =
                d.then == Then::Switchover || (d.then == Then::Postcopy && refused >= 3);
            switchover && age >= d.after
        })
}

/// The age of the job: libvirt's at the first sample of one, and the monotonic clock from then on.
fn age(first: &mut Option<Sample>, sample: &Sample) -> Duration {
    let of_job = match sample.state {
        JobState::Setup => true,
        JobState::Precopy => sample.iteration > 0,
        _ => false,
    };
    if of_job {
        first.get_or_insert(*sample);
    }
    first.map_or(Duration::ZERO, |first| {
        Duration::from_millis(first.elapsed_ms) + sample.at.since(first.at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_target_is_outside_the_policy(
        policy in policy(),
        samples in proptest::collection::vec(sample(), 1..200),
        refusals in any::<u64>(),
    ) {
        let (mut over, mut acted, mut suspended) = (false, 0, false);
        let (mut refused, mut first) = (0, None);
        for (sample, target, done) in run(policy, &samples, refusals) {
            let age = age(&mut first, &sample);
            over |= matches!(sample.state, JobState::Postcopy | JobState::Ended);
            if over || sample.state == JobState::Switchover {
                prop_assert_eq!(target, Target::NONE);
            }
            if sample.state == JobState::Setup && target != Target::NONE {
                prop_assert_eq!(target, Target { action: Some(Action::Abort), ..Target::NONE });
            }
            if let Some(ms) = target.downtime_ms {
                prop_assert!((1..=DOWNTIME_LIMIT_MAX_MS).contains(&ms));
                if let Some(max) = policy.longest_pause_ms()
                    && !overruled(&policy, age, suspended, refused)
                {
                    prop_assert!(ms <= max.max(1), "{ms} ms where {max} ms are allowed");
                }
            }
            if let Some(speed) = target.speed_mib_per_s {
                let ceiling = policy.speed_max_mib_per_s;
                prop_assert!(ceiling == Some(speed) || speed == SPEED_UNLIMITED_MIB_PER_S);
                prop_assert!(ceiling.is_some(), "no ceiling, no change of speed");
            }
            refused += u32::from(target.action == Some(Action::StartPostcopy) && !done);
            if let (Some(action), true) = (target.action, done) {
                acted += 1;
                suspended |= action == Action::Suspend;
            }
        }
        prop_assert!(acted <= 1, "{acted} steps that cannot be taken back");
    }

    #[test]
    fn the_same_samples_give_the_same_targets(
        policy in policy(),
        samples in proptest::collection::vec(sample(), 1..100),
        refusals in any::<u64>(),
    ) {
        prop_assert_eq!(run(policy, &samples, refusals), run(policy, &samples, refusals));
    }

    #[test]
    fn progress_never_runs_backwards(
        samples in proptest::collection::vec((sample(), 0..6_usize), 1..200),
        deadline in proptest::option::of(any::<u64>()),
        memory in any::<u64>(),
    ) {
        const CAUSES: [Option<Cause>; 6] = [
            None,
            Some(Cause::FirstRound),
            Some(Cause::Falling),
            Some(Cause::Waiting),
            Some(Cause::Ceiling),
            Some(Cause::Reservation),
        ];
        let deadline = deadline.map(Duration::from_millis);
        let mut progress = Progress::new(memory, Some(Slowdown::DEFAULT), deadline);
        let (mut done, mut bounds, mut at) = (0, None::<Remaining>, 0);
        for ((step, sample), cause) in samples {
            at += step;
            let sample = Sample { at: Timestamp::from_nanos(at), total_bytes: memory, ..sample };
            let shown = progress.poll(&sample, CAUSES[cause]);
            prop_assert!((done..10_000).contains(&shown.done_hundredths));
            done = shown.done_hundredths;
            if let Some(now) = shown.remaining {
                prop_assert!(now.least <= now.most);
                prop_assert!(bounds.is_none_or(|b| now.least <= b.least && now.most <= b.most));
                bounds = Some(now);
            }
        }
    }
}
