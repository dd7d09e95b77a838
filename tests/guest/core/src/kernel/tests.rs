use super::*;
use crate::progress::Progress;
use crate::team::Threads;
use std::sync::Arc;

/// All kernels, small.
const ALL: [&str; 11] = [
    "stencil:1",
    "cg:1",
    "ft:1",
    "mg:1",
    "lu:1",
    "is:1",
    "gups:1",
    "stream:1",
    "phased:1@0.05s,0.01s,0.01s",
    "phased:1@0.02s,0.01s,0.01s,spin",
    "freed:1@0.05s",
];

pub(super) fn team(of: usize) -> Team {
    Team::new(of, Threads::get(), Arc::default())
}

/// After a few good steps, `spoil` makes a verification fail before 40 more are done.
pub(super) fn finds<K: Kernel>(kernel: &mut K, spoil: impl Fn(&mut K)) {
    let team = team(1);
    for _ in 0..3 {
        kernel.step(&team);
        assert!(kernel.verify(&team), "before anything was changed");
    }
    spoil(kernel);
    let intact = |_| {
        kernel.step(&team);
        kernel.verify(&team)
    };
    assert!(!(0..40).all(intact), "what was changed was not found");
}

/// After a good step, `spoil` makes a verification fail at once.
pub(super) fn finds_at_once<K: Kernel>(kernel: &mut K, spoil: impl Fn(&mut K)) {
    let team = team(1);
    kernel.step(&team);
    assert!(kernel.verify(&team), "before anything was changed");
    spoil(kernel);
    assert!(!kernel.verify(&team), "what was changed was not found");
}

#[test]
fn every_kernel_holds_its_own_verification_with_one_thread_and_with_two() {
    for text in ALL {
        let spec: KernelSpec = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let spec = KernelSpec {
            bytes: 1 << 16,
            ..spec
        };
        for threads in [1, 2] {
            let progress = Arc::new(Progress::default());
            let team = Team::new(threads, Threads::get(), Arc::clone(&progress));
            let mut kernel = spec.build(&team);
            let before = progress.steps();
            for step in 0..40 {
                kernel.step(&team);
                assert!(
                    kernel.verify(&team),
                    "{text}, {threads} threads, step {step}"
                );
            }
            assert!(progress.steps() > before, "{text} makes no progress");
        }
    }
}

#[test]
fn kernels_are_told_from_page_workloads_by_name() {
    assert!(
        ["stencil", "cg", "ft", "phased", "freed"]
            .into_iter()
            .all(KernelSpec::knows)
    );
    assert!(
        !["idle", "flat", "rate", "sweep", "phases"]
            .into_iter()
            .any(KernelSpec::knows)
    );
}

#[test]
fn a_spec_says_size_and_lengths() {
    let spec: KernelSpec = "phased:160@2s,0.5s,1s".parse().expect("it is well-formed");
    let lengths = [2000, 500, 1000].map(Duration::from_millis);
    assert_eq!(
        (spec.name, spec.bytes),
        (Name::Phased(Lengths(lengths), Wait::Sleep), 160 << 20)
    );
}

#[test]
fn bad_specs_are_refused() {
    for spec in [
        "stencil",
        "stencil:",
        "stencil:0",
        "stencil:x",
        "stencil:-1",
        "stencil:96@2s",
        "cg:9999999999",
        "flat:16",
        "phased:160",
        "phased:160@2s,1s",
        "phased:160@2s,1s,1s,1s",
        "phased:160@2,1,1",
        "phased:160@2s,1s,spin",
        "phased:160@0s,1s,1s",
        "phased:160@NaNs,1s,1s",
        "phased:160@1e9s,1s,1s",
        "freed:160",
        "freed:160@1",
        "freed:160@1s,1s",
    ] {
        assert!(spec.parse::<KernelSpec>().is_err(), "{spec}");
    }
}
