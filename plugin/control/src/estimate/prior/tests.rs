use std::vec::Vec;

use super::*;

const MB: u64 = 1_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// 100 MB in a second, 130 in two, and no more; watched for eight.
fn prior(phases: Option<PhaseSpans>) -> Prior {
    let written = [(1000, 100), (2000, 130), (4000, 130)];
    Prior::new(
        written.map(|(span_ms, mb)| (ms(span_ms), mb * MB)),
        phases,
        ms(8000),
    )
}

const SPANS: PhaseSpans = PhaseSpans {
    busy: Duration::from_secs(3),
    quiet: Duration::from_secs(2),
};

/// After a round of so many ms that ended at 10 s and found so many MB written.
fn synced(prior: Prior, round_ms: u64, found_mb: u64) -> CheckedPrior {
    let mut checked = CheckedPrior::new(prior);
    sync(&mut checked, round_ms, found_mb);
    checked
}

fn sync(checked: &mut CheckedPrior, round_ms: u64, found_mb: u64) {
    let at = Timestamp::from_nanos(10_000 * MB);
    let round = Round {
        syncs: 1,
        at,
        duration: ms(round_ms),
        remaining_bytes: (found_mb + 7) * MB,
        unsent_bytes: 7 * MB,
        ..Round::default()
    };
    checked.update(at, Some(&round));
}

fn at(checked: &mut CheckedPrior, at_ms: u64) -> Option<Phases> {
    checked.update(Timestamp::from_nanos(at_ms * MB), None);
    checked.phases()
}

#[test]
fn the_curve_is_straight_between_its_points_and_flat_after_them() {
    let checked = synced(prior(None), 2000, 130);
    let written = |span_ms| checked.written_within_bytes(ms(span_ms));
    let mb = [0, 500, 1000, 1500, 2000, 3000, 60_000].map(|span_ms| {
        written(span_ms)
            .map(|bytes| bytes.div_ceil(MB))
            .unwrap_or(u64::MAX)
    });
    assert_eq!(mb, [0, 50, 100, 115, 130, 130, 130]);
}

#[test]
fn at_its_points_the_curve_is_exact_and_without_any_there_is_none() {
    let third = Prior::new([(ms(300), 100)], None, ms(0));
    assert_eq!(third.written_within_bytes(ms(300)), Some(100));
    assert_eq!(Prior::default().written_within_bytes(ms(300)), None);
}

#[test]
fn points_that_do_not_rise_are_left_out() {
    let written = [(2, 5), (2, 9), (1, 9), (3, 4), (4, 5), (0, 9)];
    let prior = Prior::new(written.map(|(s, b)| (ms(s), b)), None, ms(0));
    let kept: Vec<_> = prior.written().collect();
    assert_eq!(kept, [(ms(2), 5), (ms(4), 5)]);
    let many = Prior::new((1..1000).map(|n| (ms(n), n)), None, ms(0));
    assert_eq!(many.written().count(), POINTS);
}

#[test]
fn nothing_is_known_until_a_sync_has_confirmed_it() {
    let checked = CheckedPrior::new(prior(Some(SPANS)));
    assert_eq!(checked.trust(), Trust::Unconfirmed);
    assert_eq!(checked.written_within_bytes(ms(1000)), None);
    assert!(checked.phases().is_none() && !checked.is_steady(ms(1)));
    let nothing = synced(Prior::default(), 2000, 130);
    assert_eq!(nothing.trust(), Trust::Unconfirmed);
    assert_eq!(nothing.written_within_bytes(ms(1000)), None);
}

#[test]
fn a_sync_within_a_third_confirms_it_and_any_other_refutes_it_for_good() {
    for (found_mb, trust) in [
        (98, Trust::Confirmed),
        (97, Trust::Refuted),
        (173, Trust::Confirmed),
        (174, Trust::Refuted),
    ] {
        let mut checked = synced(prior(None), 2000, found_mb);
        assert_eq!(checked.trust(), trust, "{found_mb}");
        sync(&mut checked, 2000, 130);
        assert_eq!(checked.trust(), trust, "{found_mb}, then as expected");
    }
}

/// All of a point may have been written within any part of its span.
#[test]
fn a_round_between_two_points_may_find_as_much_as_the_second() {
    for (round_ms, found_mb, trust) in [
        (250, 100, Trust::Confirmed),
        (250, 25, Trust::Confirmed),
        (250, 18, Trust::Refuted),
        (250, 140, Trust::Refuted),
        (1500, 130, Trust::Confirmed),
    ] {
        let checked = synced(prior(None), round_ms, found_mb);
        assert_eq!(checked.trust(), trust, "{found_mb} in {round_ms} ms");
    }
}

/// A longer round may find anything between no more, and a rise as before the last point.
#[test]
fn beyond_the_last_point_the_curve_may_have_risen_as_before() {
    let rising = [(1000, 100), (2000, 130)].map(|(span_ms, mb)| (ms(span_ms), mb * MB));
    let rising = |phases| Prior::new(rising, phases, ms(8000));
    for (found_mb, steady, phased) in [
        (97, Trust::Refuted, Trust::Unconfirmed),
        (98, Trust::Confirmed, Trust::Confirmed),
        (413, Trust::Confirmed, Trust::Confirmed),
        (414, Trust::Refuted, Trust::Confirmed),
        (694, Trust::Refuted, Trust::Refuted),
    ] {
        assert_eq!(
            synced(rising(None), 8000, found_mb).trust(),
            steady,
            "{found_mb}"
        );
        let phased_trust = synced(rising(Some(SPANS)), 8000, found_mb).trust();
        assert_eq!(phased_trust, phased, "{found_mb}");
    }
    let flat = |found_mb| synced(prior(None), 8000, found_mb).trust();
    assert_eq!((flat(173), flat(174)), (Trust::Confirmed, Trust::Refuted));
}

