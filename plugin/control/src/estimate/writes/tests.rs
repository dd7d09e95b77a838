//! Guests in a line or two each, their counters right and wrong.

use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Trust, Writes};
use crate::estimate::Round;
use crate::sample::{Faults, JobState, Sample};
use crate::time::Timestamp;

const MB: u64 = 1_000_000;
const TOTAL_BYTES: u64 = 1 << 30;

/// Memory flows from then on, and is looked at so often, ms.
const BEGIN_MS: u64 = 330;
const LOOK_MS: u64 = 100;

/// What a guest has written at `now_ms` of what it had not since the sync at `sync_ms`, bytes.
type Guest = fn(sync_ms: u64, now_ms: u64) -> u64;

/// Rewrites 128 MB flat out, at 400 MB/s.
fn flat(sync_ms: u64, now_ms: u64) -> u64 {
    ((now_ms - sync_ms) * 400 * MB / 1000).min(128 * MB)
}

/// Sweeps all of memory at 60 MB/s.
fn swept(sync_ms: u64, now_ms: u64) -> u64 {
    ((now_ms - sync_ms) * 60 * MB / 1000).min(TOTAL_BYTES)
}

/// Writes at 50 MB/s at random within 100 MB.
fn random(sync_ms: u64, now_ms: u64) -> u64 {
    let rest = (sync_ms..now_ms).fold(100 * MB, |rest, _| rest - rest / 2000);
    100 * MB - rest
}

/// Busy for 3 s as the flat one, then quiet for 3 s.
fn phased(sync_ms: u64, now_ms: u64) -> u64 {
    let busy_ms = (sync_ms..now_ms).filter(|ms| ms / 3000 % 2 == 0).count() as u64;
    (busy_ms * 400 * MB / 1000).min(128 * MB)
}

const GUESTS: [(&str, Guest); 4] = [
    ("flat", flat),
    ("swept", swept),
    ("random", random),
    ("phased", phased),
];

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// A migration in rounds of given lengths, looked at every 100 ms.
struct Run {
    guest: Guest,
    /// What the counter makes of so many pages in all, at that time, ms.
    counter: Box<dyn FnMut(u64, u64) -> Option<u64>>,
    writes: Writes,
    sync_ms: u64,
    iteration: u64,
    /// Pages counted up to the last sync.
    pages: u64,
    /// Estimates of a sync, made 100 ms before it, and what it found, bytes.
    made: Vec<(Option<u64>, u64)>,
}

impl Run {
    fn of(guest: Guest) -> Self {
        Self {
            guest,
            counter: Box::new(|pages, _| Some(pages)),
            writes: Writes::default(),
            sync_ms: BEGIN_MS,
            iteration: 0,
            pages: 7_000_000,
            made: Vec::new(),
        }
    }

    fn counted_by(self, counter: impl FnMut(u64, u64) -> Option<u64> + 'static) -> Self {
        let counter = Box::new(counter);
        Self { counter, ..self }
    }

    fn written(&self, now_ms: u64) -> u64 {
        (self.guest)(self.sync_ms, now_ms.max(self.sync_ms))
    }

    fn look(&mut self, now_ms: u64, round_ms: u64, round: Option<&Round>) {
        let pages = self.pages + self.written(now_ms) / Faults::PAGE_BYTES;
        let left_ms = (self.sync_ms + round_ms).saturating_sub(now_ms);
        let sample = Sample {
            at: at(now_ms),
            state: match self.iteration {
                0 => JobState::Setup,
                _ => JobState::Precopy,
            },
            iteration: self.iteration,
            sync_at: (self.iteration > 0).then(|| at(self.sync_ms)),
            total_bytes: TOTAL_BYTES,
            remaining_bytes: left_ms * 100 * MB / 1000,
            faults: (self.counter)(pages, now_ms).map(|pages| Faults {
                at: at(now_ms),
                pages,
            }),
            ..Sample::default()
        };
        self.writes.update(&sample, round);
    }

