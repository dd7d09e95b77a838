use libvirt_hpc_control::estimate::Round;

use super::*;

#[derive(Default)]
struct Said(Vec<String>);

impl Messages for Said {
    fn warn(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    fn how_to_abort(&self) -> &'static str {
        "abort"
    }

    fn how_to_end_sooner(&self) -> &'static str {
        "end"
    }
}

/// What is said where syncs find so many MiB left, over a link of 100 MiB/s, and the law decides for these causes.
fn said(syncs: &[(u64, Cause)]) -> Vec<String> {
    let mut recorder = Recorder::new(Said::default(), None, Tally::new(None));
    recorder.publish(Timestamp::from_nanos(1), Event::Begun);
    for &(mib, cause) in syncs {
        let round = Round {
            iteration: 2,
            remaining_bytes: mib << 20,
            duration: Duration::from_secs(1),
            sent_bytes: 100 << 20,
            ..Round::default()
        };
        recorder.publish(Timestamp::from_nanos(1), Event::Round(round));
        let threshold_bytes = mib << 20;
        let decided = Event::Decided {
            threshold_bytes,
            cause,
        };
        recorder.publish(Timestamp::from_nanos(1), decided);
    }
    std::mem::take(&mut recorder.messages().0)
}

#[test]
fn a_long_pause_is_said_once_and_before_it_is_taken() {
    let long = said(&[
        (231, Cause::Waiting),
        (231, Cause::Patience),
        (250, Cause::Patience),
    ]);
    assert!(
        long.len() == 1 && long[0].contains("pauses for about 2.31 s"),
        "{long:?}"
    );
    assert!(said(&[(231, Cause::Falling), (90, Cause::Reservation)]).is_empty());
}

#[test]
fn control_lasts_from_the_first_memory_to_its_release() {
    let mut recorder = Recorder::new(Said::default(), None, Tally::new(None));
    let steers = |recorder: &mut Recorder<Said>, event| {
        recorder.publish(Timestamp::from_nanos(1), event);
        recorder.steers()
    };
    assert!(!recorder.steers());
    assert!(steers(&mut recorder, Event::Begun));
    assert!(steers(&mut recorder, Event::Refused(Target::NONE)));
    let external = Release::ExternalChange {
        downtime_ms: 7,
        speed_mib_per_s: 7,
    };
    for release in [
        external,
        Release::Terminal,
        Release::Acted(Action::StartPostcopy),
    ] {
        assert!(!steers(&mut recorder, Event::Released(release)));
        assert!(steers(&mut recorder, Event::Begun));
    }
}
