//! Every order in which threads can meet at the inbox. No wait times out here: one that nothing ends is a deadlock,
//! which fails.

use core::time::Duration;
use std::sync::Arc;

use libvirt_hpc_control::time::Timestamp;
use shuttle::{check_dfs, thread};

use super::Inbox;
use crate::event::{DomainId, Event, EventKind};
use crate::stats::{FieldValue, JobStats, JobType, MIGRATION_OUT};

const NEVER: Duration = Duration::MAX;

fn event(at: u64, kind: EventKind) -> Event {
    let domain = DomainId {
        name: String::new(),
        uuid: String::new(),
    };
    Event {
        at: Timestamp::from_nanos(at),
        domain,
        kind,
    }
}

fn completed() -> Event {
    let fields = vec![(
        "operation".to_owned(),
        FieldValue::UnsignedLong(MIGRATION_OUT),
    )];
    let stats = JobStats::new(JobType::Completed, fields);
    event(1, EventKind::JobCompleted(Box::new(stats)))
}

/// Runs `act` on a thread of its own.
fn on(inbox: &Arc<Inbox>, act: impl FnOnce(&Inbox) + Send + 'static) -> thread::JoinHandle<()> {
    let inbox = Arc::clone(inbox);
    thread::spawn(move || act(&inbox))
}

#[test]
fn a_ring_ends_a_wait_whenever_it_comes() {
    let meet = || {
        let inbox = Arc::new(Inbox::default());
        let ringer = on(&inbox, Inbox::ring);
        inbox.wait(NEVER);
        ringer.join().expect("rung");
        assert!(!inbox.state().rung, "one ring ends one wait");
    };
    check_dfs(meet, None);
}

#[test]
fn each_event_is_taken_once_and_none_is_slept_through() {
    let meet = || {
        let inbox = Arc::new(Inbox::default());
        let put = |at| {
            on(&inbox, move |inbox| {
                inbox.put(event(at, EventKind::Iteration(at)));
            })
        };
        let putters = [put(1), put(2)];
        let mut taken = Vec::new();
        while taken.len() < 2 {
            inbox.wait(NEVER);
            taken.extend(inbox.take_events().iter().map(|event| event.at.as_nanos()));
        }
        for putter in putters {
            putter.join().expect("put");
        }
        taken.extend(inbox.take_events().iter().map(|event| event.at.as_nanos()));
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    };
    check_dfs(meet, None);
}

#[test]
fn what_is_forgotten_takes_no_ring_along() {
    let meet = || {
        let inbox = Arc::new(Inbox::default());
        let ringer = on(&inbox, Inbox::ring);
        inbox.forget();
        inbox.wait(NEVER);
        ringer.join().expect("rung");
    };
    check_dfs(meet, None);
}

#[test]
fn an_end_ends_the_wait_for_it_and_the_wait_for_anything() {
    let meet = || {
        let inbox = Arc::new(Inbox::default());
        let other = on(&inbox, |inbox| {
            inbox.completed(NEVER).expect("it has ended");
        });
        let putter = on(&inbox, |inbox| inbox.put(completed()));
        inbox.wait(NEVER);
        putter.join().expect("put");
        other.join().expect("told");
    };
    check_dfs(meet, None);
}
