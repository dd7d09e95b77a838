//! What counts as a libvirt that is gone.

use std::sync::mpsc;

use libvirt_hpc_libvirt::Error;

use super::*;
use crate::agent::api::Reply;

fn agent() -> Supervisor {
    let metrics = Publisher::start().expect("a thread");
    Supervisor::new(
        Config::default(),
        Watch::blind(),
        metrics,
        mpsc::channel().0,
        Followers::default(),
    )
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
