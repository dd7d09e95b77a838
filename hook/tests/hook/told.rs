//! The hook's messages about an arriving policy, and their receivers.

use crate::host::{Host, domain};

const ARRIVAL: [&str; 4] = ["rank0", "migrate", "begin", "-"];

#[test]
fn a_bad_policy_is_one_warning_in_the_log_when_it_arrives() {
    let Some(host) = Host::heard() else { return };
    let bad = domain("<h:migration>\n<h:downtime max='x'/></h:migration>");
    host.call(&ARRIVAL, bad.as_bytes());
    let log = host.log();
    let [line] = log.as_slice() else {
        panic!("one line, not {log:?}");
    };
    assert!(line.starts_with("<28>"), "{line}");
    assert!(line.contains(" libvirt-hpc-hook["), "{line}");
    let expected = "]: domain rank0: migration policy: line 2: <downtime>: max must be an \
                    integer from 1 to 2000000, not \"x\"; the defaults apply";
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn a_good_policy_a_missing_one_and_a_guest_that_starts_here_are_not_logged() {
    let Some(host) = Host::heard() else { return };
    host.call(&ARRIVAL, domain("").as_bytes());
    host.call(&ARRIVAL, domain("<h:migration/>").as_bytes());
    let bad = domain("<h:migration><h:downtime max='x'/></h:migration>");
    host.call(&["rank0", "started", "begin", "-"], bad.as_bytes());
    assert_eq!(host.log(), [""; 0]);
}

#[test]
fn an_agent_and_a_log_that_do_not_read_are_not_waited_for() {
    let Some(host) = Host::heard() else { return };
    let bad = domain("<h:migration><h:downtime max='x'/></h:migration>");
    let full = host.fill();
    host.call(&ARRIVAL, bad.as_bytes());
    assert_eq!(host.waiting(), full, "the hook has queued nothing");
    host.call(&ARRIVAL, bad.as_bytes());
    assert_eq!(host.waiting(), (1, 1), "it would have been");
}

#[test]
fn a_missing_agent_and_log_do_no_harm() {
    let bad = domain("<h:migration><h:downtime max='x'/></h:migration>");
    let host = Host::new();
    host.remove_sockets();
    host.call(&ARRIVAL, bad.as_bytes());
    // Nor sockets whose process has ended and left them behind.
    let Some(mut host) = Host::heard() else {
        return;
    };
    host.leave();
    host.call(&ARRIVAL, bad.as_bytes());
}

#[test]
fn a_name_of_any_length_is_sent_within_bounds() {
    let Some(host) = Host::heard() else { return };
    let name = "ä".repeat(50_000);
    let bad = domain("<h:migration><h:downtime max='x'/></h:migration>");
    host.call(&[&name, "migrate", "begin", "-"], bad.as_bytes());
    let notices = host.notices();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].domain, "ä".repeat(256));
    assert_eq!(host.log().len(), 1);
}
