//! Migrations, which the driver does not have, and events, which it has.

use core::time::Duration;
use std::sync::{Arc, mpsc};

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_libvirt::event::{EventKind, Handler};
use libvirt_hpc_libvirt::migrate::{Destination, migrate};
use libvirt_hpc_libvirt::parameter::{Parameter, Value};
use libvirt_hpc_libvirt::settings::Speed;
use libvirt_hpc_libvirt::subscription::Subscription;
use libvirt_hpc_libvirt::{Domain, Error, Watcher};

use crate::{assert_of, guest, host, uuid};

/// For events that will come: only a test that fails waits this long.
const LATE: Duration = Duration::from_secs(600);

#[test]
fn calls_that_the_driver_lacks_are_errors() {
    let domain = guest();
    let completed = domain.completed_job_stats(true).map(drop);
    let speed = domain.max_speed_mib_per_s(Speed::Precopy).map(drop);
    let set_speed = domain.set_max_speed_mib_per_s(Speed::Postcopy, 1);
    let downtime = domain.max_downtime_ms().map(drop);
    let set_downtime = domain.set_max_downtime_ms(0);
    let migrated = migrate(&domain, Destination::Uri("test:///default"), 3, &[]);
    let calls: [(&str, Result<(), Error>); 9] = [
        ("virDomainGetJobStats", domain.job_stats().map(drop)),
        ("virDomainGetJobStats", completed),
        ("virDomainMigrateGetMaxDowntime", downtime),
        ("virDomainMigrateSetMaxDowntime", set_downtime),
        ("virDomainMigrateGetMaxSpeed", speed),
        ("virDomainMigrateSetMaxSpeed", set_speed),
        ("virDomainAbortJob", domain.abort_job()),
        ("virDomainMigrateStartPostCopy", domain.start_postcopy()),
        ("virDomainMigrateToURI3", migrated.map(drop)),
    ];
    for (call, result) in calls {
        let error = result.expect_err(call);
        assert_of(&format!("{call} on domain 'guest': "), &error);
        let unsupported = call == "virDomainMigrateToURI3" || error.is_unsupported();
        assert!(unsupported, "{error}");
    }
}

#[test]
fn a_managed_migration_that_cannot_be_leaves_the_guest() {
    let (domain, other) = (guest(), host(&[]));
    let parameters = [
        Parameter {
            name: "bandwidth",
            value: Value::UnsignedLong(1),
        },
        Parameter {
            name: "migrate_disks",
            value: Value::TextList(vec!["vda".to_owned()]),
        },
    ];
    let error = migrate(&domain, Destination::Managed(&other), 1, &parameters).expect_err("none");
    assert_of("virDomainMigrate3 on domain 'guest'", &error);
    let error = migrate(&domain, Destination::Uri("a\0b"), 3, &[]).expect_err("no C string");
    assert!(matches!(error, Error::NulByte { .. }));
    assert!(domain.is_active().expect("still there"));
}

#[test]
fn events_arrive_until_the_subscription_ends() {
    let connection = host(&["guest", "other"]);
    let domain = Domain::lookup(&connection, "guest").expect("the guest");
    let other = Domain::lookup(&connection, "other").expect("the other");
    let (sender, events) = mpsc::channel();
    let handler: Handler = Arc::new(move |event| {
        sender.send(event).expect("the test listens");
        panic!("on purpose: must not reach libvirt");
    });
    let subscription = Subscription::new(&connection, Some(&domain), &handler).expect("events");
    other.suspend().expect("it runs");
    domain.suspend().expect("it runs");
    let event = events.recv_timeout(LATE).expect("an event");
    assert_eq!(event.domain.name, "guest");
    assert_eq!(event.domain.uuid, uuid(0));
    let suspended = EventKind::Lifecycle {
        event: 3,
        detail: 0,
    };
    assert_eq!(event.kind, suspended);
    drop(subscription);
    drop(handler);
    // libvirt has freed the handler.
    assert!(events.recv_timeout(LATE).is_err());
}

#[test]
fn a_watcher_wakes_and_reports_what_the_driver_lacks() {
    let domain = guest();
    let mut watcher = Watcher::new(&domain).expect("events");
    assert!(watcher.sample(true).expect_err("no jobs").is_unsupported());
    let before = watcher.now();
    let suspend = Target {
        action: Some(Action::Suspend),
        ..Target::NONE
    };
    watcher.apply(&suspend).expect("it runs");
    watcher.wait(LATE);
    let events = watcher.take_events();
    assert_eq!(events.len(), 1);
    assert!(events[0].at >= before && watcher.now() >= events[0].at);
    watcher
        .apply(&suspend)
        .expect("repeating an action is harmless");
    let refused = Target {
        downtime_ms: Some(1),
        action: Some(Action::Abort),
        ..Target::NONE
    };
    let error = watcher.apply(&refused).expect_err("the driver has none");
    assert_of("virDomainMigrateSetMaxDowntime", &error);
    let waker = watcher.waker();
    std::thread::spawn(move || waker.wake());
    watcher.wait(LATE);
}
