use super::*;

const MIB: u64 = 1 << 20;
const S: u64 = 1_000_000_000;
const TOTAL: u64 = 8 << 30;

fn readings(mib: &[(u64, u64)]) -> Vec<Reading> {
    let reading = |&(seconds, mib): &(u64, u64)| Reading {
        span: Duration::from_secs(seconds),
        written_bytes: mib * MIB,
        sampled: true,
    };
    mib.iter().map(reading).collect()
}

fn curves(mib: &[(u64, u64)]) -> Curves {
    Curves::of(&readings(mib), TOTAL, TOTAL).expect("curves")
}

fn mib(curve: &Curve, span_ns: u64) -> u64 {
    curve.written_bytes(span_ns) / MIB
}

#[test]
fn a_set_that_is_rewritten_at_once_stays_as_large() {
    let flat = curves(&[(1, 600), (2, 600), (4, 600)]);
    for span_ns in [S / 10, S, 4 * S, 100 * S] {
        let found = mib(&flat.likely, span_ns);
        assert!((570..=600).contains(&found), "{found} after {span_ns}");
    }
    assert_eq!(flat.likely.written_bytes(0), 0);
    let (least, most) = (mib(&flat.least, 4 * S), mib(&flat.most, 4 * S));
    assert!((500..600).contains(&least), "{least}");
    assert!((601..700).contains(&most), "{most}");
}

/// The second reading is 40 MiB higher, of which 38 may be chance.
#[test]
fn a_rise_by_chance_does_not_make_a_set_that_is_rewritten_at_once_a_slow_one() {
    let flat = curves(&[(1, 460), (2, 500)]).likely;
    assert!(mib(&flat, S / 10) > 200, "{}", mib(&flat, S / 10));
}

#[test]
fn a_sweep_goes_on_until_a_guess_of_its_set() {
    let swept = curves(&[(1, 100), (2, 200), (4, 400)]);
    assert_eq!(
        mib(&swept.likely, S / 2),
        53,
        "25 of the second may be chance"
    );
    assert_eq!(mib(&swept.likely, 8 * S), 800);
    assert_eq!(mib(&swept.likely, 1000 * S), 1402, "sqrt(400 x 0.6 x 8192)");
    let never = mib(&swept.most, 10_000 * S);
    assert_eq!(never, 8192, "all of memory");
    assert!(mib(&swept.least, 1000 * S) < 400);
}

/// W(x) = 1000 (1 - exp(-x / 2 s)): 393, 632 and 865 MiB.
#[test]
fn writes_at_random_are_followed_to_their_set() {
    let random = curves(&[(1, 393), (2, 632), (4, 865)]).likely;
    for (span_ns, expected) in [(S / 2, 221), (3 * S, 777), (8 * S, 982), (100 * S, 1000)] {
        let found = mib(&random, span_ns);
        assert!(
            found.abs_diff(expected) * 20 <= expected,
            "{found} for {expected}"
        );
    }
}

#[test]
fn readings_that_no_curve_goes_through_are_bent_until_one_does() {
    for wild in [
        &[(1, 600), (2, 7), (4, 600)][..],
        &[(1, 7), (2, 600)],
        &[(1, 0), (4, 0)],
    ] {
        let Curves {
            least,
            likely,
            most,
            by_chance,
        } = curves(wild);
        assert!(by_chance.iter().all(|curve| (1..50).all(|step| {
            curve.written_bytes((step - 1) * S / 5) <= curve.written_bytes(step * S / 5)
        })));
        let mut before = 0;
        for span_ns in (0..50).map(|step| step * S / 5) {
            let at = |curve: &Curve| curve.written_bytes(span_ns);
            assert!(
                at(&least) <= at(&likely) && at(&likely) <= at(&most),
                "{wild:?}"
            );
            assert!(at(&likely) >= before);
            before = at(&likely);
        }
    }
}

