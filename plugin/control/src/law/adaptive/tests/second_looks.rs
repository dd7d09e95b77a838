//! Guests whose writes are counted: whether one goes hangs on what it writes after the sync.

use super::*;
use crate::law::counted::Counted;

/// What the guest works on.
const HOT_BYTES: u64 = 134 * MB;

/// The floor: a tenth of what 100 ms carry.
const FLOOR: Option<u64> = Some(LINK / 100);

/// What is accepted in going.
const GOING: Option<u64> = Some(HOT_BYTES * 115 / 100);

/// So much within 100 ms, and then no more.
fn flat(hot_bytes: u64) -> impl Fn(u64) -> u64 + Copy {
    move |age_ms| (hot_bytes * age_ms / 100).min(hot_bytes)
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

    /// A sync after a round of so many ms, in which the guest wrote all that it works on.
    fn sync(&mut self, round_ms: u64, hot_bytes: u64) -> Decision {
        self.run.view.writes = self.guest.round(round_ms, flat(hot_bytes));
        self.run.view.sample.at = self.guest.now(0);
        self.run.sync(hot_bytes)
    }

    /// A look so long after the sync, which counts so much, if it reads the counter.
    fn look(&mut self, age_ms: u64, written_bytes: Option<u64>) -> Decision {
        self.look_in(None, age_ms, written_bytes)
    }

    /// The same, in such a phase.
    fn look_in(
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
                ..left(HOT_BYTES / 2)
            },
            writes,
            phases,
            ..View::default()
        })
    }
}

/// After the first round, of which 134 MB are left.
fn first() -> Counting {
    let mut counting = Counting::new(Run::new(400 * MB));
    let held = counting.sync(3400, HOT_BYTES);
    assert_eq!((held.cause, held.accept_bytes()), (Cause::Waiting, FLOOR));
    counting
}

/// After a second one, that was quiet first.
fn second() -> Counting {
    let mut counting = first();
    counting.look(100, Some(0));
    let held = counting.sync(1150, HOT_BYTES);
    assert_eq!((held.cause, held.accept_bytes()), (Cause::Waiting, FLOOR));
    counting
}

#[test]
fn a_guest_that_is_seen_busy_goes() {
    for mut counting in [first(), second()] {
        let went = counting.look(100, Some(HOT_BYTES));
        assert_eq!(
            (went.cause, went.accept_bytes()),
            (Cause::Reservation, GOING)
        );
        // What comes after that changes nothing.
        assert_eq!(counting.look(400, None), went);
    }
}

#[test]
fn one_that_is_seen_quiet_is_sent_on() {
    for mut counting in [first(), second()] {
        let quiet = counting.look(100, Some(0));
        assert_eq!((quiet.cause, quiet.accept_bytes()), (Cause::Quiet, FLOOR));
        assert_eq!(counting.look(400, Some(0)), quiet);
    }
}

/// The counter is read late, but not too late.
#[test]
fn what_shows_within_300_ms_is_waited_for() {
    let mut counting = first();
    for age_ms in [100, 200, 250] {
        let held = counting.look(age_ms, None);
        assert_eq!((held.cause, held.accept_bytes()), (Cause::Waiting, FLOOR));
    }
    let went = counting.look(300, Some(HOT_BYTES));
    assert_eq!(went.cause, Cause::Reservation);
}

/// Nobody knows whether a guest rewrites what the first round left: it may be zero pages.
#[test]
fn one_of_which_nothing_shows_runs_its_first_round_and_goes_later() {
    let decided = |mut counting: Counting| {
        assert_eq!(counting.look(290, None).cause, Cause::Waiting);
        let decision = counting.look(300, None);
        (decision.cause, decision.accept_bytes())
    };
    assert_eq!(decided(first()), (Cause::Falling, FLOOR));
    assert_eq!(decided(second()), (Cause::Reservation, GOING));
}

/// A sync that comes before anything has shown is decided anew.
#[test]
fn what_was_held_at_one_sync_is_not_done_at_the_next() {
    let mut counting = first();
    let fell = counting.run.sync(MB);
    assert_eq!(fell.cause, Cause::Floor);
    assert_eq!(counting.look(300, None), fell);
}

