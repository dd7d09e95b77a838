use std::time::Duration;

use super::*;
use crate::estimate::assessment::Verdict;
use crate::estimate::preflight::{Finding, Reached, Source};
use crate::migration::guest::Guest;

const MIB: u64 = 1 << 20;

fn args() -> EstimateArgs {
    EstimateArgs {
        domain: "vm".to_owned(),
        bandwidth: Some(100),
        ..EstimateArgs::default()
    }
}

fn asked() -> Domains {
    Domains {
        name: "vm".to_owned(),
        facts: Facts {
            source: Source {
                memory_bytes: 1024 * MIB,
                ..Source::default()
            },
            destination: Destination::Unnamed,
            copies_storage: false,
        },
        guest: Guest {
            pause_fixed_ms: Some(70),
            ..Guest::default()
        },
        resident_bytes: Some(500 * MIB),
        counted: false,
    }
}

fn reading(seconds: u64, mib: u64) -> Reading {
    Reading {
        span: Duration::from_secs(seconds),
        written_bytes: mib * MIB,
        sampled: true,
    }
}

fn measured() -> Measured {
    Measured {
        readings: vec![reading(1, 130), reading(2, 130), reading(4, 130)],
        took: Duration::from_millis(7400),
        ..Measured::default()
    }
}

fn assessed(args: &EstimateArgs, traces: &Traces, measured: Measured) -> Assessment {
    let policy = xml::Policy {
        compression_allowed: Some(false),
        ..xml::Policy::default()
    };
    assess(args, &policy, asked(), traces, measured)
}

#[test]
fn a_guest_that_was_measured_gets_an_estimate() {
    let assessment = assessed(&args(), &Traces::default(), measured());
    assert_eq!(assessment.verdict(), Verdict::Moves);
    let forecast = assessment.forecast.as_ref().expect("a forecast");
    assert!(
        forecast.pause_ms.likely > 1000 && !forecast.stock.ends,
        "{forecast:?}"
    );
    assert_eq!(
        assessment.known.data.map(|data| data.bytes),
        Some(500 * MIB)
    );
    assert_eq!(assessment.known.measured_ms, 7400);
    let unknown = assessment.unknown.join("\n");
    for part in ["name one", "are zero", "same contents"] {
        assert!(unknown.contains(part), "{unknown}");
    }
}

#[test]
fn without_a_link_nothing_is_estimated_and_that_is_told() {
    let untold = EstimateArgs {
        bandwidth: None,
        traces: "/nowhere".into(),
        ..args()
    };
    let assessment = assessed(&untold, &Traces::default(), measured());
    assert_eq!(assessment.forecast, None);
    assert_eq!(assessment.verdict(), Verdict::Unknown);
    let unknown = assessment.unknown.join("\n");
    assert!(
        unknown.contains("no trace in /nowhere tells it"),
        "{unknown}"
    );
    let traces = Traces {
        bandwidth_bytes_per_s: Some(100 * MIB),
        ..Traces::default()
    };
    let assessment = assessed(&untold, &traces, measured());
    assert_eq!(
        assessment.known.link.map(|link| link.origin),
        Some(Origin::Trace)
    );
    assert!(assessment.forecast.is_some());
}

#[test]
fn a_guest_that_could_not_be_measured_is_estimated_by_its_last_trace() {
    let refused = || Measured {
        problem: Some("refused".to_owned()),
        ..Measured::default()
    };
    let assessment = assessed(&args(), &Traces::default(), refused());
    assert_eq!(assessment.forecast, None);
    assert!(assessment.unknown.join("\n").contains("refused"));
    let traces = Traces {
        readings: vec![reading(3, 200)],
        data_bytes: Some(400 * MIB),
        ..Traces::default()
    };
    let assessment = assessed(&args(), &traces, refused());
    assert!(assessment.forecast.is_some());
    assert_eq!(
        assessment.known.data.map(|data| data.origin),
        Some(Origin::Trace)
    );
}

#[test]
fn what_a_destination_does_not_say_is_not_known() {
    let mut asked = asked();
    asked.facts.destination = Destination::Reached(Box::new(Reached {
        has_domain: true,
        ..Reached::default()
    }));
    asked.facts.copies_storage = true;
    let policy = xml::Policy::default();
    let assessment = assess(&args(), &policy, asked, &Traces::default(), measured());
    assert_eq!(assessment.findings, [Finding::DomainThere]);
    assert_eq!(assessment.verdict(), Verdict::Refused);
    let unknown = assessment.unknown.join("\n");
    for part in ["migration ports", "cannot compare", "disks take", "XBZRLE"] {
        assert!(unknown.contains(part), "{unknown}");
    }
}

#[test]
fn the_policy_and_the_stored_limits_bound_the_estimate() {
    let mut asked = asked();
    asked.facts.source.settings = Some(Settings {
        downtime_ms: 200,
        speed_mib_per_s: 50,
    });
    let policy = xml::Policy {
        slowdown_millipercent: Some(20_000),
        deadline: Some(xml::Deadline {
            seconds: 40,
            then: xml::Then::Abort,
        }),
        ..xml::Policy::default()
    };
    let assessment = assess(&args(), &policy, asked, &Traces::default(), measured());
    let known = &assessment.known;
    assert_eq!(
        (known.slowdown_percent, known.downtime_max_ms),
        (20, Some(200))
    );
    assert_eq!(known.deadline_ms, Some(40_000));
    let forecast = assessment.forecast.as_ref().expect("a forecast");
    assert_eq!(
        (forecast.within_downtime, forecast.within_deadline),
        (Some(false), Some(false))
    );
    assert!(
        forecast.total_ms.likely > 10_000,
        "500 MiB at 50 MiB/s: {forecast:?}"
    );
    assert_eq!(assessment.verdict(), Verdict::OutsidePolicy);
}
