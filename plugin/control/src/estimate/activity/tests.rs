use super::*;

/// Samples every 100 ms of a guest that is so busy, per cent, in each interval.
fn seen(percents: impl IntoIterator<Item = u64>) -> Activity {
    let (mut activity, mut used) = (Activity::default(), 0);
    for (n, percent) in percents.into_iter().enumerate() {
        poll(&mut activity, n as u64, used);
        used += percent * 1_000_000;
    }
    activity
}

/// The `n`th sample; milliseconds of CPU time are nanoseconds here.
fn poll(activity: &mut Activity, n: u64, vcpu_time_ns: u64) {
    activity.update(&Sample {
        at: Timestamp::from_nanos(n * 100_000_000),
        vcpu_time_ns: Some(vcpu_time_ns),
        ..Sample::default()
    });
}

#[test]
fn busy_and_idle_by_turns_is_phases() {
    let phases = |percents: &mut dyn Iterator<Item = u64>| seen(percents).phases();
    assert!(phases(&mut (0..60).map(|n| if n < 30 { 100 } else { 10 })).is_some());
    assert!(phases(&mut (0..60).map(|n| if n % 2 == 0 { 100 } else { 70 })).is_none());
    assert!(phases(&mut core::iter::repeat_n(100, 60)).is_none());
    assert!(phases(&mut core::iter::repeat_n(0, 60)).is_none());
    assert!(Activity::default().phases().is_none());
}

/// 10 ms are a tick of the kernel's: over less than 90 ms they would be more than a tenth.
#[test]
fn samples_too_close_for_an_instant_are_taken_together() {
    for (second_ms, idle_round) in [(89, true), (90, false)] {
        let mut activity = seen((0..20).map(|n| if n < 10 { 100 } else { 0 }));
        activity.end_round();
        let (begin_ns, used) = (1_900_000_000, 1_000_000_000);
        for (ms, more_ns) in [(second_ms, 30_000_000), (second_ms + 91, 30_000_000)] {
            activity.update(&Sample {
                at: Timestamp::from_nanos(begin_ns + ms * 1_000_000),
                vcpu_time_ns: Some(used + more_ns),
                ..Sample::default()
            });
        }
        assert_eq!(activity.end_round(), Some(idle_round), "{second_ms}");
    }
}

/// From a tenth to nine tenths of a processor: up to three tenths.
#[test]
fn a_sample_within_a_quarter_of_the_range_is_idle() {
    for (percent, idle_round) in [(30, true), (31, false)] {
        let mut activity = seen((0..20).map(|n| if n < 10 { 90 } else { 10 }));
        activity.end_round();
        poll(&mut activity, 20, (10 * 90 + 9 * 10 + percent) * 1_000_000);
        assert_eq!(activity.end_round(), Some(idle_round), "{percent}");
    }
}

#[test]
fn half_of_the_range_is_busy() {
    for (percent, idle) in [(49, true), (50, false)] {
        let percents = (0..80).map(|n| {
            if n < 30 {
                100
            } else if n < 60 {
                0
            } else {
                percent
            }
        });
        let phases = seen(percents).phases().expect("phases");
        assert_eq!(phases.idle, idle, "{percent}");
    }
}

#[test]
fn a_dip_of_a_tenth_of_a_second_is_no_phase() {
    let dipped = seen((0..60).map(|n| if n == 33 { 0 } else { 100 }));
    assert!(dipped.phases().is_none());
}

/// The beginning of a phase is known to a sample.
fn near(found: Option<Duration>, ms: u64) -> bool {
    found.is_some_and(|found| {
        found.abs_diff(Duration::from_millis(ms)) <= Duration::from_millis(200)
    })
}

#[test]
fn a_phase_has_the_length_it_had() {
    // 2 s busy, 1 s idle, and again; 500 ms into the third idle phase.
    let activity = seen((0..86).map(|n| if n % 30 < 20 { 100 } else { 0 }));
    let phases = activity.phases().expect("phases");
    assert!(phases.idle);
    assert!(near(phases.busy_span, 2000), "{phases:?}");
    assert!(near(phases.idle_span, 1000), "{phases:?}");
    assert!(near(Some(phases.age), 500), "{phases:?}");
}

#[test]
fn the_first_phase_counts_as_twice_its_observed_length() {
    let phases = seen((0..40).map(|n| if n < 20 { 100 } else { 0 })).phases();
    let phases = phases.expect("phases");
    assert!(near(phases.busy_span, 4000), "{phases:?}");
    assert_eq!(phases.idle_span, None);
    assert!(near(Some(phases.age), 2000), "{phases:?}");
}

/// A guest that idles from the first sample on: that phase was longer than seen, by an unknown time.
#[test]
fn an_idle_phase_is_whole_if_its_beginning_was_seen() {
    let whole = |polls| {
        let phases = seen((0..polls).map(|n| if n % 30 < 20 { 0 } else { 100 })).phases();
        let phases = phases.expect("phases");
        (phases.idle, phases.idle_span.is_some(), phases.idle_whole)
    };
    assert_eq!(whole(28), (false, true, false));
    assert_eq!(whole(40), (true, true, false));
    assert_eq!(whole(58), (false, true, true));
}

#[test]
fn one_odd_sample_does_not_end_a_phase() {
    let phases = seen((0..80).map(|n| {
        if (20..40).contains(&n) || n == 60 {
            0
        } else {
            100
        }
    }));
    let phases = phases.phases().expect("phases");
    assert!(!phases.idle);
    assert!(near(Some(phases.age), 3900), "{phases:?}");
}

#[test]
fn busy_time_is_counted_anew_in_each_round() {
    let mut activity = seen((0..40).map(|n| if n < 20 { 100 } else { 0 }));
    assert!(near(
        activity.phases().map(|phases| phases.busy_in_round),
        2000
    ));
    activity.end_round();
    assert_eq!(
        activity.phases().map(|phases| phases.busy_in_round),
        Some(Duration::ZERO)
    );
}

#[test]
fn a_round_is_idle_if_it_was_throughout() {
    let mut activity = seen((0..20).map(|n| if n < 10 { 100 } else { 0 }));
    assert_eq!(activity.end_round(), Some(false));
    poll(&mut activity, 20, 1_000_000_000);
    assert_eq!(activity.end_round(), Some(true));
    poll(&mut activity, 21, 1_000_000_000);
    poll(&mut activity, 22, 1_050_000_000);
    poll(&mut activity, 40, 1_050_000_000);
    assert_eq!(
        activity.end_round(),
        Some(false),
        "busy for half of one sample"
    );
    assert_eq!(Activity::default().end_round(), None);
    let mut spinning = seen(core::iter::repeat_n(100, 20));
    assert_eq!(spinning.end_round(), None, "no phases");
}

#[test]
fn nothing_overflows() {
    let mut activity = Activity::default();
    for at in [0, 1, u64::MAX, 5, u64::MAX] {
        for vcpu_time_ns in [u64::MAX - 1, 0] {
            activity.update(&Sample {
                at: Timestamp::from_nanos(at),
                vcpu_time_ns: Some(vcpu_time_ns),
                ..Sample::default()
            });
            activity.end_round();
        }
    }
    assert!(activity.phases().is_none() || activity.range.is_some());
}
