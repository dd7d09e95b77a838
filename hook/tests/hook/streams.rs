//! Streams that libvirt does not give to a hook.

use std::io::Write;
use std::thread;

use crate::host::{HOOK, Host, assert_content, domain};

const ARRIVAL: [&str; 4] = ["rank0", "migrate", "begin", "-"];

#[test]
fn streams_that_are_closed_or_not_to_be_read_stop_nothing() {
    let host = Host::new();
    let redirections = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</", "0>/dev/null"];
    for redirection in redirections {
        let script = format!("exec \"$0\" \"$@\" {redirection}");
        let arguments = ["-c", &script, HOOK, "rank0", "migrate", "begin", "-"];
        let mut child = host.command("sh", &arguments).spawn().expect("a shell");
        let mut stdin = child.stdin.take().expect("a pipe");
        let _ = stdin.write_all(domain("<h:migration/>").as_bytes());
        drop(stdin);
        assert_content(child, &[redirection]);
    }
}

/// libvirt writes all of the XML and closes the pipe, so this is a broken libvirt; a guest should start all the same.
#[test]
fn input_that_never_comes_is_given_up_and_may_be_marked() {
    let Some(host) = Host::heard() else { return };
    let (child, open) = host.start(&ARRIVAL);
    assert_content(child, &ARRIVAL);
    drop(open);
    let log = host.log();
    assert_eq!((host.notices().len(), log.len()), (1, 1));
    let reason = "the XML could not be read (it did not come); the defaults apply";
    assert!(log[0].ends_with(reason), "{log:?}");
}

#[test]
fn input_that_stops_in_the_middle_is_given_up() {
    let host = Host::new();
    let (child, mut open) = host.start(&ARRIVAL);
    open.write_all(b"<domain><metadata>").expect("written");
    assert_content(child, &ARRIVAL);
}

#[test]
fn input_that_never_ends_is_given_up() {
    let host = Host::new();
    let (child, mut endless) = host.start(&ARRIVAL);
    let writer = thread::spawn(move || while endless.write_all(&[b' '; 65_536]).is_ok() {});
    assert_content(child, &ARRIVAL);
    writer.join().expect("the pipe breaks when the hook ends");
}

#[test]
fn input_of_a_call_that_does_not_matter_is_not_waited_for() {
    let host = Host::new();
    let (child, _open) = host.start(&["rank0", "prepare", "begin", "-"]);
    assert_content(child, &["prepare"]);
}
