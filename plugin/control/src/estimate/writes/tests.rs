//! Guests in a line or two each, with true and false counters.

use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use proptest::prelude::*;

use super::unsent::ONE_CHUNK_BYTES;
use super::{Trust, Writes};
use crate::estimate::Round;
use crate::sample::{Faults, JobState, Sample};
use crate::time::Timestamp;

mod steps;

const MB: u64 = 1_000_000;
const TOTAL_BYTES: u64 = 1 << 30;

/// Memory flows from then on, and is sampled so often, ms.
const BEGIN_MS: u64 = 330;
const POLL_MS: u64 = 100;

/// A guest: distinct bytes written by `now_ms` since the sync at `sync_ms`.
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

/// A migration in rounds of given lengths, sampled every 100 ms.
struct Run {
    guest: Guest,
    /// The counter's value for so many pages in all, at that time, ms.
    counter: Box<dyn FnMut(u64, u64) -> Option<u64>>,
    writes: Writes,
    total_bytes: u64,
    sync_ms: u64,
    iteration: u64,
    /// Pages counted by the last sync.
    pages: u64,
    /// Predictions of each sync, made 100 ms before it, and what it found, bytes.
    made: Vec<(Option<u64>, u64)>,
}

impl Run {
    fn of(guest: Guest) -> Self {
        Self {
            guest,
            counter: Box::new(|pages, _| Some(pages)),
            writes: Writes::default(),
            total_bytes: TOTAL_BYTES,
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

    fn poll(&mut self, now_ms: u64, round_ms: u64, round: Option<&Round>) {
        let pages = self.pages + self.written(now_ms) / Faults::PAGE_BYTES;
        let remaining_ms = (self.sync_ms + round_ms).saturating_sub(now_ms);
        let sample = Sample {
            at: at(now_ms),
            state: match self.iteration {
                0 => JobState::Setup,
                _ => JobState::Precopy,
            },
            iteration: self.iteration,
            sync_at: (self.iteration > 0).then(|| at(self.sync_ms)),
            total_bytes: self.total_bytes,
            remaining_bytes: remaining_ms * 100 * MB / 1000,
            faults: (self.counter)(pages, now_ms).map(|pages| Faults {
                at: at(now_ms),
                pages,
            }),
            ..Sample::default()
        };
        self.writes.update(&sample, round);
    }

    /// Samples until the round that begins now, of that length, is over.
    fn round(&mut self, round_ms: u64, begun: Option<&Round>) -> Round {
        self.iteration += 1;
        let end_ms = self.sync_ms + round_ms;
        let mut begun = begun.copied();
        let first = self.sync_ms.next_multiple_of(POLL_MS);
        let polls = (first..end_ms).step_by(usize::try_from(POLL_MS).expect("small"));
        let mut estimate = None;
        for now_ms in polls {
            self.poll(now_ms, round_ms, begun.take().as_ref());
            if now_ms + POLL_MS <= end_ms {
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
            .for_each(|now_ms| self.poll(now_ms, 0, None));
        let mut begun = None;
        for &round_ms in lengths_ms {
            begun = Some(self.round(round_ms, begun.as_ref()));
        }
        // One sample of the next round, at which the last one is judged.
        self.round(POLL_MS * 2, begun.as_ref());
        self.made.pop();
        self
    }
}

const ROUNDS: [u64; 6] = [4150, 1280, 1310, 990, 1725, 1400];

/// Whether an estimate is no more than so many per cent off.
fn is_within(percent: u64, estimate: Option<u64>, found: u64) -> bool {
    let off = |estimate: u64| estimate.abs_diff(found) * 100 / found.max(MB);
    estimate.is_some_and(|estimate| off(estimate) <= percent)
}

#[test]
fn each_sync_is_predicted_one_sample_ahead() {
    for (name, guest) in GUESTS {
        let run = Run::of(guest).rounds(&ROUNDS);
        assert_eq!(run.writes.trust(), Trust::Confirmed, "{name}");
        for (estimate, found) in &run.made {
            let quiet = name == "phased" && *found == 0;
            let near = is_within(5, *estimate, *found);
            assert!(quiet || near, "{name}: {:?}", run.made);
        }
    }
}

#[test]
fn a_guest_that_turns_quiet_has_phases() {
    for (name, guest) in GUESTS {
        let run = Run::of(guest).rounds(&ROUNDS);
        assert!(run.writes.counts_all(), "{name}");
        assert_eq!(run.writes.phases().is_some(), name == "phased", "{name}");
    }
}

/// Quiet until 2 s, and busy since.
fn woken(sync_ms: u64, now_ms: u64) -> u64 {
    let busy_ms = now_ms.saturating_sub(sync_ms.max(2000));
    (busy_ms * 1000 * MB / 1000).min(128 * MB)
}

/// A 128th of memory is 8.4 MB.
#[test]
fn a_few_megabytes_in_the_first_round_are_no_waking() {
    let few: Guest = |sync_ms, now_ms| woken(sync_ms, now_ms) / 16;
    let more: Guest = |sync_ms, now_ms| woken(sync_ms, now_ms) / 8;
    for (guest, has_phases) in [(few, false), (more, true)] {
        let run = Run::of(guest).rounds(&ROUNDS[..1]);
        assert_eq!(run.writes.phases().is_some(), has_phases);
    }
}

/// Memory of more than a chunk is protected as it is sent, so that a steady guest writes more at once as well.
#[test]
fn a_guest_that_wakes_in_the_first_round_has_phases_if_all_is_counted() {
    for (total_bytes, has_phases) in [(ONE_CHUNK_BYTES, true), (ONE_CHUNK_BYTES + 1, false)] {
        let mut run = Run::of(woken);
        run.total_bytes = total_bytes;
        let run = run.rounds(&ROUNDS[..1]);
        assert_eq!(run.writes.phases().is_some(), has_phases, "{total_bytes}");
    }
}

#[test]
fn a_flat_guest_is_known_well_within_the_first_round() {
    let mut run = Run::of(flat);
    run.poll(200, 0, None);
    run.poll(300, 0, None);
    run.iteration = 1;
    (400..=800)
        .step_by(100)
        .for_each(|now_ms| run.poll(now_ms, 4000, None));
    assert_eq!(run.writes.trust(), Trust::Unconfirmed);
    assert_eq!(run.writes.rate_now(), 0, "all of it is written");
    let working_set = run.writes.working_set_bytes().expect("known");
    assert!(is_within(0, Some(working_set), 128 * MB), "{working_set}");
    let peak = run.writes.peak_bytes_per_s().expect("known");
    assert!(peak.abs_diff(400 * MB) < 4 * MB, "{peak}");
    let half = run.writes.written_within_bytes(Duration::from_millis(160));
    let half = half.expect("known");
    assert!(half.abs_diff(64 * MB) < MB, "{half}");
}

#[test]
fn the_rate_is_that_of_the_last_sample() {
    let run = Run::of(swept).rounds(&ROUNDS);
    let rate = run.writes.rate_now();
    assert!(rate.abs_diff(60 * MB) < MB, "{rate}");
    let second = run.writes.written_within_bytes(Duration::from_secs(1));
    let second = second.expect("known");
    assert!(second.abs_diff(60 * MB) < 2 * MB, "{second}");
}

#[test]
fn a_deaf_counter_is_refuted_by_the_first_sync() {
    let deaf = |_, _| Some(7_000_000);
    let run = Run::of(flat).counted_by(deaf).rounds(&ROUNDS);
    let mut estimates = run.made.iter().map(|(estimate, _)| estimate);
    assert!(estimates.all(Option::is_none), "{:?}", run.made);
    assert_eq!(run.writes.trust(), Trust::Refuted);
    assert_eq!(run.writes.working_set_bytes(), None);
    assert_eq!(run.writes.written_within_bytes(Duration::ZERO), None);
}

#[test]
fn a_counter_that_sees_half_is_refuted_by_the_first_sync() {
    let half = |pages: u64, _| Some(7_000_000 + (pages - 7_000_000) / 2);
    for (name, guest) in [("flat", flat as Guest), ("swept", swept)] {
        let run = Run::of(guest).counted_by(half).rounds(&ROUNDS);
        assert_eq!(run.writes.trust(), Trust::Refuted, "{name}");
        let mut later = run.made[1..].iter().map(|(estimate, _)| estimate);
        assert!(later.all(Option::is_none), "{name}");
    }
}

/// As under a dirty ring, whose pages are protected again whenever it is emptied.
#[test]
fn a_counter_whose_first_prediction_fails_is_not_believed() {
    for (times, believed) in [(1, true), (8, false)] {
        let counter = move |pages: u64, _| Some(7_000_000 + (pages - 7_000_000) * times);
        let mut run = Run::of(swept).counted_by(counter);
        (0..BEGIN_MS)
            .step_by(100)
            .for_each(|now_ms| run.poll(now_ms, 0, None));
        let round = run.round(ROUNDS[0], None);
        // The counter is not read again before the law decides.
        run.counter = Box::new(|_, _| None);
        run.iteration += 1;
        run.poll(run.sync_ms, ROUNDS[1], Some(&round));
        let known = run.writes.written_within_bytes(Duration::from_secs(1));
        assert_eq!(known.is_some(), believed, "{times} times as many");
        assert_eq!(run.writes.trust(), Trust::Unconfirmed);
    }
}

/// It writes for 0.32 s from the beginning, and again at 4 s. The first sync comes with a reading from before it, and in
/// the first round nobody knows when the guest turned quiet.
#[test]
fn a_reading_from_before_a_sync_tells_nothing_of_the_round_after() {
    let mut writes = Writes::default();
    let mut poll = |now_ms: u64, iteration, read_ms: u64, round: Option<&Round>| {
        let written = [330..read_ms.min(650), 4000..read_ms.min(4320)];
        let written_ms: u64 = written.map(|span| span.count() as u64).iter().sum();
        let sample = Sample {
            at: at(now_ms),
            state: JobState::Precopy,
            iteration,
            sync_at: Some(at([330, 3620][usize::from(iteration > 1)])),
            total_bytes: TOTAL_BYTES,
            faults: Some(Faults {
                at: at(read_ms),
                pages: written_ms * 400 * MB / 1000 / Faults::PAGE_BYTES,
            }),
            ..Sample::default()
        };
        writes.update(&sample, round);
    };
    (330..3600)
        .step_by(100)
        .for_each(|now_ms| poll(now_ms, 1, now_ms, None));
    let sync = Round {
        iteration: 2,
        syncs: 1,
        at: at(3620),
        remaining_bytes: 128 * MB,
        duration: Duration::from_millis(3290),
        ..Round::default()
    };
    poll(3640, 2, 3580, Some(&sync));
    (3740..4200)
        .step_by(100)
        .for_each(|now_ms| poll(now_ms, 2, now_ms, None));
    let phases = writes.phases().expect("quiet, then busy");
    assert_eq!((phases.idle, phases.idle_whole), (false, false));
}

#[test]
fn faults_that_are_no_writes_are_borne_while_they_are_few() {
    // 20,000 and 4,000 a second: 82 and 16 MB/s.
    let many = |pages, now_ms: u64| Some(pages + now_ms * 20);
    let few = |pages, now_ms: u64| Some(pages + now_ms * 4);
    let run = Run::of(swept).counted_by(many).rounds(&ROUNDS);
    assert_eq!(run.writes.trust(), Trust::Refuted);
    let run = Run::of(flat).counted_by(few).rounds(&ROUNDS[1..]);
    assert_eq!(run.writes.trust(), Trust::Confirmed);
    let is_enough = |(estimate, found): &(_, u64)| estimate >= &Some(*found - MB);
    assert!(run.made.iter().all(is_enough), "{:?}", run.made);
}

#[test]
fn a_counter_that_begins_anew_is_known_again_after_the_next_sync() {
    let anew = |pages: u64, now_ms| Some(pages - if now_ms < 6000 { 0 } else { 7_000_000 });
    let run = Run::of(swept).counted_by(anew).rounds(&ROUNDS);
    let known = run.made.iter().map(|(estimate, _)| estimate.is_some());
    // 6 s are in the third round.
    let expected = [true, true, false, true, true, true];
    assert_eq!(known.collect::<Vec<_>>(), expected);
    assert_eq!(run.writes.trust(), Trust::Confirmed);
}

#[test]
fn a_counter_that_vanishes_is_no_idle_guest() {
    let vanishes = |pages, now_ms| (now_ms < 6000).then_some(pages);
    let run = Run::of(swept).counted_by(vanishes).rounds(&ROUNDS);
    assert_eq!(run.writes.working_set_bytes(), None);
    assert_eq!(run.writes.next_sync_bytes(at(12_000)), None);
    assert!(!run.writes.counts_all());
}

#[test]
fn without_a_counter_there_are_no_estimates() {
    let run = Run::of(flat).counted_by(|_, _| None).rounds(&ROUNDS);
    assert_eq!(run.writes.trust(), Trust::Unconfirmed);
    assert!(run.made.iter().all(|(estimate, _)| estimate.is_none()));
    assert_eq!(run.writes.working_set_bytes(), None);
}

#[test]
fn a_late_start_knows_after_the_next_sync() {
    let mut run = Run::of(swept);
    run.iteration = 4;
    run.sync_ms = 10_000;
    let begun = run.round(1500, None);
    assert_eq!(run.made[0].0, None);
    run.round(1500, Some(&begun));
    let (estimate, found) = run.made[1];
    assert!(is_within(5, estimate, found), "{:?}", run.made);
}

#[test]
fn missed_syncs_do_not_judge_the_counter() {
    let mut run = Run::of(swept);
    run.poll(200, 0, None);
    run.poll(300, 0, None);
    let begun = run.round(1500, None);
    let missed = Round { syncs: 3, ..begun };
    run.round(1500, Some(&missed));
    assert_eq!(run.writes.trust(), Trust::Unconfirmed);
}

#[test]
fn a_mostly_interpolated_round_does_not_judge_the_counter() {
    let trust = |lengths: &[u64]| Run::of(swept).rounds(lengths).writes.trust();
    assert_eq!(trust(&[663, 600]), Trust::Unconfirmed);
    assert_eq!(trust(&[800, 600]), Trust::Confirmed);
}

#[test]
fn samples_far_apart_still_show_long_rounds() {
    // As for 64 virtual processors: a reading every two seconds.
    let seldom = |pages, now_ms: u64| now_ms.is_multiple_of(2000).then_some(pages);
    let lengths = [19_150, 18_200, 18_300, 18_100];
    let run = Run::of(swept).counted_by(seldom).rounds(&lengths);
    assert_eq!(run.writes.trust(), Trust::Confirmed);
    for (estimate, found) in &run.made[1..] {
        assert!(is_within(5, *estimate, *found), "{:?}", run.made);
    }
}

/// Rounds of which the first is long enough to be judged wherever the samples fall: one sample's interpolation is no
/// more than an eighth of it.
fn lengths() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(8 * POLL_MS..6_000, 2..8)
}

/// A number from 80 to 120 that depends on `seed` alone.
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
    fn rounds_of_any_length_are_predicted(lengths in lengths(), guest in 0..3_usize) {
        let run = Run::of(GUESTS[guest].1).rounds(&lengths);
        prop_assert_eq!(run.writes.trust(), Trust::Confirmed);
        for (estimate, found) in &run.made {
            prop_assert!(is_within(5, *estimate, *found), "{:?}", run.made);
        }
    }

    #[test]
    fn a_counter_off_by_a_fifth_still_serves(lengths in lengths(), seed in 0..1000_u64, guest in 0..3_usize) {
        let run = Run::of(GUESTS[guest].1).counted_by(off_by_a_fifth(seed)).rounds(&lengths);
        prop_assert_eq!(run.writes.trust(), Trust::Confirmed);
        for (estimate, found) in &run.made {
            prop_assert!(is_within(25, *estimate, *found), "{:?}", run.made);
        }
    }

    #[test]
    fn a_deaf_counter_is_never_believed(lengths in lengths(), guest in 0..3_usize) {
        let run = Run::of(GUESTS[guest].1).counted_by(|_, _| Some(1)).rounds(&lengths);
        prop_assert!(run.made.iter().all(|(estimate, _)| estimate.is_none()));
        prop_assert_eq!(run.writes.trust(), Trust::Refuted);
    }

    #[test]
    fn no_estimate_exceeds_memory_whatever_is_read(
        polls in proptest::collection::vec((any::<u64>(), any::<u64>(), 0..4_u64, any::<u64>(), any::<bool>()), 1..50),
    ) {
        let mut writes = Writes::default();
        for (time, pages, iteration, remaining_bytes, sync) in polls {
            let sample = Sample {
                at: Timestamp::from_nanos(time),
                state: JobState::Precopy,
                iteration,
                total_bytes: TOTAL_BYTES,
                remaining_bytes,
                faults: Some(Faults { at: Timestamp::from_nanos(time), pages }),
                ..Sample::default()
            };
            let round = Round { iteration, syncs: 1, at: sample.at, remaining_bytes, ..Round::default() };
            writes.update(&sample, sync.then_some(&round));
            let later = sample.at.after(Duration::from_secs(1));
            prop_assert!(writes.next_sync_bytes(later).is_none_or(|bytes| bytes <= TOTAL_BYTES));
            prop_assert!(writes.written_bytes(later).is_none_or(|bytes| bytes <= TOTAL_BYTES));
            let hour = Duration::from_secs(3600);
            prop_assert!(writes.written_within_bytes(hour).is_none_or(|bytes| bytes <= TOTAL_BYTES));
        }
    }
}
