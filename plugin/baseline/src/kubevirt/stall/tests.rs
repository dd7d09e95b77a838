use libvirt_hpc_control::target::Action;

use crate::script::Script;

const MB: u64 = 1_000_000;
const FORCED: u32 = 2_000_000;

/// Boundaries every 5 s at 100 MB/s; 1 GB of memory: 150 s are acceptable.
fn script(law: &str) -> Script {
    Script::of(law)
        .memory_bytes(1000 * MB)
        .iteration_every_ms(5_000)
}

#[test]
fn what_has_not_fallen_for_40_s_is_stalled_and_taken() {
    let mut flat = script("vep-248").at_syncs(|_| 500 * MB);
    // The first boundary, at 5 s, is 40 s old.
    assert_eq!(flat.limits_until(60_000), [(0, 300), (45_000, FORCED)]);
    // 4 % less is a fall.
    let falls = |at_ms: u64| if at_ms < 45_000 { 500 * MB } else { 479 * MB };
    let mut falling = script("vep-248").at_syncs(falls);
    assert_eq!(falling.limits_until(60_000), [(0, 300)]);
}

#[test]
fn a_better_time_is_waited_for_with_patience_that_halves() {
    let remaining = |at_ms: u64| match at_ms {
        5_000 => 100 * MB,
        50_000 => 200 * MB,
        55_000 => 300 * MB,
        _ => 500 * MB,
    };
    // Sights: 100 MB from 45 s on; 40 s later 200 MB; 20 s later 300 MB; 10 s later 500 MB, which is there.
    let mut script = script("vep-248").at_syncs(remaining);
    assert_eq!(script.limits_until(130_000), [(0, 300), (115_000, FORCED)]);
}

#[test]
fn within_four_per_cent_of_the_best_is_as_good() {
    let back = |remaining| {
        move |at_ms: u64| match at_ms {
            5_000 => 100 * MB,
            60_000 => remaining,
            _ => 500 * MB,
        }
    };
    let stop = |remaining| {
        script("vep-248")
            .at_syncs(back(remaining))
            .limits_until(70_000)
            .last()
            .copied()
    };
    assert_eq!(stop(104 * MB), Some((60_000, FORCED)));
    assert_eq!(stop(105 * MB), Some((0, 300)));
}

#[test]
fn what_it_does_is_what_the_policy_permits() {
    let flat = |law, remaining| script(law).at_syncs(move |_| remaining);
    let mut postcopy = flat("vep-248=postcopy", 500 * MB);
    assert_eq!(
        postcopy.first_action(),
        Some((45_000, Action::StartPostcopy))
    );
    // 1.35 s are 1.5 times 900 ms; the switchover has 60 s to happen.
    let mut soft = flat("vep-248=nothing", 135 * MB);
    assert_eq!(soft.first_action(), Some((106_000, Action::Abort)));
    assert_eq!(soft.limits_until(0), [(0, 300), (45_000, 900)]);
    let mut hard = flat("vep-248=nothing", 136 * MB);
    assert_eq!(hard.first_action(), Some((45_000, Action::Abort)));
}

#[test]
fn at_the_deadline_a_guest_that_still_falls_is_stopped_and_60_s_later_given_up() {
    let mut falling = script("vep-248").at_syncs(|at_ms| 1000 * MB - at_ms * 2000);
    assert_eq!(falling.limits_until(160_000), [(0, 300), (151_200, FORCED)]);
    assert_eq!(falling.first_action(), Some((212_000, Action::Abort)));
}

#[test]
fn a_link_that_is_down_is_no_reason_to_stop() {
    // 500 s for the remaining memory, and twice the acceptable time is 300 s.
    let mut down = script("vep-248")
        .at_syncs(|_| 500 * MB)
        .window_bytes_per_s(MB);
    assert_eq!(down.first_action(), Some((151_200, Action::Abort)));
    assert_eq!(down.limits_until(0), [(0, 300)]);
}

#[test]
fn without_a_bandwidth_nothing_is_decided() {
    let mut unknown = script("vep-248")
        .at_syncs(|_| 500 * MB)
        .window_bytes_per_s(0);
    assert_eq!(unknown.first_action(), Some((151_200, Action::Abort)));
}

#[test]
fn at_a_tenth_of_its_times_a_stall_is_seen_after_4_s() {
    let mut scaled = Script::of("vep-248@0.1")
        .iteration_every_ms(500)
        .at_syncs(|_| 500 * MB);
    assert_eq!(scaled.limits_until(6_000), [(0, 300), (4_500, FORCED)]);
}
