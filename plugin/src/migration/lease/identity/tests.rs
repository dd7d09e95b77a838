//! Jobs under a wall clock that steps.

use super::*;
use crate::migration::lease::tests::record;

/// When the job of [`record`] began, by the wall clock, milliseconds.
const BEGAN: u64 = 1_700_000_000_000;

/// A minute after its beginning, under a wall clock that has been set by `step_ms` meanwhile.
fn a_minute_later(step_ms: i64) -> Job {
    let wall_ms = (BEGAN + 60_000).saturating_add_signed(step_ms);
    Job {
        domain_id: Some(7),
        wall_ms,
        // As libvirt does it.
        elapsed_ms: wall_ms.saturating_sub(BEGAN),
        at_ns: 0,
    }
}

fn left() -> LeaseRecord {
    LeaseRecord {
        identity: Identity {
            domain_id: Some(7),
            began_wall_ms: Some(BEGAN),
            taken_wall_ms: BEGAN + 1_000,
        },
        ..record()
    }
}

const STEPS_MS: [i64; 7] = [
    0,
    5_000,
    -5_000,
    3_600_000,
    -3_600_000,
    86_400_000,
    -86_400_000,
];

#[test]
fn a_step_of_the_clock_disowns_no_lease() {
    for step_ms in STEPS_MS {
        let job = a_minute_later(step_ms);
        assert!(left().is_of(&job, None), "{step_ms} ms");
        let before_its_job = LeaseRecord {
            identity: Identity {
                began_wall_ms: None,
                taken_wall_ms: BEGAN - 1_000,
                ..left().identity
            },
            ..left()
        };
        assert!(before_its_job.is_of(&job, None), "{step_ms} ms");
    }
}

#[test]
fn a_step_between_a_lease_and_its_job_disowns_no_lease() {
    let seconds = |seconds: u64| seconds * 1_000_000_000;
    for step_ms in [3_600_000, -3_600_000, 86_400_000, -86_400_000] {
        let before_its_job = LeaseRecord {
            taken_at_ns: seconds(500),
            identity: Identity {
                began_wall_ms: None,
                taken_wall_ms: (BEGAN - 1_000).saturating_add_signed(-step_ms),
                ..left().identity
            },
            ..left()
        };
        let asked_at = |at_ns| Job {
            at_ns,
            ..a_minute_later(0)
        };
        let is_of = |at_s| before_its_job.is_of(&asked_at(seconds(at_s)), None);
        assert!(is_of(561), "{step_ms} ms");
        assert!(!is_of(5_000), "{step_ms} ms: a later job");
    }
}

#[test]
fn another_job_and_another_run_of_the_domain_are_not_its_own() {
    let later = Job {
        wall_ms: BEGAN + 300_000,
        elapsed_ms: 60_000,
        ..a_minute_later(0)
    };
    assert!(!left().is_of(&later, None));
    let untaken = LeaseRecord {
        identity: Identity {
            began_wall_ms: None,
            ..left().identity
        },
        ..left()
    };
    assert!(!untaken.is_of(&later, None));
    let rebooted = Job {
        domain_id: Some(8),
        ..a_minute_later(0)
    };
    assert!(!left().is_of(&rebooted, None));
}

#[test]
fn a_limit_of_ours_that_stands_says_that_its_job_goes_on() {
    let found = |downtime_ms| {
        Some(Settings {
            downtime_ms,
            speed_mib_per_s: 20,
        })
    };
    // As one of an earlier version wrote it, without a name of the job.
    let mut old = LeaseRecord {
        identity: Identity::default(),
        ..record()
    };
    let job = a_minute_later(0);
    assert!(!old.is_of(&job, found(300)), "nothing was set");
    old.set.downtime_ms = Some(10);
    assert!(old.is_of(&job, found(10)));
    assert!(!old.is_of(&job, found(300)), "libvirt has put it back");
    old.set.downtime_ms = Some(300);
    assert!(!old.is_of(&job, found(300)), "it was put back by us");
}

#[test]
fn a_successor_counts_from_where_its_predecessor_did() {
    let at = |seconds: u64| Timestamp::from_nanos(seconds * 1_000_000_000);
    assert_eq!(left().began(at(3)), at(40), "whatever the clock says now");
    let before_its_job = LeaseRecord {
        job_began_ns: None,
        ..left()
    };
    assert_eq!(before_its_job.began(at(55)), at(55));
    assert_eq!(
        before_its_job.began(at(3)),
        at(50),
        "not before it was taken"
    );
    assert_eq!(before_its_job.began(at(3_000)), at(170), "nor long after");
}

/// Two reckonings of a beginning may be three seconds apart, and a job may begin two minutes after its lease.
#[test]
fn a_beginning_is_the_same_within_three_seconds_and_soon_within_two_minutes() {
    let known = left().identity;
    for (began, is_own) in [
        (BEGAN - 3_001, false),
        (BEGAN - 3_000, true),
        (BEGAN + 3_000, true),
        (BEGAN + 3_001, false),
    ] {
        assert_eq!(known.began_at(began), is_own, "{began}");
    }
    let unknown = Identity {
        began_wall_ms: None,
        ..known
    };
    let taken = known.taken_wall_ms;
    for (began, is_own) in [
        (taken - 3_001, false),
        (taken - 3_000, true),
        (taken + 120_000, true),
        (taken + 120_001, false),
    ] {
        assert_eq!(unknown.began_at(began), is_own, "{began}");
    }
}

/// The wall clock tells nothing here: it has stepped by a day.
#[test]
fn by_the_clock_that_does_not_step_a_lease_is_of_a_job_that_begins_soon_after_it() {
    let lease = LeaseRecord {
        taken_at_ns: 500_000_000_000,
        identity: Identity {
            began_wall_ms: None,
            taken_wall_ms: BEGAN - 86_400_000,
            ..left().identity
        },
        ..left()
    };
    for (began_ms, is_own) in [
        (496_999, false),
        (497_000, true),
        (620_000, true),
        (620_001, false),
    ] {
        let job = Job {
            at_ns: (began_ms + 60_000) * 1_000_000,
            ..a_minute_later(0)
        };
        assert_eq!(lease.is_of(&job, None), is_own, "{began_ms} ms");
    }
    let known = LeaseRecord {
        identity: Identity {
            began_wall_ms: Some(BEGAN - 86_400_000),
            ..lease.identity
        },
        ..lease
    };
    let soon = Job {
        at_ns: 561_000_000_000,
        ..a_minute_later(0)
    };
    assert!(!known.is_of(&soon, None), "its job has begun already");
}

#[test]
fn a_time_before_1970_counts_as_its_beginning() {
    let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
    assert_eq!(wall_ms(at(1_234)), 1_234);
    assert_eq!(wall_ms(UNIX_EPOCH - Duration::from_secs(1)), 0);
}

#[test]
fn an_identity_is_completed_and_not_replaced() {
    let other = Identity {
        domain_id: Some(8),
        began_wall_ms: Some(1),
        taken_wall_ms: 2,
    };
    assert_eq!(left().identity.or(&other), left().identity);
    let completed = Identity {
        taken_wall_ms: 5,
        ..Identity::default()
    };
    let expected = Identity {
        taken_wall_ms: 5,
        ..other
    };
    assert_eq!(completed.or(&other), expected);
}
