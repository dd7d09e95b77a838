//! Guests whose writes are counted: whether one is switched over depends on its writes after the sync.

use super::*;
use crate::law::counted::Counted;

/// The working set.
const SET_BYTES: u64 = 134 * MB;

/// The floor: a tenth of what 100 ms carry.
const FLOOR: Option<u64> = Some(LINK / 100);

/// The threshold when switching over.
const GOING: Option<u64> = Some(SET_BYTES * 115 / 100);

/// A guest that writes so much within 100 ms, and then no more.
fn flat(set_bytes: u64) -> impl Fn(u64) -> u64 + Copy {
    move |age_ms| (set_bytes * age_ms / 100).min(set_bytes)
}

/// A guest whose writes are counted, and the law.
struct Counting {
    run: Run,
    guest: Counted,
}

impl Counting {
    /// After a first round of 3.4 s.
    fn new(run: Run) -> Self {
        Self {
            run,
            guest: Counted::new(),
        }
    }

    /// A sync after a round of so many ms, in which the guest wrote its whole working set.
    fn sync(&mut self, round_ms: u64, set_bytes: u64) -> Decision {
        self.run.view.writes = self.guest.round(round_ms, flat(set_bytes));
        self.run.view.sample.at = self.guest.now(0);
        self.run.sync(set_bytes)
    }

    /// A sample so long after the sync, with so many writes counted, if the counter is read.
    fn poll(&mut self, age_ms: u64, written_bytes: Option<u64>) -> Decision {
        self.poll_in(None, age_ms, written_bytes)
    }

    /// The same, in such a phase.
    fn poll_in(
        &mut self,
        phases: Option<Phases>,
        age_ms: u64,
        written_bytes: Option<u64>,
    ) -> Decision {
        let writes = self.guest.at(age_ms, written_bytes);
        self.run.law.decide(&View {
            bytes_per_s: LINK,
            sample: Sample {
                at: self.guest.now(age_ms),
                ..remaining(SET_BYTES / 2)
            },
            writes,
            phases,
            ..View::default()
        })
    }
}

/// Cause and threshold.
fn answer(decision: &Decision) -> (Cause, Option<u64>) {
    (decision.cause, decision.threshold_bytes())
}

/// After the first round, which leaves 134 MB.
fn first() -> Counting {
    let mut counting = Counting::new(Run::new(400 * MB));
    let waits = counting.sync(3400, SET_BYTES);
    assert_eq!(answer(&waits), (Cause::Waiting, FLOOR));
    counting
}

/// After a second one, that was quiet first.
fn second() -> Counting {
    let mut counting = first();
    counting.poll(100, Some(0));
    let waits = counting.sync(1150, SET_BYTES);
    assert_eq!(answer(&waits), (Cause::Waiting, FLOOR));
    counting
}

#[test]
fn a_guest_seen_busy_is_switched_over() {
    for mut counting in [first(), second()] {
        let went = counting.poll(100, Some(SET_BYTES));
        assert_eq!(answer(&went), (Cause::Reservation, GOING));
        // Later samples change nothing.
        assert_eq!(counting.poll(400, None), went);
    }
}

#[test]
fn a_guest_seen_quiet_runs_the_round() {
    for mut counting in [first(), second()] {
        let quiet = counting.poll(100, Some(0));
        assert_eq!(answer(&quiet), (Cause::Quiet, FLOOR));
        assert_eq!(counting.poll(400, Some(0)), quiet);
    }
}

/// The counter is read late, but not too late.
#[test]
fn the_counter_is_waited_for_up_to_300_ms() {
    let mut counting = first();
    for age_ms in [100, 200, 250] {
        let waits = counting.poll(age_ms, None);
        assert_eq!(answer(&waits), (Cause::Waiting, FLOOR));
    }
    let went = counting.poll(300, Some(SET_BYTES));
    assert_eq!(went.cause, Cause::Reservation);
}

/// It is unknown whether a guest rewrites what the first round left: that may be zero pages.
#[test]
fn without_readings_the_second_round_is_run_and_later_ones_are_not() {
    let decided = |mut counting: Counting| {
        assert_eq!(counting.poll(290, None).cause, Cause::Waiting);
        let decision = counting.poll(300, None);
        answer(&decision)
    };
    assert_eq!(decided(first()), (Cause::Falling, FLOOR));
    assert_eq!(decided(second()), (Cause::Reservation, GOING));
}

