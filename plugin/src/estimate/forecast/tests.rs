use std::time::Duration;

use libvirt_hpc_control::policy::{Deadline, Then};

use super::*;
use crate::estimate::prior::prior;

const MB: u64 = 1_000_000;

fn reading(seconds: u64, mb: u64) -> Reading {
    Reading {
        span: Duration::from_secs(seconds),
        written_bytes: mb * MB,
        sampled: false,
    }
}

/// 1 GB, half of it data, over 100 MB/s.
fn input(mb: [u64; 3]) -> Input {
    let [one, two, four] = mb;
    Input {
        total_bytes: 1000 * MB,
        data_bytes: 500 * MB,
        data_tolerance_percent: 0,
        readings: vec![reading(1, one), reading(2, two), reading(4, four)],
        pattern: None,
        counted: false,
        link: Link {
            bytes_per_s: 100 * MB,
            tolerance_percent: 5,
        },
        law: LawName::Adaptive,
        slowdown_ppm: 100_000,
        policy: Policy::default(),
        limit_ms: 300,
        cache_bytes: 0,
        pause_fixed_ms: 70,
        prior: Prior::default(),
    }
}

fn forecast(input: &Input) -> Forecast {
    Forecast::of(input).expect("a forecast")
}

/// Rule 3.2: flat, so one further round shows that nothing falls; with counters none is needed.
#[test]
fn a_flat_guest_is_stopped_with_its_working_set() {
    let flat = forecast(&input([130, 130, 130]));
    assert_eq!(flat.ending, Ending::Switchover);
    assert!(flat.pause_ms.likely.abs_diff(1390) < 20, "{flat:?}");
    assert!(!flat.stock.ends && flat.stock.sure, "{flat:?}");
    let counted = Input {
        counted: true,
        ..input([130, 130, 130])
    };
    let counted = forecast(&counted);
    assert!(
        counted.total_ms.likely + 1000 < flat.total_ms.likely,
        "{counted:?}"
    );
    assert!(
        (6500..7500).contains(&counted.total_ms.likely),
        "{counted:?}"
    );
}

#[test]
fn a_guest_that_converges_ends_under_virsh_too() {
    let slow = forecast(&input([10, 20, 40]));
    assert!(slow.stock.ends && slow.stock.sure, "{slow:?}");
    assert!(slow.pause_ms.likely < 200, "{slow:?}");
    assert!(slow.iterations.likely >= 3, "{slow:?}");
}

#[test]
fn the_likely_lies_in_its_interval_and_each_part_adds_up() {
    for mb in [[130, 130, 130], [10, 20, 40], [60, 100, 150], [0, 0, 0]] {
        let f = forecast(&input(mb));
        for interval in [
            f.total_ms,
            f.pause_ms,
            f.iterations,
            f.sent_bytes,
            f.delay_ms,
        ] {
            let Interval {
                likely,
                least,
                most,
            } = interval;
            assert!(least <= likely && likely <= most, "{f:?}");
        }
        assert!(
            f.total_ms.likely >= 5000 && f.sent_bytes.likely >= 500 * MB,
            "{f:?}"
        );
    }
}

#[test]
fn idle_phases_make_the_least_pause_short() {
    let phases = Pattern {
        busy_ns: 3 * NANOS_PER_S,
        quiet_ns: 3 * NANOS_PER_S,
        quiet_percent: 1,
        idles: true,
    };
    let phased = Input {
        pattern: Some(phases),
        ..input([130, 130, 130])
    };
    let (phased, flat) = (forecast(&phased), forecast(&input([130, 130, 130])));
    assert!(phased.pause_ms.least < 150 && flat.pause_ms.least > 1000);
}

