use std::ffi::OsString;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::agent::api::{Status, server};
use crate::harmless::is_unprintable;
use crate::notify::Followers;

/// An agent that watches nothing, does what it is told and refuses what it is told of `web`.
fn agent() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let answer = |request| match request {
        Request::Status { domain: None } => Reply::Status(Status {
            version: "0.1.0".to_owned(),
            pid: 1,
            observe: false,
            uri: "qemu:///system".to_owned(),
            libvirt_error: None,
            looked_ago_ms: Some(7),
            domains: Vec::new(),
        }),
        Request::Adopt { domain } if domain != "web" => Reply::Done {
            message: format!("{domain} is adopted"),
        },
        _ => Reply::Refused {
            message: "no domain \u{1b}[web".to_owned(),
        },
    };
    let listener = server::listen(&path).unwrap();
    server::serve(listener, Followers::default(), move |request| {
        Some(answer(request))
    })
    .unwrap();
    (folder, path)
}

fn on_host(uri: &str) -> Result<()> {
    let globals = Globals {
        connect: Some(OsString::from(uri)),
        ..Globals::default()
    };
    check_host(&globals, "hpc-status")
}

#[test]
fn the_agents_answer_is_printed() {
    let (_folder, path) = agent();
    let status = |json| {
        let mut out = Vec::new();
        let args = StatusArgs {
            domain: None,
            json,
            ..StatusArgs::default()
        };
        status_from(&path, &args, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(status(false).starts_with("libvirt-hpcd 0.1.0 (process 1), controlling\n"));
    let reply: Reply = serde_json::from_str(&status(true)).unwrap();
    assert!(matches!(reply, Reply::Status(Status { pid: 1, .. })));
    assert!(status(true).starts_with("{\n  \"reply\": \"status\",\n  \"version\": \"0.1.0\",\n"));

    let (mut out, domain) = (Vec::new(), "vm".to_owned());
    order(&path, &Request::Adopt { domain }, &mut out).unwrap();
    assert_eq!(out, b"vm is adopted\n");
}

#[test]
fn a_refusal_is_an_error_and_nothing_else_is_printed() {
    let (_folder, path) = agent();
    let mut out = Vec::new();
    let web = || "web".to_owned();
    let args = StatusArgs {
        domain: Some(web()),
        json: true,
        ..StatusArgs::default()
    };
    let errors = [
        status_from(&path, &args, &mut out).unwrap_err(),
        order(&path, &Request::Adopt { domain: web() }, &mut out).unwrap_err(),
        order(&path, &Request::Release { domain: web() }, &mut out).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "no domain ?[web");
    }
    assert!(out.is_empty());
}

#[test]
fn nothing_that_the_agent_answers_drives_a_terminal() {
    let odd = || "\u{1b}[2J\u{9b}2J\u{202e}".to_owned();
    let reply = Reply::Status(Status {
        version: odd(),
        pid: 1,
        observe: false,
        uri: odd(),
        libvirt_error: Some(odd()),
        looked_ago_ms: None,
        domains: Vec::new(),
    });
    for json in [false, true] {
        let args = StatusArgs {
            json,
            ..StatusArgs::default()
        };
        let mut out = Vec::new();
        show(&reply, &args, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let harmful = |character| is_unprintable(character) && character != '\n';
        assert_eq!(text.find(harmful), None, "{text:?}");
        if json {
            assert_eq!(serde_json::from_str::<Reply>(&text).unwrap(), reply);
        }
    }
}

#[test]
fn another_hosts_agent_is_not_asked() {
    for (uri, host) in [
        ("qemu+ssh://node7/system", "node7"),
        ("qemu+ssh://root@node7:2222/system?socket=/x", "node7"),
        ("qemu+tls://[fe80::1]:16514/system", "fe80::1"),
        ("qemu://node7", "node7"),
    ] {
        let error = on_host(uri).unwrap_err().to_string();
        let expected = format!(
            "hpc-status asks the agent of the host it runs on, and the connection URI names another \
             ({uri}): run it there (ssh {host} virsh-hpc hpc-status), or here with -c qemu:///system"
        );
        assert_eq!(error, expected);
    }
    for uri in [
        "qemu:///system",
        "qemu+unix:///system?socket=/run/x",
        "qemu+unix://node7/system",
        "alias",
    ] {
        assert!(on_host(uri).is_ok(), "{uri}");
    }
}

#[test]
fn what_is_followed_is_printed_as_it_comes_and_its_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = server::listen(&path).unwrap();
    listener.set_nonblocking(false).unwrap();
    let agent = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut request = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(&stream), &mut request).unwrap();
        let lines =
            "{\"reply\":\"following\",\"version\":\"0.1.0\"}\n{\"event\":\"of tomorrow\u{9b}\"}\n";
        stream.write_all(lines.as_bytes()).unwrap();
        request
    });
    let mut out = Vec::new();
    let error = follow_on(&path, Some("vm".to_owned()), &mut out).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("libvirt-hpcd sends no more events: ")
    );
    assert_eq!(out, b"{\"event\":\"of tomorrow\\u009b\"}\n");
    assert_eq!(
        agent.join().unwrap(),
        "{\"request\":\"follow\",\"domain\":\"vm\"}\n"
    );
}
