use super::*;
use crate::estimate::Phases;
use crate::law::Adaptive;
use crate::sample::Sample;

const MB: u64 = 1_000_000;
const LINK: u64 = 100 * MB;

/// A guest with the same remainder each time, of which `sent_ppm` are sent from the third round on.
struct Run {
    law: WithXbzrle<Adaptive>,
    iteration: u64,
    remaining_bytes: u64,
    cache_bytes: u64,
    phases: Option<Phases>,
}

impl Run {
    fn new(cache_bytes: u64) -> Self {
        Self {
            law: WithXbzrle::new(Adaptive::new(Slowdown::DEFAULT), Slowdown::DEFAULT),
            iteration: 1,
            remaining_bytes: 1000 * MB,
            cache_bytes,
            phases: None,
        }
    }

    fn view(&self) -> View {
        View {
            bytes_per_s: LINK,
            sample: Sample {
                remaining_bytes: self.remaining_bytes,
                compression_cache_bytes: self.cache_bytes,
                ..Sample::default()
            },
            phases: self.phases,
            ..View::default()
        }
    }

    /// A round that sends all, at `sent_ppm`, and leaves so much.
    fn sync(&mut self, sent_ppm: u64, remaining_bytes: u64) -> Decision {
        self.iteration += 1;
        let memory_bytes = core::mem::replace(&mut self.remaining_bytes, remaining_bytes);
        let sent_bytes = scale(memory_bytes, sent_ppm, WHOLE_PPM);
        let round = Round {
            iteration: self.iteration,
            syncs: 1,
            remaining_bytes,
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

    /// A sample of the round under way, which has sent so much.
    fn poll(&mut self, bytes: u64, memory_bytes: u64) -> Decision {
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
fn without_xbzrle_the_law_decides_as_before() {
    let mut run = Run::new(0);
    assert!(!run.sync(WHOLE_PPM, 200 * MB).cause.stops());
    let stop = run.sync(WHOLE_PPM, 200 * MB);
    assert_eq!(
        (stop.cause, stop.threshold_bytes()),
        (Cause::Reservation, Some(230 * MB))
    );
}

#[test]
fn the_trial_is_short_where_whole_pages_change() {
    let mut run = Run::new(ON);
    run.sync(WHOLE_PPM, 200 * MB);
    let trial = run.sync(WHOLE_PPM, 200 * MB);
    assert_eq!(
        (trial.cause, trial.threshold_bytes()),
        (Cause::Falling, Some(MB))
    );
    assert_eq!(run.poll(10 * MB, 10 * MB).cause, Cause::Falling);
    let stop = run.poll(20 * MB, 21 * MB);
    assert_eq!(
        (stop.cause, stop.threshold_bytes()),
        (Cause::Reservation, Some(230 * MB))
    );
    // Refused with no more than the threshold, it is switched over all the same.
    assert!(run.sync(950_000, 210 * MB).cause.stops());
}

/// Of a tenth each: a trial that sends four fifths gains what they cost.
#[test]
fn a_trial_goes_on_if_it_saves_more_than_two_rounds_cost() {
    for (sent_bytes, cause) in [(16 * MB - 1, Cause::Falling), (16 * MB, Cause::Reservation)] {
        let mut run = Run::new(ON);
        run.sync(WHOLE_PPM, 200 * MB);
        run.sync(WHOLE_PPM, 200 * MB);
        assert_eq!(run.poll(sent_bytes, 20 * MB).cause, cause);
    }
}

#[test]
fn rounds_go_on_while_the_wire_remainder_falls() {
    let mut run = Run::new(ON);
    run.sync(WHOLE_PPM, 200 * MB);
    run.sync(WHOLE_PPM, 200 * MB);
    assert_eq!(run.poll(20 * MB, 40 * MB).cause, Cause::Falling);
    // Half of it was sent, in half the time: the rest is at least a third younger.
    let falls = run.sync(500_000, 200 * MB);
    assert_eq!((falls.cause, run.law.sent_ppm), (Cause::Falling, 416_666));
    // The next one is sent at 0.4, and is nearly as old.
    let stop = run.sync(400_000, 200 * MB);
    assert_eq!(stop.cause, Cause::Reservation);
    let threshold = stop.threshold_bytes().expect("bytes");
    assert!(
        (229 * MB..=231 * MB).contains(&threshold),
        "{threshold}: what QEMU counts"
    );
}

#[test]
fn a_tiny_remainder_needs_no_trial() {
    let mut run = Run::new(ON);
    run.remaining_bytes = 30 * MB;
    run.sync(WHOLE_PPM, 15 * MB);
    assert!(run.sync(WHOLE_PPM, 15 * MB).cause.stops());
}

#[test]
fn zero_bytes_and_zero_time_divide_nothing() {
    assert_eq!(share_ppm(Sent::default()), WHOLE_PPM);
    assert_eq!(younger_ppm(Duration::ZERO, Duration::ZERO), 0);
    assert_eq!(younger_ppm(Duration::ZERO, Duration::MAX / 4), WHOLE_PPM);
}

/// A round that compressed better than expected is no fall.
#[test]
fn a_varying_compression_ratio_is_no_fall() {
    let mut run = Run::new(ON);
    run.sync(WHOLE_PPM, 1000 * MB);
    run.sync(WHOLE_PPM, 1000 * MB);
    let shares = [500_000, 350_000, 600_000, 500_000];
    let went = shares
        .iter()
        .position(|&sent_ppm| run.sync(sent_ppm, 1000 * MB).cause.stops());
    assert_eq!(went, Some(1), "in the round after the fall");
}

/// The guest is switched over because the quiet phase ends: a trial would end in the busy one.
#[test]
fn at_the_end_of_a_quiet_phase_there_is_no_trial() {
    let mut run = Run::new(ON);
    run.phases = Some(Phases {
        idle: true,
        age: Duration::from_millis(1900),
        busy_span: Some(Duration::from_secs(2)),
        idle_span: Some(Duration::from_secs(2)),
        idle_whole: true,
        busy_whole: true,
        busy_in_round: Duration::ZERO,
    });
    run.sync(WHOLE_PPM, 200 * MB);
    assert!(run.sync(WHOLE_PPM, 60 * MB).cause.stops());
}

#[test]
fn the_law_keeps_its_name_and_its_wish_for_counters() {
    let law = Adaptive::new(Slowdown::DEFAULT);
    for law in [law, law.without_counters()] {
        let with = WithXbzrle::new(law, Slowdown::DEFAULT);
        assert_eq!(with.name(), law.name());
        assert_eq!(with.wants_writes(), law.wants_writes());
    }
}
