use super::*;
use crate::estimate::Phases;
use crate::law::Adaptive;
use crate::sample::Sample;

const MB: u64 = 1_000_000;
const LINK: u64 = 100 * MB;

/// A guest that leaves the same each time, of which `sent_ppm` are sent from the third round on.
struct Run {
    law: Differences<Adaptive>,
    iteration: u64,
    left: u64,
    cache_bytes: u64,
    phases: Option<Phases>,
}

impl Run {
    fn new(cache_bytes: u64) -> Self {
        Self {
            law: Differences::new(Adaptive::new(Slowdown::DEFAULT), Slowdown::DEFAULT),
            iteration: 1,
            left: 1000 * MB,
            cache_bytes,
            phases: None,
        }
    }

    fn view(&self) -> View {
        View {
            bytes_per_s: LINK,
            sample: Sample {
                remaining_bytes: self.left,
                compression_cache_bytes: self.cache_bytes,
                ..Sample::default()
            },
            phases: self.phases,
            ..View::default()
        }
    }

    /// A round that sends all, `sent_ppm` of it, and leaves so much.
    fn sync(&mut self, sent_ppm: u64, left: u64) -> Decision {
        self.iteration += 1;
        let memory_bytes = core::mem::replace(&mut self.left, left);
        let sent_bytes = scale(memory_bytes, sent_ppm, WHOLE_PPM);
        let round = Round {
            iteration: self.iteration,
            syncs: 1,
            remaining_bytes: left,
            duration: Duration::from_nanos(sent_bytes * 1000 / (LINK / MB)),
            sent_bytes,
            memory_bytes,
            ..Round::default()
        };
        let view = View {
            round: Some(round),
            ..self.view()
        };
        self.law.decide(&view)
    }

    /// A look at the round under way, which has sent so much.
    fn look(&mut self, bytes: u64, memory_bytes: u64) -> Decision {
        let view = View {
            in_round: Sent {
                bytes,
                memory_bytes,
            },
            ..self.view()
        };
        self.law.decide(&view)
    }
}

const ON: u64 = 64 << 20;

#[test]
fn without_differences_the_law_goes_as_it_would() {
    let mut run = Run::new(0);
    assert!(!run.sync(WHOLE_PPM, 200 * MB).cause.goes());
    let goes = run.sync(WHOLE_PPM, 200 * MB);
    assert_eq!(
        (goes.cause, goes.accept_bytes()),
        (Cause::Reservation, Some(230 * MB))
    );
}

#[test]
fn where_all_of_a_page_changes_the_trial_is_short() {
    let mut run = Run::new(ON);
    run.sync(WHOLE_PPM, 200 * MB);
    let trial = run.sync(WHOLE_PPM, 200 * MB);
    assert_eq!(
        (trial.cause, trial.accept_bytes()),
        (Cause::Falling, Some(MB))
    );
    assert_eq!(run.look(10 * MB, 10 * MB).cause, Cause::Falling);
    let goes = run.look(20 * MB, 21 * MB);
    assert_eq!(
        (goes.cause, goes.accept_bytes()),
        (Cause::Reservation, Some(230 * MB))
    );
    // Refused for no more than that, it goes all the same.
    assert!(run.sync(950_000, 210 * MB).cause.goes());
}

#[test]
fn where_little_changes_rounds_go_on_until_they_fall_no_longer() {
    let mut run = Run::new(ON);
    run.sync(WHOLE_PPM, 200 * MB);
    run.sync(WHOLE_PPM, 200 * MB);
    assert_eq!(run.look(20 * MB, 40 * MB).cause, Cause::Falling);
    // Half of it went, in half the time: a third younger is what is left now, at least.
    let falls = run.sync(500_000, 200 * MB);
    assert_eq!((falls.cause, run.law.sent_ppm), (Cause::Falling, 416_666));
    // The next one goes at 0.4, which is nearly as old.
    let goes = run.sync(400_000, 200 * MB);
    assert_eq!(goes.cause, Cause::Reservation);
    let accepted = goes.accept_bytes().expect("bytes");
    assert!(
        (229 * MB..=231 * MB).contains(&accepted),
        "{accepted}: what QEMU counts"
    );
}

#[test]
fn a_remainder_of_a_moment_is_not_tried() {
    let mut run = Run::new(ON);
    run.left = 30 * MB;
    run.sync(WHOLE_PPM, 15 * MB);
    assert!(run.sync(WHOLE_PPM, 15 * MB).cause.goes());
}

#[test]
fn nothing_sent_and_no_time_are_no_division() {
    assert_eq!(share_ppm(Sent::default()), WHOLE_PPM);
    assert_eq!(younger_ppm(Duration::ZERO, Duration::ZERO), 0);
    assert_eq!(younger_ppm(Duration::ZERO, Duration::MAX / 4), WHOLE_PPM);
}

/// What went as less than was foreseen was sent all the same: that is no fall.
#[test]
fn differences_that_vary_are_no_fall() {
    let mut run = Run::new(ON);
    run.sync(WHOLE_PPM, 1000 * MB);
    run.sync(WHOLE_PPM, 1000 * MB);
    let shares = [500_000, 350_000, 600_000, 500_000];
    let went = shares
        .iter()
        .position(|&sent_ppm| run.sync(sent_ppm, 1000 * MB).cause.goes());
    assert_eq!(went, Some(1), "in the round after the one that fell");
}

/// It goes because the quiet ends: a trial would end in the busy spell.
#[test]
fn who_goes_at_the_end_of_a_quiet_tries_nothing() {
    let mut run = Run::new(ON);
    run.phases = Some(Phases {
        idle: true,
        age: Duration::from_millis(1900),
        busy_span: Some(Duration::from_secs(2)),
        idle_span: Some(Duration::from_secs(2)),
        idle_whole: true,
        busy_in_round: Duration::ZERO,
    });
    run.sync(WHOLE_PPM, 200 * MB);
    assert!(run.sync(WHOLE_PPM, 60 * MB).cause.goes());
}