/// If a sync comes before anything has shown, it is decided anew.
#[test]
fn an_unconfirmed_decision_ends_with_the_next_sync() {
    let mut counting = first();
    let fell = counting.run.sync(MB);
    assert_eq!(fell.cause, Cause::Floor);
    assert_eq!(counting.poll(300, None), fell);
}

/// Phases show what the guest will do next.
#[test]
fn a_guest_of_known_phases_needs_no_confirmation() {
    let mut counting = Counting::new(Run::new(400 * MB));
    counting.run.view.phases = phases::phases(false, Duration::ZERO).map(|phases| Phases {
        busy_span: Some(Duration::from_secs(30)),
        ..phases
    });
    let went = counting.sync(3400, SET_BYTES);
    assert_eq!(answer(&went), (Cause::Reservation, GOING));
}

/// Not so while the guest falls.
#[test]
fn only_a_switchover_is_confirmed() {
    let mut counting = Counting::new(Run::new(400 * MB));
    counting.run.view.writes = counting
        .guest
        .round(10_000, |age_ms| age_ms * 30 * MB / 1000);
    assert_eq!(counting.run.sync(300 * MB).cause, Cause::Falling);
    let unseen = counting.poll(300, None);
    assert_eq!(unseen.cause, Cause::Falling);
    let quiet = counting.poll(1000, Some(0));
    assert_eq!(quiet.cause, Cause::Falling);
}

/// The next quiet phase is 30 s off, or 3 s, which cost 364 and 48 MB.
#[test]
fn a_guest_that_turns_busy_again_is_stopped_if_the_next_quiet_phase_is_far() {
    let turned = |idle, busy_span_s, age_ms, written_bytes| {
        let mut counting = first();
        assert_eq!(counting.poll(100, Some(0)).cause, Cause::Quiet);
        let phases = phases::phases(idle, Duration::ZERO).map(|phases| Phases {
            busy_span: Some(Duration::from_secs(busy_span_s)),
            ..phases
        });
        let decision = counting.poll_in(phases, age_ms, written_bytes);
        (decision.cause, decision.threshold_bytes().map(|a| a / MB))
    };
    let (went, sent_on) = ((Cause::Reservation, Some(154)), (Cause::Quiet, Some(1)));
    assert_eq!(turned(false, 30, 500, Some(SET_BYTES)), went);
    let half = turned(false, 30, 200, Some(SET_BYTES / 2));
    assert_eq!(half, went, "as much again until the limit acts");
    assert_eq!(turned(false, 3, 500, Some(SET_BYTES)), sent_on);
    assert_eq!(turned(true, 30, 500, Some(SET_BYTES)), sent_on);
    let late = turned(false, 30, 2200, None);
    assert_eq!(late, sent_on, "no reading in two seconds");
}

/// Decisions at syncs with so much remaining, MB, with and without write counts.
fn both(set_mb: &[u64]) -> [std::vec::Vec<Decision>; 2] {
    let mut counting = Counting::new(Run::new(400 * MB));
    let counted = set_mb.iter().map(|mb| counting.sync(3400, mb * MB));
    let counted = counted.collect();
    let mut run = Run::new(400 * MB);
    [counted, set_mb.iter().map(|mb| run.sync(mb * MB)).collect()]
}

#[test]
fn a_remainder_of_four_shortest_rounds_is_not_confirmed() {
    let [counted, without] = both(&[46, 46]);
    assert_eq!(counted, without);
    let [counted, without] = both(&[47, 47]);
    assert_ne!(counted, without);
}

/// Of more than 1 GiB, the chunk that QEMU protects, not all is counted at once: a quiet guest shows soon after a sync
/// only if it rewrote most of what is sent.
#[test]
fn more_than_a_chunk_is_confirmed_where_most_was_rewritten() {
    for set_mb in [1073, 1074] {
        let [counted, without] = both(&[set_mb, set_mb]);
        assert_ne!(counted, without, "{set_mb}");
    }
    let [counted, without] = both(&[2000, 1600, 1300, 1200]);
    assert_eq!(counted[..3], without[..3], "it falls");
}