/// Phases tell what it will do next.
#[test]
fn a_guest_of_known_phases_is_not_looked_at_again() {
    let mut counting = Counting::new(Run::new(400 * MB));
    counting.run.view.phases = phases::phases(false, Duration::ZERO).map(|phases| Phases {
        busy_span: Some(Duration::from_secs(30)),
        ..phases
    });
    let went = counting.sync(3400, HOT_BYTES);
    assert_eq!(
        (went.cause, went.accept_bytes()),
        (Cause::Reservation, GOING)
    );
}

/// Nor is one that is followed in its fall.
#[test]
fn only_a_guest_that_would_go_is_looked_at_again() {
    let mut counting = Counting::new(Run::new(400 * MB));
    counting.run.view.writes = counting
        .guest
        .round(10_000, |age_ms| age_ms * 30 * MB / 1000);
    assert_eq!(counting.run.sync(300 * MB).cause, Cause::Falling);
    let unseen = counting.look(300, None);
    assert_eq!(unseen.cause, Cause::Falling);
    let quiet = counting.look(1000, Some(0));
    assert_eq!(quiet.cause, Cause::Falling);
}

/// A guest whose next quiet is 30 s off, or 3 s, which cost 364 and 48 MB.
#[test]
fn one_that_turns_busy_while_it_is_sent_on_is_stopped_if_the_next_quiet_is_far() {
    let turned = |idle, busy_span_s, age_ms, written_bytes| {
        let mut counting = first();
        assert_eq!(counting.look(100, Some(0)).cause, Cause::Quiet);
        let phases = phases::phases(idle, Duration::ZERO).map(|phases| Phases {
            busy_span: Some(Duration::from_secs(busy_span_s)),
            ..phases
        });
        let decision = counting.look_in(phases, age_ms, written_bytes);
        (decision.cause, decision.accept_bytes().map(|a| a / MB))
    };
    let (went, sent_on) = ((Cause::Reservation, Some(154)), (Cause::Quiet, Some(1)));
    assert_eq!(turned(false, 30, 500, Some(HOT_BYTES)), went);
    let half = turned(false, 30, 200, Some(HOT_BYTES / 2));
    assert_eq!(half, went, "as much again until the limit acts");
    assert_eq!(turned(false, 3, 500, Some(HOT_BYTES)), sent_on);
    assert_eq!(turned(true, 30, 500, Some(HOT_BYTES)), sent_on);
    let late = turned(false, 30, 2200, None);
    assert_eq!(late, sent_on, "no reading in two seconds");
}

/// What syncs of rounds that leave so much decide, MB, and without counters.
fn both(hot_mb: &[u64]) -> [std::vec::Vec<Decision>; 2] {
    let mut counting = Counting::new(Run::new(400 * MB));
    let counted = hot_mb.iter().map(|mb| counting.sync(3400, mb * MB));
    let counted = counted.collect();
    let mut run = Run::new(400 * MB);
    [counted, hot_mb.iter().map(|mb| run.sync(mb * MB)).collect()]
}

#[test]
fn what_takes_four_of_the_shortest_rounds_is_not_looked_at_again() {
    let [counted, without] = both(&[46, 46]);
    assert_eq!(counted, without);
    let [counted, without] = both(&[47, 47]);
    assert_ne!(counted, without);
}

/// Of more than 1 GiB, which QEMU protects at once, not all is counted at once: it shows soon after a sync only for a guest that
/// writes again most of what is sent.
#[test]
fn what_is_more_than_a_chunk_is_looked_at_again_where_most_was_written_again() {
    for hot_mb in [1073, 1074] {
        let [counted, without] = both(&[hot_mb, hot_mb]);
        assert_ne!(counted, without, "{hot_mb}");
    }
    let [counted, without] = both(&[2000, 1600, 1300, 1200]);
    assert_eq!(counted[..3], without[..3], "it falls");
}
