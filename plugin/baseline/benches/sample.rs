//! The cost of one poll: the controller with each law, over the samples of a guest with phases.
//!
//! `cargo bench -p libvirt-hpc-baseline` prints the time of a poll for each law.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use libvirt_hpc_baseline::all;
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::Silent;
use libvirt_hpc_control::law::{Adaptive, Law, Slowdown, WithXbzrle};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

/// Samples of 100 ms at a link of 1 GB/s.
const LOOK_MS: u64 = 100;
const BYTES_PER_LOOK: u64 = 100_000_000;

/// Samples in a round, and rounds in a phase.
const ROUND: u64 = 12;
const PHASE: u64 = 5;

/// The sample of that number: rounds that leave 1.2 GB, and in every other phase half of that.
fn sample(number: u64) -> Sample {
    let (round, within) = (number / ROUND, number % ROUND);
    let left = (ROUND * BYTES_PER_LOOK) >> (round / PHASE % 2);
    Sample {
        at: Timestamp::from_nanos(number * LOOK_MS * 1_000_000),
        state: JobState::Precopy,
        iteration: 1 + round,
        elapsed_ms: number * LOOK_MS,
        total_bytes: 64 << 30,
        processed_bytes: number * BYTES_PER_LOOK,
        remaining_bytes: left.saturating_sub(within * BYTES_PER_LOOK),
        window_bytes_per_s: BYTES_PER_LOOK * 1000 / LOOK_MS + round % 7,
        compression_cache_bytes: 64 << 20,
        vcpu_time_ns: Some(number * LOOK_MS * (round / PHASE % 2) * 1_000_000),
        ..Sample::default()
    }
}

/// One poll, and its target as libvirt would take it; a step that ends control is refused, so that it goes on.
fn poll<L: Law>(controller: &mut Controller<L>, number: u64) -> Target {
    let sample = sample(number);
    let target = controller.poll(&sample, &mut Silent);
    if target != Target::NONE {
        let ends = matches!(target.action, Some(Action::Abort | Action::StartPostcopy));
        controller.outcome(sample.at, &target, !ends, &mut Silent);
    }
    target
}

fn samples(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("poll");
    let mut bench = |name: &str, make: &dyn Fn() -> Box<dyn FnMut(u64) -> Target>| {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let (mut step, mut number) = (make(), 0);
            bencher.iter(|| {
                number += 1;
                step(number)
            });
        });
    };
    bench("adaptive", &|| {
        let law = WithXbzrle::new(Adaptive::new(Slowdown::DEFAULT), Slowdown::DEFAULT);
        let mut controller = Controller::new(law, Policy::default());
        Box::new(move |number| poll(&mut controller, number))
    });
    for entry in all() {
        bench(entry.name(), &|| {
            let mut controller = Controller::new(entry.baseline().build(), Policy::default());
            Box::new(move |number| poll(&mut controller, number))
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = samples
}
criterion_main!(benches);
