//! What counts as a libvirt that is gone, and what is kept of domains that are.

use std::sync::mpsc;

use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::Error;

use super::*;
use crate::agent::api::Reply;
use crate::agent::domains::active::Mark;

fn agent() -> Supervisor {
    agent_with(Config::default(), mpsc::channel().0)
}

fn agent_with(config: Config, send: Sender<Message>) -> Supervisor {
    let metrics = Publisher::start().expect("a thread");
    Supervisor::new(config, Watch::blind(), metrics, send, Followers::default())
}

#[test]
fn a_libvirt_that_answers_is_not_lost_though_a_domain_of_its_does_not() {
    let mut agent = agent();
    let began = agent.heard_at;
    agent.hear(Message::Watch(Finding::Known(Vec::new())));
    agent.tick(began + SILENCE);
    assert_eq!(agent.lost, None, "it has been heard since");
    assert_eq!(agent.polled_at, None, "and no poll has been complete");
    agent.tick(agent.heard_at + SILENCE);
    assert!(agent.lost.is_some(), "it says nothing");
    agent.hear(Message::Watch(Finding::Known(Vec::new())));
    assert_eq!(agent.lost, None, "it is back");
}

#[test]
fn one_that_fails_is_lost_at_once_until_it_answers() {
    let mut agent = agent();
    let what = "a test".to_owned();
    agent.hear(Message::Watch(Finding::Lost(Error::NulByte { what })));
    assert!(agent.lost.is_some());
    agent.hear(Message::Watch(Finding::Active(Vec::new())));
    assert_eq!(agent.lost, None);
    assert!(agent.polled_at.is_some());
}

#[test]
fn what_a_command_tells_is_passed_on_to_those_who_follow() {
    let mut agent = agent();
    let heard = agent.followers.subscribe(None).expect("room");
    let line = "{\"version\":1,\"event\":\"ended\",\"domain\":\"vm\",\"uuid\":\"\",\"destination\":null,\
                \"controller\":\"virsh-hpc\",\"observe\":false,\"at_unix_ms\":7,\"elapsed_ms\":8}\n";
    let request = format!("{{\"request\":\"tell\",\"notification\":{line}}}");
    let request = serde_json::from_str(&request).expect("a request");
    let (reply, answer) = mpsc::sync_channel(1);
    agent.hear(Message::Request(request, reply));
    assert!(matches!(answer.try_recv(), Ok(Reply::Done { .. })));
    assert_eq!(heard.next(Duration::ZERO).as_deref(), Ok(line));
}

/// So many are on the host at a time.
const DOMAINS: u64 = 20;

/// One comes and one goes every ten minutes, in polls.
const SHIFT: u64 = 60;

/// Those that are there at the poll of that number.
fn present(poll: u64) -> Vec<ActiveDomain> {
    let domain = |number: u64| ActiveDomain {
        id: DomainId {
            name: format!("vm{number}"),
            uuid: format!("00000000-0000-4000-8000-{number:012}"),
        },
        mark: Mark::Own { problem: None },
        job: Job::Idle,
        idle_at: None,
    };
    (poll / SHIFT..poll / SHIFT + DOMAINS).map(domain).collect()
}

fn event(domain: &DomainId, kind: EventKind) -> Message {
    let (at, domain) = (Timestamp::from_nanos(0), domain.clone());
    Message::Watch(Finding::Event(Event { at, domain, kind }))
}

/// A poll every 10 s; the domain that goes has a thread, by a poll or by an event, which finds it gone.
#[test]
fn a_day_of_domains_that_come_and_go_leaves_nothing_of_those_that_are_gone() {
    const POLLS: u64 = 6 * 60 * 24;
    let (send, messages) = mpsc::channel();
    let config = Config {
        uri: "test:///default".to_owned(),
        traces: None,
        ..Config::default()
    };
    let mut agent = agent_with(config, send);
    for poll in 0..POLLS {
        let mut domains = present(poll);
        let going = domains[0].id.clone();
        let goes = poll % SHIFT == SHIFT - 1;
        if goes && poll % (2 * SHIFT) < SHIFT {
            domains[0].job = Job::MigrationOut;
        }
        agent.hear(Message::Watch(Finding::Active(domains)));
        if goes {
            agent.hear(event(&going, EventKind::Iteration(1)));
            assert_eq!(agent.migrations.len(), 1);
            // The event may have come after the thread had begun: then another follows it.
            while !agent.is_idle() {
                agent.hear(messages.recv().expect("the thread ends"));
            }
            let stopped = EventKind::Lifecycle {
                event: 5,
                detail: 3,
            };
            agent.hear(event(&going, stopped));
        }
    }
    assert!(agent.is_idle());
    assert_eq!(agent.roster.all().len(), present(POLLS).len() - 1);
    assert_eq!(agent.watch.taken(), 0);
    assert!(agent.roster.adopted().is_empty());
}