#[test]
fn the_busier_of_two_readings_counts() {
    let twice = curves(&[(1, 10), (2, 600), (4, 600), (1, 600)]);
    assert_eq!(mib(&twice.likely, S), 600);
}

/// A standard error of 600 MiB of 8 GiB is 33 MiB.
#[test]
fn readings_apart_by_chance_count_by_their_mean() {
    let often = curves(&[(1, 580), (2, 600), (1, 620), (1, 600)]);
    assert_eq!(mib(&often.likely, S), 600);
    let apart = curves(&[(1, 500), (2, 640), (1, 640)]);
    assert_eq!(mib(&apart.likely, S), 640, "more than four errors");
}

/// W(x) never falls: of 660 within a second, and 600 and 540 within longer ones, the mean is likely. It would take more than
/// chance to write 900 in a second, and less in two.
#[test]
fn longer_spans_that_wrote_less_by_chance_count_as_well() {
    let flat = curves(&[(1, 660), (2, 600), (4, 540)]).likely;
    assert_eq!([1, 2, 4].map(|s| mib(&flat, s * S)), [600; 3]);
    let busier = curves(&[(1, 900), (2, 600), (4, 940)]).likely;
    assert_eq!([1, 2, 4].map(|s| mib(&busier, s * S)), [900, 900, 940]);
}

#[test]
fn nothing_is_known_without_a_reading() {
    assert_eq!(Curves::of(&[], TOTAL, TOTAL), None);
    let none = Reading {
        span: Duration::ZERO,
        written_bytes: 7,
        sampled: false,
    };
    assert_eq!(Curves::of(&[none], TOTAL, TOTAL), None);
    assert_eq!(Curve::idle().written_bytes(u64::MAX), 0);
}

#[test]
fn any_number_is_read() {
    let reading = Reading {
        span: Duration::MAX,
        written_bytes: u64::MAX,
        sampled: true,
    };
    let curves = Curves::of(&[reading, reading], u64::MAX, u64::MAX).expect("curves");
    assert!(curves.most.written_bytes(u64::MAX) > 0);
    assert!(Curves::of(&[reading], 0, 0).is_some());
}

#[test]
fn sampled_readings_may_have_been_others_and_exact_ones_not() {
    let sampled = readings(&[(1, 300), (2, 500), (4, 600)]);
    let exact = |reading: &Reading| Reading {
        sampled: false,
        ..*reading
    };
    let of = |readings: &[Reading]| Curves::of(readings, TOTAL, TOTAL).expect("curves");
    let curves = of(&sampled);
    let at_2_s: Vec<u64> = curves
        .by_chance
        .iter()
        .map(|curve| mib(curve, 2 * S))
        .collect();
    let likely = mib(&curves.likely, 2 * S);
    assert_eq!(at_2_s.len(), 4);
    assert!(
        at_2_s.iter().any(|other| *other < likely) && at_2_s.iter().any(|other| *other > likely),
        "{at_2_s:?}"
    );
    let exact: Vec<Reading> = sampled.iter().map(exact).collect();
    assert!(of(&exact).by_chance.is_empty());
}

#[test]
fn an_exact_reading_counts_for_sampled_ones_that_chance_explains() {
    let exact = |mib: u64| Reading {
        span: Duration::from_secs(1),
        written_bytes: mib * MIB,
        sampled: false,
    };
    let after_1_s = |readings: &[Reading]| {
        let curves = Curves::of(readings, TOTAL, TOTAL).expect("curves");
        mib(&curves.likely, S)
    };
    let sampled = readings(&[(1, 560), (1, 640)]);
    assert_eq!(after_1_s(&sampled), 600);
    assert_eq!(after_1_s(&[&sampled[..], &[exact(630)]].concat()), 630);
    assert_eq!(
        after_1_s(&[&sampled[..], &[exact(2000)]].concat()),
        2000,
        "busier then"
    );
}
