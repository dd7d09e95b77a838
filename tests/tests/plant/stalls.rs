//! Links that stall or trickle just at the switchover, and recover: the pause is that of the threshold.

use super::*;

/// The upper bound of any pause: twice the threshold, at the rate of the link before, and 0.2 s; and the stall of the
/// link within it.
fn bound(seen: &Seen, stalled: Duration) -> Duration {
    let accepted = seen.highest_threshold().max(GIGABIT / 100);
    Duration::from_secs_f64(2.0 * accepted as f64 / GIGABIT as f64 + 0.2) + stalled
}

/// How long the link was slow during the pause.
fn stalled_in_pause(got: &Outcome, from_ms: u64, long_ms: u64) -> Duration {
    let (from, to) = (from_ms, from_ms + long_ms);
    let begin = got.precopy.max(Duration::from_millis(from));
    got.total
        .min(Duration::from_millis(to))
        .saturating_sub(begin)
}

/// Runs a guest over a link that falls to `bytes_per_s` from `from_ms` on, for `long_ms`.
fn disturbed(
    config: &PlantConfig,
    from_ms: u64,
    long_ms: u64,
    bytes_per_s: u64,
) -> (Outcome, Seen) {
    let mut config = config.clone();
    config.link = Link::gigabit()
        .jitter(5)
        .then(Duration::from_millis(from_ms), bytes_per_s)
        .then(Duration::from_millis(from_ms + long_ms), GIGABIT);
    run(&mut Plant::new(&config), Policy::default())
}

fn hold(config: &PlantConfig, from_ms: u64, long_ms: u64, bytes_per_s: u64) {
    let (got, seen) = disturbed(config, from_ms, long_ms, bytes_per_s);
    assert_eq!(got.end, End::Completed, "{bytes_per_s} B/s at {from_ms} ms");
    assert!(
        got.pause <= bound(&seen, stalled_in_pause(&got, from_ms, long_ms)),
        "{bytes_per_s} B/s from {from_ms} ms for {long_ms} ms: {got:?}, accepted {} bytes",
        seen.highest_threshold()
    );
}

#[test]
fn a_phased_guest_is_not_stopped_in_its_busy_phase_by_a_stall_that_ends() {
    for into in (0..60).step_by(12) {
        let config = phased(Duration::from_millis(100 * into));
        for from_ms in (2_000..14_000).step_by(500) {
            for long_ms in [400, 1000] {
                for bytes_per_s in [100_000, 1_000_000] {
                    hold(&config, from_ms, long_ms, bytes_per_s);
                }
            }
        }
    }
}

#[test]
fn a_stall_at_the_switchover_allows_no_more_than_the_threshold() {
    for bytes_per_s in [10_000, 100_000, 1_000_000, 10_000_000] {
        for from_ms in (3_000..8_000).step_by(100) {
            hold(&saturated(), from_ms, 800, bytes_per_s);
        }
    }
}

/// 12 s of little, and then so much that it would take 8 s.
#[test]
fn a_link_that_trickles_for_long_is_waited_for() {
    let rate = Access::Rate {
        bytes: 16 * MIB,
        bytes_per_s: 50 * MB,
        order: Order::Random,
    };
    let phases = [
        (Duration::from_secs(12), rate),
        (Duration::from_secs(600), Access::Flat { bytes: 900 * MIB }),
    ];
    let guest = Guest::new(1024 * MIB)
        .non_zero(440 * MIB)
        .with(Writer::phases(phases));
    let config = PlantConfig::new(guest, Link::gigabit().jitter(5));
    for bytes_per_s in [20_000, 200_000, 1_000_000] {
        for from_ms in (4_000..14_000).step_by(200) {
            hold(&config, from_ms, 20_000, bytes_per_s);
        }
    }
}

/// A link that is slow for good is believed in the end.
#[test]
fn over_a_link_that_stays_slow_the_guest_is_stopped() {
    for (bytes_per_s, most_s) in [(30 * MB, 40), (5 * MB, 160)] {
        let mut config = saturated();
        config.link = Link::gigabit()
            .jitter(5)
            .then(Duration::from_secs(3), bytes_per_s);
        let got = adaptive(&config);
        assert_eq!(got.end, End::Completed);
        assert!(got.total < Duration::from_secs(most_s), "{got:?}");
    }
}
