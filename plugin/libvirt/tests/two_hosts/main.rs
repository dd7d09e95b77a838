//! The adapter between two real daemons, with a guest that dirties its memory without end.
//!
//! Run where the source is `qemu:///system` or the value of `LIBVIRT_HPC_TEST_SOURCE`, with
//! `--ignored --test-threads=1`, `LIBVIRT_HPC_TEST_GUEST` (the guest's name) and
//! `LIBVIRT_HPC_TEST_DESTINATION` (a URI). The guest ends where it began.

use core::time::Duration;
use std::env;
use std::thread;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_libvirt::connect::{KeepAlive, Options};
use libvirt_hpc_libvirt::migrate::{Destination, migrate};
use libvirt_hpc_libvirt::parameter::{Parameter, Value};
use libvirt_hpc_libvirt::stats::{JobStats, JobType};
use libvirt_hpc_libvirt::{Connection, Domain, Watcher};

mod run;

use run::Run;

const LIVE: u32 = virt_sys::VIR_MIGRATE_LIVE;
const P2P: u32 = LIVE | virt_sys::VIR_MIGRATE_PEER2PEER;
const POLL: Duration = Duration::from_millis(100);
/// For events that will come: only a test that fails waits this long.
const LATE: Duration = Duration::from_secs(60);

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} must be set: see the top of this file"))
}

fn destination() -> String {
    variable("LIBVIRT_HPC_TEST_DESTINATION")
}

fn source() -> String {
    env::var("LIBVIRT_HPC_TEST_SOURCE").unwrap_or_else(|_| "qemu:///system".to_owned())
}

fn open(uri: &str) -> Connection {
    let keepalive = Some(KeepAlive {
        interval_s: 5,
        count: 3,
        required: false,
    });
    Connection::open(
        Some(uri),
        Options {
            keepalive,
            read_only: false,
        },
    )
    .expect(uri)
}

fn guest(uri: &str) -> Domain {
    let name = variable("LIBVIRT_HPC_TEST_GUEST");
    Domain::lookup(&open(uri), &name).unwrap_or_else(|error| panic!("at {uri}: {error}"))
}

fn precopy(iteration: u64) -> impl Fn(&Sample) -> bool {
    move |sample| sample.state == JobState::Precopy && sample.iteration >= iteration
}

/// libvirt restores the settings only a while after the migrate call has returned.
fn settles(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..300 {
        if reached() {
            return;
        }
        thread::sleep(POLL);
    }
    panic!("{what} never came");
}

#[test]
#[ignore = "needs two hosts: `make rig-test` runs it there"]
fn an_idle_guest_has_no_job() {
    let domain = guest(&source());
    let stats = domain.job_stats().expect("no job is an answer");
    assert_eq!(stats, JobStats::default());
    assert!(
        domain
            .abort_job()
            .expect_err("no job")
            .is_operation_invalid()
    );
    let mut watcher = Watcher::new(&domain).expect("events");
    let sample = watcher.sample(true).expect("an answer");
    assert_eq!(sample.state, JobState::Setup);
    assert!(sample.settings.expect("read").downtime_ms > 0);
    let too_much = Target {
        downtime_ms: Some(2_000_001),
        ..Target::NONE
    };
    let error = watcher.apply(&too_much).expect_err("QEMU's bound");
    assert!(
        error
            .to_string()
            .starts_with("virDomainMigrateSetMaxDowntime on domain '"),
        "{error}"
    );
}

#[test]
#[ignore = "needs two hosts: `make rig-test` runs it there"]
fn a_migration_is_steered_and_aborted_from_the_control_connection() {
    let before = guest(&source()).max_downtime_ms().expect("idle");
    let mut run = Run::start(&source(), destination(), P2P, 200);
    let first = run.until("pre-copy", precopy(1));
    assert_eq!(
        first.settings.map(|settings| settings.speed_mib_per_s),
        Some(200)
    );
    run.until("the second iteration", precopy(2));
    run.set(Target {
        downtime_ms: Some(2),
        speed_mib_per_s: Some(150),
        ..Target::NONE
    });
    let set = run.sample().settings.expect("read");
    assert_eq!((set.downtime_ms, set.speed_mib_per_s), (2, 150));
    let now = run.sample().iteration;
    let later = run.until("two more", precopy(now + 2));
    assert!(later.total_bytes > 0 && later.processed_bytes > 0 && later.elapsed_ms > 0);
    assert!(
        run.samples
            .iter()
            .any(|sample| sample.window_bytes_per_s > 0)
    );
    assert!(
        run.samples
            .iter()
            .any(|sample| sample.sync_at.is_some_and(|at| at <= sample.at))
    );
    let abort = Target {
        action: Some(Action::Abort),
        ..Target::NONE
    };
    run.set(abort);
    let error = run.end().expect_err("it was aborted");
    let failed = error.code() == Some(virt_sys::VIR_ERR_OPERATION_FAILED);
    assert!(
        error.is_aborted() || failed,
        "QEMU may see the closed channel first: {error}"
    );
    run.set(abort);
    let iterations = run.iterations();
    assert!(iterations.starts_with(&[1, 2]), "{iterations:?}");
    let domain = guest(&source());
    assert!(!domain.state().expect("known").is_paused_for_migration());
    settles("the old downtime", || {
        domain.max_downtime_ms().expect("idle") == before
    });
}

#[test]
#[ignore = "needs two hosts: `make rig-test` runs it there"]
fn a_dead_destination_is_an_error_and_no_migration() {
    let mut watcher = Watcher::new(&guest(&source())).expect("events");
    let domain = guest(&source());
    let error = migrate(
        &domain,
        Destination::Uri("qemu+tcp://127.0.0.1:1/system"),
        P2P,
        &[],
    )
    .expect_err("nobody listens there");
    assert!(
        error
            .to_string()
            .starts_with("virDomainMigrateToURI3 on domain '"),
        "{error}"
    );
    assert_eq!(
        watcher.sample(false).expect("an answer").state,
        JobState::Setup
    );
    let unknown = [Parameter {
        name: "of_libvirt_99",
        value: Value::Int(1),
    }];
    let error = migrate(&domain, Destination::Uri(&destination()), P2P, &unknown);
    println!("{}", error.expect_err("libvirt does not know it"));
    assert!(domain.is_active().expect("it stays"));
}

#[test]
#[ignore = "needs two hosts: `make rig-test` runs it there"]
fn there_managed_and_back_by_postcopy() {
    let mut run = Run::start(&source(), destination(), LIVE, 200);
    run.until("the second iteration", precopy(2));
    run.set(Target {
        downtime_ms: Some(60_000),
        speed_mib_per_s: Some(5_000),
        ..Target::NONE
    });
    run.end().expect("it fits into a minute");
    let done = run.watcher.final_stats(LATE).expect("a success has them");
    assert!(done.job_type == JobType::Completed && done.downtime_ms.is_some_and(|ms| ms > 0));
    assert!(
        run.samples
            .iter()
            .any(|sample| sample.state == JobState::Switchover)
    );
    assert!(guest(&destination()).is_active().expect("it is there"));

    let mut run = Run::start(
        &destination(),
        source(),
        LIVE | virt_sys::VIR_MIGRATE_POSTCOPY,
        50,
    );
    run.until("the second iteration", precopy(2));
    run.set(Target {
        action: Some(Action::StartPostcopy),
        ..Target::NONE
    });
    run.until("post-copy", |sample| sample.state == JobState::Postcopy);
    run.end().expect("post-copy ends");
    assert!(guest(&source()).is_active().expect("it is back"));
}
