//! For any answers of libvirt, no law panics, and every limit stays within QEMU's bounds.

use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::Silent;
use libvirt_hpc_control::guard::DOWNTIME_LIMIT_MAX_MS;
use libvirt_hpc_control::policy::{Deadline, Policy, Then};
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_plugin::laws::{LawName, names};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => any::<u64>(),
        1 => Just(0),
        1 => Just(1),
        1 => Just(u64::MAX),
        3 => 0..1_u64 << 34,
        2 => 0..1000_u64,
    ]
}

fn job_state() -> impl Strategy<Value = JobState> {
    prop_oneof![
        1 => Just(JobState::Setup),
        80 => Just(JobState::Precopy),
        1 => Just(JobState::Switchover),
    ]
}

fn settings() -> impl Strategy<Value = Option<Settings>> {
    let both = (number(), number()).prop_map(|(downtime_ms, speed_mib_per_s)| Settings {
        downtime_ms,
        speed_mib_per_s,
    });
    proptest::option::weighted(0.05, both)
}

/// A sample, and how long after the last one it is taken, ns.
fn sample() -> impl Strategy<Value = (u64, Sample)> {
    let memory = (number(), number(), number(), number(), number(), number());
    let processors = (number(), number(), number());
    let maybe = || proptest::option::of(number());
    let rest = (maybe(), maybe(), 0..40_u64);
    let later_ns = prop_oneof![number(), 0..300_000_000_u64];
    let parts = (memory, processors, rest, job_state(), settings(), later_ns);
    parts.prop_map(|(memory, processors, rest, state, settings, later_ns)| {
        let sample = Sample {
            at: Timestamp::from_nanos(0),
            state,
            iteration: rest.2,
            sync_at: rest.1.map(Timestamp::from_nanos),
            elapsed_ms: memory.0,
            total_bytes: memory.1,
            processed_bytes: memory.2,
            remaining_bytes: memory.3,
            disk_remaining_bytes: memory.4,
            window_bytes_per_s: memory.5,
            dirty_bytes_per_s: processors.0,
            throttle_percent: processors.1,
            compression_cache_bytes: processors.2,
            vcpu_time_ns: rest.0,
            settings,
            faults: None,
        };
        (later_ns, sample)
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let longest_ms = proptest::option::of(1..DOWNTIME_LIMIT_MAX_MS);
    let speeds = (
        proptest::option::of(number()),
        proptest::option::of(number()),
    );
    (longest_ms, speeds).prop_map(|(downtime_max_ms, (speed, link))| Policy {
        downtime_max_ms,
        speed_max_mib_per_s: speed,
        switchover_bytes_per_s: link,
        cache_most_bytes: Some(1 << 30),
        deadline: Some(Deadline {
            after: Duration::from_secs(9_999_999),
            then: Then::Switchover,
        }),
        ..Policy::default()
    })
}

/// All laws: adaptive and the baselines.
fn law() -> impl Strategy<Value = LawName> {
    proptest::sample::select(names().collect::<Vec<_>>())
        .prop_map(|name| name.parse().expect("it is one of the names"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The limits found are restored.
    #[test]
    fn no_sample_panics_a_law_or_leads_it_out_of_bounds(
        samples in proptest::collection::vec(sample(), 1..80),
        law in law(),
        policy in policy(),
        slowdown_ppm in number(),
    ) {
        let mut controller = Controller::new(law.build(slowdown_ppm), policy);
        let (mut now_ns, mut found) = (0_u64, Vec::new());
        for (later_ns, sample) in samples {
            now_ns = now_ns.saturating_add(later_ns);
            let sample = Sample { at: Timestamp::from_nanos(now_ns), ..sample };
            found.extend(sample.settings.map(|settings| settings.downtime_ms));
            let target = controller.poll(&sample, &mut Silent);
            if target != Target::NONE {
                controller.outcome(sample.at, &target, later_ns % 3 != 0, &mut Silent);
            }
            if let Some(ms) = target.downtime_ms {
                let is_in_bounds = (1..=DOWNTIME_LIMIT_MAX_MS).contains(&ms);
                prop_assert!(is_in_bounds || found.contains(&ms.into()), "{} ms", ms);
            }
        }
    }
}
