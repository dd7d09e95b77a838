use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use super::*;
use crate::agent::api::{DomainStatus, MarkedBy, Status};

const BEFORE: Settings = Settings {
    downtime_ms: 300,
    speed_mib_per_s: 7_000,
};

/// The downtime limit that stays where the law's last word was `cause`, with 900 ms remaining and 10 ms set.
fn stays(cause: Option<Cause>, policy: &Policy, successor: bool) -> u64 {
    let outlook = Outlook {
        pause_ms: Some(900),
        cause,
        ..Outlook::default()
    };
    let set = Set {
        downtime_ms: Some(match cause {
            Some(Cause::Reservation | Cause::Patience | Cause::Deadline) => 1_000,
            _ => 10,
        }),
        ..Set::default()
    };
    limits(BEFORE, policy, set, outlook, successor).downtime_ms
}

#[test]
fn what_stays_lets_the_migration_end_and_costs_no_more_than_the_law_would_allow() {
    let policy = Policy::default();
    for (cause, alone) in [
        (None, 300),
        (Some(Cause::FirstRound), 300),
        (Some(Cause::Falling), 300),
        (Some(Cause::Waiting), 1_125),
        (Some(Cause::Quiet), 1_125),
        (Some(Cause::Reservation), 1_000),
        (Some(Cause::Patience), 1_000),
        (Some(Cause::Deadline), 1_000),
        (Some(Cause::Schedule), 300),
    ] {
        assert_eq!(stays(cause, &policy, false), alone, "{cause:?}");
        assert_eq!(stays(cause, &policy, true), 300, "{cause:?}, the agent");
    }
}

#[test]
fn the_policy_holds_without_us() {
    let policy = Policy {
        downtime_max_ms: Some(240),
        pause_fixed_ms: Some(40),
        speed_max_mib_per_s: Some(50),
        ..Policy::default()
    };
    for cause in [Cause::Falling, Cause::Ceiling, Cause::Waiting] {
        assert_eq!(stays(Some(cause), &policy, false), 200);
        assert_eq!(stays(Some(cause), &policy, true), 200);
    }
    let order = Policy {
        limit_max_ms: Some(500),
        ..Policy::default()
    };
    assert_eq!(
        stays(Some(Cause::Waiting), &order, false),
        500,
        "stored before"
    );
    let deadline = stays(Some(Cause::Deadline), &policy, false);
    assert_eq!(deadline, 1_000, "a deadline outranks the longest pause");
    let speed = |policy| {
        let limits = limits(BEFORE, policy, Set::default(), Outlook::default(), false);
        limits.speed_mib_per_s
    };
    assert_eq!(speed(&policy), 50);
    assert_eq!(speed(&Policy::default()), 7_000);
}

/// An agent that knows one domain.
fn agent(folder: &Path, marked_by: Option<MarkedBy>, observe: bool) -> std::path::PathBuf {
    let path = folder.join("agent.sock");
    let socket = UnixListener::bind(&path).expect("a socket");
    let reply = Reply::Status(Status {
        version: String::new(),
        pid: 7,
        observe,
        uri: String::new(),
        libvirt_error: None,
        looked_ago_ms: None,
        domains: vec![DomainStatus {
            name: "vm".to_owned(),
            uuid: "7".to_owned(),
            marked_by,
            policy_problem: None,
            migration: None,
        }],
    });
    thread::spawn(move || {
        let (mut stream, _) = socket.accept().expect("a client");
        let mut question = String::new();
        BufReader::new(&stream)
            .read_line(&mut question)
            .expect("a question");
        assert!(question.contains("status") && question.contains('7'));
        let reply = serde_json::to_string(&reply).expect("text");
        writeln!(stream, "{reply}").expect("written");
    });
    path
}

#[test]
fn only_an_agent_that_steers_this_domain_is_a_successor() {
    for (marked_by, observe, will) in [
        (Some(MarkedBy::Domain), false, true),
        (Some(MarkedBy::Domain), true, false),
        (None, false, false),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        let socket = agent(folder.path(), marked_by, observe);
        assert_eq!(will_take_over(&socket, "7"), will);
    }
    assert!(!will_take_over(Path::new("/nonexistent/agent.sock"), "7"));
}