#[test]
fn a_guest_in_phases_may_be_quiet_at_first_but_not_busier() {
    let mut checked = synced(prior(Some(SPANS)), 2000, 10);
    assert_eq!(checked.trust(), Trust::Unconfirmed);
    assert_eq!(checked.phases(), None);
    sync(&mut checked, 2000, 130);
    assert_eq!(checked.trust(), Trust::Confirmed);
    assert_eq!(
        synced(prior(Some(SPANS)), 2000, 300).trust(),
        Trust::Refuted
    );
}

#[test]
fn a_round_of_several_syncs_tells_nothing() {
    let mut checked = CheckedPrior::new(prior(None));
    let round = Round {
        syncs: 2,
        duration: ms(2000),
        remaining_bytes: 130 * MB,
        ..Round::default()
    };
    checked.update(Timestamp::default(), Some(&round));
    assert_eq!(checked.trust(), Trust::Unconfirmed);
}

#[test]
fn a_guest_is_steady_for_no_longer_than_it_was_watched() {
    let checked = synced(prior(None), 2000, 130);
    assert!(checked.is_steady(ms(8000)) && !checked.is_steady(ms(8001)));
    assert!(!synced(prior(Some(SPANS)), 2000, 130).is_steady(ms(1)));
    assert!(!synced(prior(None), 2000, 10).is_steady(ms(1)));
}

#[test]
fn its_phases_are_expected_until_a_busy_one_is_overdue_by_half() {
    let mut checked = synced(prior(Some(SPANS)), 2000, 130);
    let phases = at(&mut checked, 12_000).expect("phases");
    assert!(!phases.idle && !phases.idle_whole);
    assert_eq!(
        (phases.age, phases.busy_span, phases.idle_span),
        (ms(2000), Some(SPANS.busy), Some(SPANS.quiet))
    );
    assert!(at(&mut checked, 14_500).is_some());
    assert!(at(&mut checked, 14_501).is_none());
    assert!(at(&mut synced(prior(None), 2000, 130), 12_000).is_none());
}

#[test]
fn it_tells_the_lengths_of_phases_that_were_not_seen_whole() {
    let seen = |busy_whole, idle_whole| Phases {
        idle: true,
        age: ms(100),
        busy_span: Some(ms(6000)),
        busy_whole,
        idle_span: None,
        idle_whole,
        busy_in_round: ms(7),
    };
    let lengths = |checked: &CheckedPrior, seen: Phases| {
        let phases = checked.complete(seen);
        let kept = (phases.idle, phases.age, phases.busy_in_round);
        assert_eq!(kept, (seen.idle, seen.age, seen.busy_in_round));
        (phases.busy_span, phases.idle_span)
    };
    let known = synced(prior(Some(SPANS)), 2000, 130);
    let (busy, quiet) = (Some(SPANS.busy), Some(SPANS.quiet));
    assert_eq!(lengths(&known, seen(false, false)), (busy, quiet));
    assert_eq!(lengths(&known, seen(true, false)), (Some(ms(6000)), quiet));
    let idle_seen = Phases {
        idle_span: Some(ms(900)),
        ..seen(false, true)
    };
    assert_eq!(lengths(&known, idle_seen), (busy, Some(ms(900))));
    let busy_for = |age_ms| Phases {
        idle: false,
        age: ms(age_ms),
        ..seen(false, false)
    };
    assert_eq!(lengths(&known, busy_for(4500)), (busy, quiet));
    assert_eq!(lengths(&known, busy_for(4501)), (Some(ms(6000)), None));
    for unknown in [
        synced(prior(None), 2000, 130),
        synced(prior(Some(SPANS)), 2000, 400),
    ] {
        assert_eq!(
            lengths(&unknown, seen(false, false)),
            (Some(ms(6000)), None)
        );
    }
}

#[test]
fn nothing_overflows() {
    let most = (Duration::MAX, u64::MAX);
    let spans = PhaseSpans {
        busy: Duration::MAX,
        quiet: Duration::MAX,
    };
    let prior = Prior::new([(ms(1), u64::MAX), most], Some(spans), Duration::MAX);
    let mut checked = CheckedPrior::new(prior);
    let round = Round {
        syncs: 1,
        duration: Duration::MAX,
        remaining_bytes: u64::MAX,
        ..Round::default()
    };
    checked.update(Timestamp::from_nanos(u64::MAX), Some(&round));
    assert_eq!(checked.trust(), Trust::Confirmed);
    assert_eq!(checked.written_within_bytes(most.0), Some(u64::MAX));
    assert!(checked.phases().is_some());
}

#[test]
fn a_prior_tells_what_it_was_made_of() {
    let second = Duration::from_secs(1);
    let phases = PhaseSpans {
        busy: 3 * second,
        quiet: 2 * second,
    };
    let prior = Prior::new([(second, 7)], Some(phases), 9 * second);
    assert_eq!(prior.written().collect::<Vec<_>>(), [(second, 7)]);
    assert_eq!(
        (prior.phases(), prior.watched()),
        (Some(phases), 9 * second)
    );
}
