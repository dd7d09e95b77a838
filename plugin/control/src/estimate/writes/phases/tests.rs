//! Guests in a line or two each, sampled every 100 ms in rounds of given lengths.

use std::vec::Vec;

use super::super::curve::Curve;
use super::*;

const MB: u64 = 1_000_000;

/// A guest: distinct bytes written so long after a sync, ms.
type Written = fn(u64) -> u64;

/// 128 MB at once.
fn flat(age_ms: u64) -> u64 {
    if age_ms == 0 { 0 } else { 128 * MB }
}

/// All of a large memory, at 60 MB/s.
fn swept(age_ms: u64) -> u64 {
    age_ms * 60 * MB / 1000
}

/// At 200 MB/s at random within 100 MB.
fn random(age_ms: u64) -> u64 {
    let rest = (0..age_ms).fold(100 * MB, |rest, _| rest - rest / 500);
    100 * MB - rest
}

fn quiet(_: u64) -> u64 {
    0
}

/// 200 MB/s within 128 MB.
fn paced(age_ms: u64) -> u64 {
    (age_ms * 200 * MB / 1000).min(128 * MB)
}

/// Quiet for 1200 ms, then the same.
fn wakes(age_ms: u64) -> u64 {
    paced(age_ms.saturating_sub(1200))
}

/// Quiet for all but 40 ms of 700.
fn wakes_late(age_ms: u64) -> u64 {
    (age_ms.saturating_sub(660) * 1280 * MB / 1000).min(128 * MB)
}