    /// Looks until the round that begins now, of that length, is over.
    fn round(&mut self, round_ms: u64, begun: Option<&Round>) -> Round {
        self.iteration += 1;
        let end_ms = self.sync_ms + round_ms;
        let mut begun = begun.copied();
        let first = self.sync_ms.next_multiple_of(LOOK_MS);
        let looks = (first..end_ms).step_by(usize::try_from(LOOK_MS).expect("small"));
        let mut estimate = None;
        for now_ms in looks {
            self.look(now_ms, round_ms, begun.take().as_ref());
            if now_ms + LOOK_MS <= end_ms {
                estimate = self.writes.next_sync_bytes(at(end_ms));
            }
        }
        let found = self.written(end_ms);
        self.made.push((estimate, found));
        self.pages += found / Faults::PAGE_BYTES;
        self.sync_ms = end_ms;
        Round {
            iteration: self.iteration + 1,
            syncs: 1,
            at: at(end_ms),
            remaining_bytes: found,
            duration: Duration::from_millis(round_ms),
            ..Round::default()
        }
    }

    fn rounds(mut self, lengths_ms: &[u64]) -> Self {
        (0..BEGIN_MS)
            .step_by(100)
            .for_each(|now_ms| self.look(now_ms, 0, None));
        let mut begun = None;
        for &round_ms in lengths_ms {
            begun = Some(self.round(round_ms, begun.as_ref()));
        }
        // One look into a round more, at which the last one is judged.
        self.round(LOOK_MS * 2, begun.as_ref());
        self.made.pop();
        self
    }
}

const ROUNDS: [u64; 6] = [4150, 1280, 1310, 990, 1725, 1400];

/// Per cent.
fn off(estimate: Option<u64>, found: u64) -> Option<u64> {
    Some(estimate?.abs_diff(found) * 100 / found.max(MB))
}

#[test]
fn each_guest_is_foreseen_a_look_before_the_sync() {
    for (name, guest) in GUESTS {
        let run = Run::of(guest).rounds(&ROUNDS);
        assert_eq!(run.writes.trust(), Trust::Confirmed, "{name}");
        for (estimate, found) in &run.made {
            let off = off(*estimate, *found);
            let quiet = name == "phased" && *found == 0;
            assert!(
                quiet || off.is_some_and(|off| off <= 5),
                "{name}: {:?}",
                run.made
            );
        }
    }
}

#[test]
fn a_flat_guest_is_known_well_within_the_first_round() {
    let mut run = Run::of(flat);
    run.look(200, 0, None);
    run.look(300, 0, None);
    run.iteration = 1;
    (400..=800)
        .step_by(100)
        .for_each(|now_ms| run.look(now_ms, 4000, None));
    assert_eq!(run.writes.trust(), Trust::Unconfirmed);
    assert_eq!(run.writes.rate_now(), 0, "all of it is written");
    let hot = run.writes.hot_bytes().expect("known");
    assert!(off(Some(hot), 128 * MB) == Some(0), "{hot}");
    let peak = run.writes.peak_bytes_per_s().expect("known");
    assert!(peak.abs_diff(400 * MB) < 4 * MB, "{peak}");
    let half = run
        .writes
        .written_within_bytes(Duration::from_millis(160))
        .expect("known");
    assert!(half.abs_diff(64 * MB) < MB, "{half}");
}

#[test]
fn a_rate_is_that_of_the_last_look() {
    let run = Run::of(swept).rounds(&ROUNDS);
    let rate = run.writes.rate_now();
    assert!(rate.abs_diff(60 * MB) < MB, "{rate}");
    let second = run.writes.written_within_bytes(Duration::from_secs(1));
    assert!(
        second.expect("known").abs_diff(60 * MB) < 2 * MB,
        "{second:?}"
    );
}

#[test]
fn a_deaf_counter_says_nothing_once_a_sync_has_found_what_it_missed() {
    let run = Run::of(flat)
        .counted_by(|_, _| Some(7_000_000))
        .rounds(&ROUNDS);
    assert!(
        run.made.iter().all(|(estimate, _)| estimate.is_none()),
        "{:?}",
        run.made
    );
    assert_eq!(run.writes.trust(), Trust::Refuted);
    assert_eq!(run.writes.hot_bytes(), None);
    assert_eq!(run.writes.hot_bytes(), None);
    assert_eq!(run.writes.written_within_bytes(Duration::ZERO), None);
}

#[test]
fn a_counter_that_sees_half_is_refuted_by_the_first_sync() {
    let half = |pages: u64, _| Some(7_000_000 + (pages - 7_000_000) / 2);
    for (name, guest) in [("flat", flat as Guest), ("swept", swept)] {
        let run = Run::of(guest).counted_by(half).rounds(&ROUNDS);
        assert_eq!(run.writes.trust(), Trust::Refuted, "{name}");
        assert!(
            run.made[1..].iter().all(|(estimate, _)| estimate.is_none()),
            "{name}"
        );
    }
}

