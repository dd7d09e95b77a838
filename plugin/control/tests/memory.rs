//! A migration may last for hours: whatever its length, a controller needs no more memory.

use std::hint::black_box;

use allocation_counter::measure;
use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::event::Silent;
use libvirt_hpc_control::law::{Adaptive, Slowdown, WithXbzrle};
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;

/// Samples of 100 ms: 28 hours.
const SAMPLES: u64 = 1_000_000;

const BYTES_PER_POLL: u64 = 10_000_000;

/// Rounds of ten samples that leave 100 MB, and less in every other minute.
fn sample(number: u64) -> Sample {
    let (round, within) = (number / 10, number % 10);
    let busy = round / 60 % 2;
    Sample {
        at: Timestamp::from_nanos(number * 100_000_000),
        state: JobState::Precopy,
        iteration: 1 + round,
        elapsed_ms: number * 100,
        total_bytes: 4 << 30,
        processed_bytes: number * BYTES_PER_POLL,
        remaining_bytes: (10 + 40 * busy - within) * BYTES_PER_POLL,
        window_bytes_per_s: BYTES_PER_POLL * 10 + round % 7,
        compression_cache_bytes: 64 << 20,
        vcpu_time_ns: Some(number * 100_000_000 * busy),
        ..Sample::default()
    }
}

#[test]
fn a_million_samples_allocate_nothing() {
    let law = WithXbzrle::new(Adaptive::new(Slowdown::DEFAULT), Slowdown::DEFAULT);
    let mut controller = Controller::new(law, Policy::default());
    let mut targets = 0;
    let allocated = measure(|| {
        for number in 0..SAMPLES {
            let sample = sample(number);
            let target = controller.poll(&sample, &mut Silent);
            if target != Target::NONE {
                targets += 1;
                controller.outcome(sample.at, &target, true, &mut Silent);
            }
        }
    });
    assert_eq!(allocated.count_total, 0);
    assert!(targets > 1_000, "the law was at work: {targets}");
    assert_eq!(
        measure(|| drop(black_box(Box::new(targets)))).count_total,
        1,
        "allocations are seen"
    );
}