/// Quiet, but for 30 MB/s within 60 MB.
fn little(age_ms: u64) -> u64 {
    (age_ms * 30 * MB / 1000).min(60 * MB)
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// Rounds of a guest, sampled as `Writes` does.
#[derive(Default)]
struct Polls {
    phases: WritePhases,
    curve: Curve,
    most_bytes: u64,
    sync_ms: u64,
    uncertain_bytes: u64,
}

impl Polls {
    /// The answers in a round, the first `offset_ms` after its sync and then every 100 ms.
    fn round_from(&mut self, offset_ms: u64, round_ms: u64, written: Written) -> Vec<Option<bool>> {
        self.curve.begin_round();
        self.phases
            .begin_round(at(self.sync_ms), self.uncertain_bytes);
        let polls = (offset_ms..round_ms).step_by(100);
        let judged = polls.map(|age_ms| self.poll(age_ms, written(age_ms)));
        let judged = judged.collect();
        self.sync_ms += round_ms;
        judged
    }

    fn round(&mut self, round_ms: u64, written: Written) -> Vec<Option<bool>> {
        self.round_from(100, round_ms, written)
    }

    fn poll(&mut self, age_ms: u64, bytes: u64) -> Option<bool> {
        let age = Duration::from_millis(age_ms);
        self.curve.record(age, bytes);
        self.most_bytes = self.most_bytes.max(bytes);
        let (expected_bytes, now) = (self.curve.most_at(age), at(self.sync_ms + age_ms));
        self.phases
            .follow(now, bytes, expected_bytes, self.most_bytes, |span| {
                self.curve.most_within(span)
            });
        self.phases.quiet()
    }

    fn phases(&self) -> Phases {
        self.phases.phases().expect("the guest was quiet")
    }
}

/// However long the rounds are, and wherever in them the samples fall.
#[test]
fn a_steady_writer_is_never_quiet() {
    for (name, written) in [
        ("flat", flat as Written),
        ("swept", swept),
        ("random", random),
    ] {
        let mut polls = Polls::default();
        for (offset_ms, round_ms) in [(100, 4000), (30, 1300), (70, 900), (10, 5000), (90, 2000)] {
            let judged = polls.round_from(offset_ms, round_ms, written);
            assert!(!judged.contains(&Some(true)), "{name}: {judged:?}");
            assert!(judged.contains(&Some(false)), "{name}: {judged:?}");
        }
        assert_eq!(polls.phases.phases(), None, "{name}");
    }
}

#[test]
fn a_fast_writer_that_stops_is_quiet_after_one_sample() {
    for written in [flat as Written, random] {
        let mut polls = Polls::default();
        polls.round(4000, written);
        assert_eq!(polls.round(200, quiet), [Some(true)]);
        let phases = polls.phases();
        assert_eq!(
            (phases.idle, phases.age),
            (true, Duration::from_millis(100)),
            "since the sync"
        );
    }
}

/// 40 of its 128 MB were counted before the sync: it writes no more than 88, and is busy.
#[test]
fn a_guest_is_not_quiet_for_what_was_counted_before_the_sync() {
    let late: Written = |age| (paced(age).saturating_sub(40 * MB)).min(88 * MB);
    for (uncertain_bytes, is_quiet) in [(40 * MB, false), (0, true)] {
        let mut polls = Polls::default();
        polls.round(4000, paced);
        polls.uncertain_bytes = uncertain_bytes;
        let judged = polls.round(1000, late);
        let is_seen = judged.contains(&Some(true));
        assert_eq!(is_seen, is_quiet, "{uncertain_bytes}: {judged:?}");
        let judged = polls.round(500, quiet);
        assert_eq!(judged.last(), Some(&Some(true)), "{uncertain_bytes}");
    }
}

/// The working set is 240 MB: a sixteenth is expected after 250 ms.
#[test]
fn a_slow_writer_that_stops_is_quiet_since_the_sync_too() {
    let mut polls = Polls::default();
    polls.round(4100, swept);
    assert_eq!(polls.round(400, quiet), [None, None, Some(true)]);
    assert_eq!(polls.phases().age, Duration::from_millis(300));
}

/// A third is busy, and less is quiet.
#[test]
fn less_than_a_third_of_the_busiest_round_is_quiet() {
    let parts: [(Written, bool); 2] = [(|age| flat(age) / 3 + 1, false), (|_| 40 * MB, true)];
    for (written, is_quiet) in parts {
        let mut polls = Polls::default();
        polls.round(4000, flat);
        assert_eq!(polls.round(200, written), [Some(is_quiet)]);
    }
}

/// The busiest round is remembered, whatever comes after.
#[test]
fn a_guest_quiet_in_one_round_is_quiet_in_the_next() {
    let mut polls = Polls::default();
    polls.round(4000, flat);
    for _ in 0..5 {
        let judged = polls.round(900, quiet);
        assert_eq!(judged[0], Some(true), "{judged:?}");
    }
    assert_eq!(polls.phases().age, Duration::from_millis(4 * 900 + 800));
    assert_eq!(polls.round(200, flat), [Some(false)]);
}

#[test]
fn a_guest_that_turns_busy_within_a_round_is_seen_at_once() {
    let mut polls = Polls::default();
    polls.round(4000, paced);
    let judged = polls.round(1400, wakes);
    let (still, woken) = judged.split_at(12);
    assert_eq!((still, woken), (&[Some(true); 12][..], &[Some(false)][..]));
    let phases = polls.phases();
    let ms = Duration::from_millis;
    assert_eq!((phases.idle, phases.age), (false, ms(100)));
    assert_eq!(
        (phases.idle_span, phases.idle_whole),
        (Some(ms(2850)), false),
        "it turned quiet after 700 ms of the round before, or by its end"
    );
    assert_eq!(phases.busy_in_round, ms(100), "since the last sample");
}

#[test]
fn nothing_is_judged_right_after_a_sync() {
    for (age_ms, judged) in [(49, None), (50, Some(true))] {
        let mut polls = Polls::default();
        polls.round(4000, flat);
        assert_eq!(polls.round_from(age_ms, age_ms + 1, quiet), [judged]);
    }
}

/// In its first round as in any other: a steady guest never writes more than right after the sync.
#[test]
fn a_guest_that_wakes_within_its_first_round_was_quiet_until_then() {
    for written in [wakes as Written, wakes_late] {
        let mut polls = Polls::default();
        let judged = polls.round(4000, written);
        assert!(!judged.contains(&Some(true)), "{judged:?}");
        let phases = polls.phases();
        assert_eq!((phases.idle, phases.busy_span), (false, None));
        let woke = Duration::from_millis(4000 - 100) - phases.age;
        assert_eq!(
            phases.idle_span,
            Some(woke * 2),
            "half of it was seen, in the median"
        );
    }
}

/// A checkpoint first, and the work a second later: it was quiet in between.
#[test]
fn a_guest_that_wakes_twice_is_busy_since_the_second_time() {
    let twice: Written = |age_ms| {
        let checkpoint = if age_ms >= 1250 { 26 * MB } else { 0 };
        checkpoint + paced(age_ms.saturating_sub(2450)) + age_ms * 12 * MB / 1000
    };
    let mut polls = Polls::default();
    polls.round(4000, twice);
    let phases = polls.phases();
    let ms = Duration::from_millis;
    assert_eq!((phases.idle, phases.age), (false, ms(3900 - 2400)));
}

/// 12 MB/s, of which nobody knows whether the guest writes them busy or quiet.
#[test]
fn a_trickle_does_not_hide_that_a_guest_may_long_have_been_quiet() {
    let first: Written = |age_ms| paced(age_ms) + age_ms * 12 * MB / 1000;
    let second: Written = |age_ms| wakes(age_ms) + age_ms * 12 * MB / 1000;
    let mut polls = Polls::default();
    polls.round(4000, first);
    assert_eq!(polls.round(2000, second)[11..13], [Some(true), Some(false)]);
    let seen = polls.phases().idle_span.expect("it has woken");
    let ms = Duration::from_millis;
    assert!(ms(2500) < seen && seen < ms(3100), "{seen:?}");
}

/// Twice as much as before may be chance.
#[test]
fn a_guest_that_writes_a_little_more_has_not_woken() {
    let faster: Written = |age_ms| (age_ms + age_ms.saturating_sub(2000)) * 30 * MB / 1000;
    let mut polls = Polls::default();
    polls.round(4000, faster);
    assert_eq!(polls.phases.phases(), None);
}

/// Small writes add up to enough to be judged while no more is expected.
#[test]
fn a_little_that_is_written_for_long_is_quiet() {
    for written in [flat as Written, paced] {
        let mut polls = Polls::default();
        polls.round(4000, written);
        let judged = polls.round(3000, little);
        assert_eq!(judged[..], [Some(true); 29]);
        assert_eq!(polls.phases().age, Duration::from_millis(2900));
    }
}

/// They may be fewer than it writes after a sync.
#[test]
fn a_guest_that_wakes_late_writes_no_more_than_its_unwritten_pages() {
    let most: Written = |age_ms| match age_ms {
        0..700 => (age_ms / 100 - 1) * 18 * MB,
        _ => 128 * MB,
    };
    let mut polls = Polls::default();
    polls.round(4000, flat);
    let judged = polls.round(800, most);
    assert_eq!(judged[5..], [Some(true), Some(false)]);
}

#[test]
fn a_guest_that_turned_busy_between_two_samples_is_seen() {
    let mut polls = Polls::default();
    polls.round(4000, flat);
    let judged = polls.round(800, wakes_late);
    assert_eq!(judged[5..], [Some(true), Some(false)]);
}

/// Every guest writes no more then.
#[test]
fn once_the_working_set_is_written_nothing_is_judged() {
    let mut polls = Polls::default();
    polls.round(4000, flat);
    polls.round(1000, quiet);
    let judged = polls.round(5000, flat);
    assert_eq!(judged[..], [Some(false); 49]);
    assert_eq!(polls.phases().busy_in_round, Duration::from_millis(100));
}

/// As multigrid does: 80 MB within 400 ms of each sync, and 40 MB more now and then.
#[test]
fn a_round_that_wrote_more_than_others_does_not_make_them_quiet() {
    let usual: Written = |age| paced(age).min(80 * MB);
    let more: Written = |age| (age * 200 * MB / 1000).min(120 * MB);
    let mut polls = Polls::default();
    for written in [usual, usual, more, usual, more, usual, usual] {
        let judged = polls.round(900, written);
        assert!(!judged.contains(&Some(true)), "{judged:?}");
    }
    assert_eq!(polls.phases.phases(), None);
}

/// With half of its working set unwritten, more is due.
#[test]
fn a_guest_that_stops_before_half_of_its_working_set_is_written_turns_quiet() {
    let parts: [(Written, bool); 2] = [
        (|age| paced(age).min(64 * MB), true),
        (|age| paced(age).min(65 * MB), false),
    ];
    for (written, is_quiet) in parts {
        let mut polls = Polls::default();
        polls.round(4000, paced);
        let judged = polls.round(1000, written);
        assert_eq!(judged.last(), Some(&Some(is_quiet)), "{judged:?}");
    }
}

#[test]
fn little_tells_nothing() {
    let mut polls = Polls::default();
    let next_to_nothing: Written = |_| TELLING_BYTES - 1;
    assert_eq!(polls.round(300, next_to_nothing), [None; 2]);
    assert_eq!(polls.round(300, quiet), [None; 2]);
    assert_eq!(polls.round(200, |_| TELLING_BYTES), [Some(false)], "enough");
    polls.round(1000, flat);
    let part: Written = |_| 128 * MB / TELLING_PART - 1;
    polls.curve = Curve::default();
    assert_eq!(polls.round(200, part), [None], "too little of the set");
}

/// As in rounds of many chunks.
#[test]
fn another_judgement_turns_the_phases_as_well() {
    let mut phases = WritePhases::default();
    phases.begin_round(at(1000), 0);
    let mut taken = |verdict, at_ms| {
        phases.take(verdict, at(at_ms));
        phases.quiet()
    };
    assert_eq!(taken(None, 1000), None);
    assert_eq!(taken(Some(Verdict::Busy(at(1000))), 3000), Some(false));
    assert_eq!(taken(Some(Verdict::Quiet(at(3000))), 4000), Some(true));
    assert_eq!(taken(None, 4500), Some(true), "until the next");
    assert_eq!(taken(Some(Verdict::Busy(at(5000))), 5100), Some(false));
    let phases = phases.phases().expect("it was quiet");
    let ms = Duration::from_millis;
    assert_eq!((phases.age, phases.idle_span), (ms(100), Some(ms(2000))));
    assert!(phases.idle_whole, "it was busy until then");
    assert_eq!(phases.busy_in_round, ms(2100));
}

#[test]
fn nothing_overflows() {
    let mut phases = WritePhases::default();
    let last = Timestamp::from_nanos(u64::MAX);
    phases.begin_round(at(0), 0);
    phases.follow(last, u64::MAX, u64::MAX, u64::MAX, |_| Some(u64::MAX));
    assert_eq!(phases.quiet(), Some(false));
    phases.begin_round(at(1), 0);
    phases.follow(last, u64::MAX / 2, u64::MAX, u64::MAX, |_| Some(u64::MAX));
    assert_eq!(phases.quiet(), Some(false), "half");
    phases.begin_round(at(1), 0);
    phases.follow(last, 0, u64::MAX, u64::MAX, |_| Some(u64::MAX));
    assert_eq!(phases.quiet(), Some(true));
}