/// As under a dirty ring, whose pages are protected again whenever it is emptied.
#[test]
fn at_the_first_sync_a_counter_that_foresaw_something_else_is_not_believed() {
    for (times, believed) in [(1, true), (8, false)] {
        let counter = move |pages: u64, _| Some(7_000_000 + (pages - 7_000_000) * times);
        let mut run = Run::of(swept).counted_by(counter);
        (0..BEGIN_MS)
            .step_by(100)
            .for_each(|now_ms| run.look(now_ms, 0, None));
        let round = run.round(ROUNDS[0], None);
        // It is not read again before the law decides.
        run.counter = Box::new(|_, _| None);
        run.iteration += 1;
        run.look(run.sync_ms, ROUNDS[1], Some(&round));
        let known = run.writes.written_within_bytes(Duration::from_secs(1));
        assert_eq!(known.is_some(), believed, "{times} times as many");
        assert_eq!(run.writes.trust(), Trust::Unconfirmed);
    }
}

#[test]
fn faults_that_are_no_writes_are_borne_while_they_are_few() {
    // 20,000 and 4,000 a second: 82 and 16 MB/s.
    let many = |pages, now_ms: u64| Some(pages + now_ms * 20);
    let few = |pages, now_ms: u64| Some(pages + now_ms * 4);
    assert_eq!(
        Run::of(swept)
            .counted_by(many)
            .rounds(&ROUNDS)
            .writes
            .trust(),
        Trust::Refuted
    );
    let run = Run::of(flat).counted_by(few).rounds(&ROUNDS[1..]);
    assert_eq!(run.writes.trust(), Trust::Confirmed);
    assert!(
        run.made
            .iter()
            .all(|(estimate, found)| estimate >= &Some(*found - MB)),
        "{:?}",
        run.made
    );
}

#[test]
fn a_counter_that_begins_anew_is_known_again_after_the_next_sync() {
    let anew = |pages: u64, now_ms| {
        Some(if now_ms < 6000 {
            pages
        } else {
            pages - 7_000_000
        })
    };
    let run = Run::of(swept).counted_by(anew).rounds(&ROUNDS);
    let known: Vec<bool> = run
        .made
        .iter()
        .map(|(estimate, _)| estimate.is_some())
        .collect();
    assert_eq!(
        known,
        [true, true, false, true, true, true],
        "6 s are in the third round"
    );
    assert_eq!(run.writes.trust(), Trust::Confirmed);
}

#[test]
fn a_counter_that_vanishes_is_not_taken_for_a_guest_that_rests() {
    let vanishes = |pages, now_ms| (now_ms < 6000).then_some(pages);
    let run = Run::of(swept).counted_by(vanishes).rounds(&ROUNDS);
    assert_eq!(run.writes.hot_bytes(), None);
    assert_eq!(run.writes.next_sync_bytes(at(12_000)), None);
}

#[test]
fn without_a_counter_nothing_is_known() {
    let run = Run::of(flat).counted_by(|_, _| None).rounds(&ROUNDS);
    assert_eq!(run.writes.trust(), Trust::Unconfirmed);
    assert!(run.made.iter().all(|(estimate, _)| estimate.is_none()));
    assert_eq!(run.writes.hot_bytes(), None);
}

#[test]
fn who_comes_late_knows_after_the_next_sync() {
    let mut run = Run::of(swept);
    run.iteration = 4;
    run.sync_ms = 10_000;
    let begun = run.round(1500, None);
    assert_eq!(run.made[0].0, None);
    run.round(1500, Some(&begun));
    assert!(
        off(run.made[1].0, run.made[1].1).is_some_and(|off| off <= 5),
        "{:?}",
        run.made
    );
}

#[test]
fn syncs_that_were_missed_judge_nothing() {
    let mut run = Run::of(swept);
    run.look(200, 0, None);
    run.look(300, 0, None);
    let begun = run.round(1500, None);
    let missed = Round { syncs: 3, ..begun };
    run.round(1500, Some(&missed));
    assert_eq!(run.writes.trust(), Trust::Unconfirmed);
}

