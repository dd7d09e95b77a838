use super::*;
use crate::flags::ReplayLaw;

/// The guest of [`recorded`] leaves 110 MB at each sync, of a link of 100 MB/s; the first is at 1.1 s.
fn all() -> Stops {
    let records = recorded(LawName::STOCK, false);
    stops((1..).zip(records).map(Ok::<_, ReadError>)).expect("the stops")
}

fn stop_of(stops: &Stops, law: &str) -> Option<Stop> {
    let of = |row: &&LawStop| row.law.to_string() == law;
    stops.laws.iter().find(of).expect(law).stop
}

#[test]
fn each_law_stops_where_its_limit_or_its_action_says() {
    let stops = all();
    assert_eq!(stop_of(&stops, "stock"), None, "110 MB never fit 300 ms");
    // The limit that is set at the first sync acts at the next sample: 10 MB are sent, and as much is written.
    let first = stop_of(&stops, "stop-after-round-one").expect("a stop");
    let expected = Stop {
        way: Way::Switchover,
        after_ns: 1_200_000_000,
        left_bytes: 110_000_000,
        pause_ns: Some(1_100_000_000),
        j_ns: Some(1_220_000_000),
    };
    assert_eq!(first, expected);
    // Five rounds of 1.1 s, and the sample after.
    let xen = stop_of(&stops, "xen").expect("a stop");
    assert_eq!(xen.after_ns, 5_600_000_000);
    let postcopy = stop_of(&stops, "postcopy-after-round-one").expect("a stop");
    assert_eq!(postcopy.way, Way::Postcopy);
    assert_eq!(postcopy.after_ns, 1_100_000_000);
    assert_eq!((postcopy.pause_ns, postcopy.j_ns), (None, None));
    // The record is over after 12 s.
    assert_eq!(stop_of(&stops, "ovirt-minimal"), None);
}

#[test]
fn a_law_whose_clock_is_too_slow_is_shown_with_its_times_scaled_too() {
    let stops = all();
    // 1.1 s of the reference's 55 s.
    let scaled = stop_of(&stops, "ovirt-minimal@0.02").expect("a stop");
    // Its polls come every 0.2 s; seven iterations end it.
    assert_eq!(scaled.way, Way::Abort);
    let rows = |law: &str| {
        let of = stops.laws.iter().filter(|row| row.law.as_str() == law);
        of.count()
    };
    assert_eq!(["ovirt-minimal", "xen", "stock"].map(rows), [2, 1, 1]);
}

#[test]
fn the_last_is_the_best_of_the_record() {
    let stops = all();
    let last = stops.laws.last().expect("laws");
    let least = stops.laws.iter().filter_map(|row| row.stop?.j_ns).min();
    assert_eq!(last.stop.expect("a stop").j_ns, least);
    assert_eq!(last.law.as_str(), "forced-stop");
}

#[test]
fn what_the_recorded_law_set_last_is_where_it_ended() {
    let mut records = recorded(LawName::Adaptive, false);
    let stopped = records.iter().position(|record| matches!(record, Record::Event { event: EventRecord::Decided { cause, .. }, .. } if cause.stops()));
    records.truncate(stopped.expect("it stopped"));
    let stops = stops((1..).zip(records).map(Ok::<_, ReadError>)).expect("the stops");
    let stop = stop_of(&stops, "adaptive").expect("a stop");
    assert_eq!(stop.way, Way::Switchover);
}

#[test]
fn the_command_prints_a_line_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace");
    let mut writer = Writer::create(&path).expect("a file");
    for record in recorded(LawName::STOCK, false) {
        writer.write(&record).expect("written");
    }
    writer.end().expect("on the disk");
    let print = |json| {
        let mut out = Vec::new();
        command(&path, Some(ReplayLaw::All), json, &mut out).expect("printed");
        String::from_utf8(out).expect("text")
    };
    let (text, json) = (print(false), print(true));
    for law in crate::laws::names() {
        let mut lines = text.lines();
        assert!(lines.any(|line| line.starts_with(law)), "{law} in {text}");
    }
    for words in ["not within the record", "10 % of the time"] {
        assert!(text.contains(words), "{text}");
    }
    assert_eq!(json.lines().count() + 2, text.lines().count());
    let is_json = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(json.lines().all(is_json));
}

/// The guest of [`recorded`] was moved under a law that lets it stop: 500 ms after the last sample, with `remaining` to
/// send.
fn moved(remaining: u64) -> Stops {
    let mut records = recorded(LawName::STOCK, false);
    let last = sample(119);
    for (after_ms, remaining_bytes) in [(10, remaining), (500, 0)] {
        let sample = Sample {
            at: last.at.after(std::time::Duration::from_millis(after_ms)),
            state: JobState::Switchover,
            processed_bytes: last.processed_bytes + remaining - remaining_bytes,
            remaining_bytes,
            ..last
        };
        records.push(Record::Sample((&sample).into()));
    }
    let end = End {
        moved: true,
        ..End::default()
    };
    records.push(Record::End(end));
    stops((1..).zip(records).map(Ok::<_, ReadError>)).expect("the stops")
}

#[test]
fn what_the_stop_sent_shows_what_remained() {
    // 300 ms of 100 MB/s.
    let stop = stop_of(&moved(30_000_000), "stock").expect("a stop");
    assert_eq!((stop.way, stop.after_ns), (Way::Switchover, 11_900_000_000));
    assert!(stop.left_bytes.abs_diff(30_000_000) <= 1, "{stop:?}");
    assert_eq!(stop_of(&moved(30_000_100), "stock"), None);
}

#[test]
fn a_limit_acts_from_the_next_window_on() {
    let mut limit = stops::Limit::new(&begin(LawName::STOCK));
    let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
    let seen = |limit: &mut stops::Limit, ms| (limit.in_force_ms(at(ms)), limit.highest_ms(at(ms)));
    assert_eq!(seen(&mut limit, 999), (300, 300));
    limit.set(at(1_000), Some(48));
    assert_eq!(seen(&mut limit, 1_059), (300, 300));
    assert_eq!(seen(&mut limit, 1_100), (48, 48));
    limit.set(at(1_100), None);
    limit.set(at(1_120), Some(47));
    limit.set(at(1_150), Some(11));
    assert_eq!(seen(&mut limit, 1_151), (48, 48));
    assert_eq!(seen(&mut limit, 1_250), (11, 11));
}
