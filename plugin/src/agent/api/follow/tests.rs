//! Followers over the agent's socket.

use std::net::Shutdown;
use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use super::super::server;
use super::*;
use crate::notify::{About, Followers, Happened, Notification, VERSION};
use crate::trace::ControllerName;

/// Levels that are polled, half a minute in all.
const POLLS: u32 = 600;

fn agent() -> (TempDir, PathBuf, Followers) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let followers = Followers::default();
    let refuse = |_| {
        Some(Reply::Refused {
            message: "no \u{1b}[status".to_owned(),
        })
    };
    server::serve(server::listen(&path).unwrap(), followers.clone(), refuse).unwrap();
    (folder, path, followers)
}

fn ended(domain: &str) -> Notification {
    Notification {
        version: VERSION,
        happened: Happened::Ended,
        about: About {
            domain: domain.to_owned(),
            uuid: String::new(),
            destination: None,
            controller: ControllerName::LibvirtHpcd,
            observe: false,
        },
        at_unix_ms: 0,
        elapsed_ms: 0,
    }
}

fn domain(line: &str) -> String {
    let notification: Notification = serde_json::from_str(line).unwrap();
    notification.about.domain
}

fn wait_until(is: impl Fn() -> bool) {
    for _ in 0..POLLS {
        if is() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain");
}

#[test]
fn a_follower_hears_what_happens_in_order() {
    let (_folder, path, followers) = agent();
    let all = follow(&path, None).unwrap();
    let one = follow(&path, Some("b".to_owned())).unwrap();
    for name in ["a", "b", "c", "b"] {
        followers.publish(&ended(name));
    }
    let heard: Vec<String> = all.take(4).map(|line| domain(&line.unwrap())).collect();
    assert_eq!(heard, ["a", "b", "c", "b"]);
    assert!(one.take(2).all(|line| domain(&line.unwrap()) == "b"));
}

#[test]
fn one_that_reads_nothing_is_dropped_and_nobody_waits_for_it() {
    let (_folder, path, followers) = agent();
    let slow = follow(&path, None).unwrap();
    let other = follow(&path, Some("last".to_owned())).unwrap();
    // More than its queue and its socket hold.
    let long = "x".repeat(10_000);
    (0..1000).for_each(|_| followers.publish(&ended(&long)));
    followers.publish(&ended("last"));
    let heard: Vec<String> = other.take(1).map(|line| domain(&line.unwrap())).collect();
    assert_eq!(heard, ["last"]);
    // What it was sent before is there, and then the end.
    let kept = slow
        .map(|line| line.unwrap())
        .filter(|line| line.ends_with('\n'));
    assert!((1..1000).contains(&kept.count()));
}

#[test]
fn followers_take_no_place_of_those_who_ask_and_leave_theirs() {
    let (_folder, path, followers) = agent();
    let mut all = Vec::new();
    let refused = loop {
        match follow(&path, None) {
            Ok(lines) => all.push(lines),
            Err(error) => break error,
        }
    };
    assert_eq!(all.len(), 64);
    assert!(
        refused.to_string().starts_with("too many follow"),
        "{refused}"
    );
    let asked = client::ask(&path, &Request::Status { domain: None }).unwrap();
    assert!(matches!(asked, Reply::Refused { message } if message.contains("status")));
    drop(all);
    // Without a word to any of them.
    wait_until(|| follow(&path, None).is_ok());
    drop(followers);
}

#[test]
fn one_that_only_reads_is_no_stranger() {
    let (_folder, path, followers) = agent();
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(b"{\"request\":\"follow\",\"domain\":null}\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let begun = lines.next().unwrap().unwrap();
    assert_eq!(
        begun,
        format!(
            "{{\"reply\":\"following\",\"version\":\"{}\"}}",
            version::OURS
        )
    );
    // Longer than it takes to see that somebody has gone.
    thread::sleep(CHECK_EVERY * 2);
    followers.publish(&ended("a"));
    assert_eq!(domain(&lines.next().unwrap().unwrap()), "a");
}

#[test]
fn an_agent_of_another_version_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = server::listen(&path).unwrap();
    listener.set_nonblocking(false).unwrap();
    let old = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let why = "libvirt-hpcd 0.0.1 does not understand the request: unknown variant `follow`";
        let reply = serde_json::json!({"reply": "refused", "message": why});
        stream.write_all(format!("{reply}\n").as_bytes()).unwrap();
    });
    let error = follow(&path, None).map(drop).unwrap_err().to_string();
    assert!(
        error.starts_with("libvirt-hpcd 0.0.1 does not understand"),
        "{error}"
    );
    old.join().unwrap();
    let gone = follow(&path, None).map(drop).unwrap_err();
    assert!(matches!(gone, ClientError::NotRunning { .. }), "{gone}");
}