#[test]
fn a_round_of_which_too_much_is_reckoned_judges_nothing() {
    let trust = |lengths: &[u64]| Run::of(swept).rounds(lengths).writes.trust();
    assert_eq!(trust(&[663, 600]), Trust::Unconfirmed);
    assert_eq!(trust(&[800, 600]), Trust::Confirmed);
}

#[test]
fn looks_that_are_far_apart_still_tell_of_long_rounds() {
    // As 64 virtual processors cost: a look in two seconds.
    let seldom = |pages, now_ms: u64| now_ms.is_multiple_of(2000).then_some(pages);
    let run = Run::of(swept)
        .counted_by(seldom)
        .rounds(&[19_150, 18_200, 18_300, 18_100]);
    assert_eq!(run.writes.trust(), Trust::Confirmed);
    for (estimate, found) in &run.made[1..] {
        assert!(
            off(*estimate, *found).is_some_and(|off| off <= 5),
            "{:?}",
            run.made
        );
    }
}

/// Rounds of which the first is long enough to be judged however it lies to the looks: what one look leaves to reckoning is no
/// more than an eighth of it.
fn lengths() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(8 * LOOK_MS..6_000, 2..8)
}

/// A number from 80 to 120 that hangs on `seed` alone.
fn about_a_hundred(seed: u64) -> u64 {
    80 + (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 41
}

/// Counts 80 to 120 of a hundred pages, another number every second.
fn off_by_a_fifth(seed: u64) -> impl FnMut(u64, u64) -> Option<u64> + 'static {
    let (mut last, mut counted) = (None, 0);
    move |pages, now_ms| {
        let more = pages - last.replace(pages).unwrap_or(pages);
        counted += more * about_a_hundred(seed + now_ms / 1000);
        Some(counted / 100)
    }
}

proptest! {
    #[test]
    fn rounds_of_any_length_are_foreseen(lengths in lengths(), guest in 0..3_usize) {
        let run = Run::of(GUESTS[guest].1).rounds(&lengths);
        prop_assert_eq!(run.writes.trust(), Trust::Confirmed);
        for (estimate, found) in &run.made {
            prop_assert!(off(*estimate, *found).is_some_and(|off| off <= 5), "{:?}", run.made);
        }
    }

    #[test]
    fn a_counter_twenty_per_cent_off_is_borne(lengths in lengths(), seed in 0..1000_u64, guest in 0..3_usize) {
        let run = Run::of(GUESTS[guest].1).counted_by(off_by_a_fifth(seed)).rounds(&lengths);
        prop_assert_eq!(run.writes.trust(), Trust::Confirmed);
        for (estimate, found) in &run.made {
            prop_assert!(off(*estimate, *found).is_some_and(|off| off <= 25), "{:?}", run.made);
        }
    }

    #[test]
    fn a_deaf_counter_is_never_believed(lengths in lengths(), guest in 0..3_usize) {
        let run = Run::of(GUESTS[guest].1).counted_by(|_, _| Some(1)).rounds(&lengths);
        prop_assert!(run.made.iter().all(|(estimate, _)| estimate.is_none()));
        prop_assert_eq!(run.writes.trust(), Trust::Refuted);
    }

    #[test]
    fn whatever_is_read_nothing_is_more_than_memory(
        looks in proptest::collection::vec((any::<u64>(), any::<u64>(), 0..4_u64, any::<u64>(), any::<bool>()), 1..50),
    ) {
        let mut writes = Writes::default();
        for (time, pages, iteration, left, sync) in looks {
            let sample = Sample {
                at: Timestamp::from_nanos(time),
                state: JobState::Precopy,
                iteration,
                total_bytes: TOTAL_BYTES,
                remaining_bytes: left,
                faults: Some(Faults { at: Timestamp::from_nanos(time), pages }),
                ..Sample::default()
            };
            let round = Round { iteration, syncs: 1, at: sample.at, remaining_bytes: left, ..Round::default() };
            writes.update(&sample, sync.then_some(&round));
            let later = sample.at.after(Duration::from_secs(1));
            prop_assert!(writes.next_sync_bytes(later).is_none_or(|bytes| bytes <= TOTAL_BYTES));
            prop_assert!(writes.written_bytes(later).is_none_or(|bytes| bytes <= TOTAL_BYTES));
            let hour = Duration::from_secs(3600);
            prop_assert!(writes.written_within_bytes(hour).is_none_or(|bytes| bytes <= TOTAL_BYTES));
        }
    }
}
