//! What counts as a libvirt that is gone.

use std::sync::mpsc;

use libvirt_hpc_libvirt::Error;

use super::*;

fn agent() -> Supervisor {
    Supervisor::new(Config::default(), Watch::blind(), mpsc::channel().0)
}

#[test]
fn a_libvirt_that_answers_is_not_lost_though_a_domain_of_its_does_not() {
    let mut agent = agent();
    let began = agent.heard_at;
    agent.hear(Message::Heard(Vec::new()));
    agent.tick(began + SILENCE);
    assert_eq!(agent.lost, None, "it has been heard since");
    assert_eq!(agent.looked_at, None, "and no look has been whole");
    agent.tick(agent.heard_at + SILENCE);
    assert!(agent.lost.is_some(), "it says nothing");
    agent.hear(Message::Heard(Vec::new()));
    assert_eq!(agent.lost, None, "it is back");
}

#[test]
fn one_that_fails_is_lost_at_once_until_it_answers() {
    let mut agent = agent();
    let what = "a test".to_owned();
    agent.hear(Message::Lost(Error::NulByte { what }));
    assert!(agent.lost.is_some());
    agent.hear(Message::Looked(Vec::new()));
    assert_eq!(agent.lost, None);
    assert!(agent.looked_at.is_some());
}