/// A flat guest is stopped an iteration earlier. One that spins is stopped in its quiet phase, which page faults alone do
/// not always show.
#[test]
fn a_law_that_is_told_beforehand_ends_sooner_or_pauses_less() {
    let spinning = Pattern {
        busy_ns: 3 * NANOS_PER_S,
        quiet_ns: 3 * NANOS_PER_S,
        quiet_percent: 0,
        idles: false,
    };
    let told = |pattern: Option<Pattern>| {
        let plain = Input {
            pattern,
            counted: pattern.is_some(),
            ..input([130, 130, 130])
        };
        let watched = Duration::from_secs(10);
        let prior = prior(
            &plain.readings,
            pattern.as_ref(),
            plain.total_bytes,
            watched,
        );
        let told = Input {
            prior,
            ..plain.clone()
        };
        (forecast(&plain), forecast(&told))
    };
    let (plain, known) = told(None);
    assert!(
        known.total_ms.likely + 1000 < plain.total_ms.likely,
        "{known:?}"
    );
    let (plain, known) = told(Some(spinning));
    assert!(
        known.pause_ms.likely < 200 && plain.pause_ms.most > 1000,
        "{plain:?} {known:?}"
    );
}

#[test]
fn a_policy_that_cannot_be_kept_is_told() {
    let with = |downtime_max_ms, deadline_s: Option<u64>| {
        let mut input = input([130, 130, 130]);
        input.policy.downtime_max_ms = downtime_max_ms;
        input.policy.deadline = deadline_s.map(|seconds| Deadline {
            after: Duration::from_secs(seconds),
            then: Then::Abort,
        });
        let forecast = forecast(&input);
        (
            forecast.within_downtime,
            forecast.within_deadline,
            forecast.ending,
        )
    };
    assert_eq!(with(None, None), (None, None, Ending::Switchover));
    assert_eq!(
        with(Some(5000), Some(60)),
        (Some(true), Some(true), Ending::Switchover)
    );
    assert_eq!(with(Some(200), None), (Some(false), None, Ending::Never));
    assert_eq!(
        with(Some(200), Some(20)),
        (Some(false), Some(false), Ending::Abort)
    );
}

/// A trace, or a user, may name any bandwidth: each poll of weeks would be calculated.
#[test]
fn a_link_on_which_one_round_takes_days_is_not_calculated() {
    let over = |bytes_per_s| Input {
        link: Link {
            bytes_per_s,
            tolerance_percent: 5,
        },
        ..input([10, 20, 30])
    };
    for (bytes_per_s, too_long) in [(0, true), (1, true), (10_000, true), (MB, false)] {
        let input = over(bytes_per_s);
        assert_eq!(input.takes_too_long(), too_long);
        assert_eq!(Forecast::of(&input).is_none(), too_long);
    }
}

#[test]
fn without_a_reading_nothing_is_told() {
    let nothing = Input {
        readings: Vec::new(),
        ..input([0, 0, 0])
    };
    assert_eq!(Forecast::of(&nothing), None);
}

/// What is likely of a total lies between what happens if sampled readings were off the one way or the other.
#[test]
fn a_total_that_is_a_toss_is_estimated_between_its_outcomes() {
    let sampled = |mb: [u64; 3]| {
        let mut input = input(mb);
        for reading in &mut input.readings {
            reading.sampled = true;
        }
        input
    };
    let exact = |mb| forecast(&input(mb)).total_ms.likely;
    let tossed = forecast(&sampled([100, 130, 145])).total_ms;
    let outcomes = [exact([90, 120, 125]), exact([110, 140, 165])];
    let (least, most) = (outcomes[0].min(outcomes[1]), outcomes[0].max(outcomes[1]));
    assert!(least < most, "{outcomes:?}");
    assert_ne!(tossed.likely, exact([100, 130, 145]), "one outcome alone");
    assert!(
        (tossed.least..=tossed.most).contains(&tossed.likely),
        "{tossed:?}"
    );
    assert!(
        (least..=most).contains(&tossed.likely),
        "{tossed:?} {outcomes:?}"
    );
}

#[test]
fn the_middle_of_two_totals_is_off_by_the_same_factor_from_both() {
    assert_eq!(middle_of([4000, 9000].into_iter()), 6000);
    assert_eq!(middle_of([7000].into_iter()), 7000);
}
