use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{fs, process};

use tempfile::TempDir;

use super::super::client;
use super::*;

/// A socket below a directory that is not there yet.
fn socket() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/agent.sock");
    (folder, path)
}

/// An agent that does whatever it is told, but has no time for `busy`.
fn agent(path: &Path) {
    agent_within(Duration::from_secs(600), path);
}

fn agent_within(patience: Duration, path: &Path) {
    let ask = |request| match request {
        Request::Release { domain } if domain == "busy" => None,
        Request::Release { domain } | Request::Adopt { domain } => {
            Some(Reply::Done { message: domain })
        }
        _ => Some(refused("no status")),
    };
    serve_within(patience, listen(path).unwrap(), Followers::default(), ask).unwrap();
}

/// What is answered to these bytes.
fn answer_to(path: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    // It may be refused before all of it is written.
    let _ = stream.write_all(bytes);
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    match serde_json::from_str(&line).unwrap() {
        Reply::Refused { message } => message,
        other => format!("{other:?}"),
    }
}

fn adopt(path: &Path, domain: &str) -> Reply {
    let domain = domain.to_owned();
    client::ask(path, &Request::Adopt { domain }).unwrap()
}

fn done(message: &str) -> Reply {
    let message = message.to_owned();
    Reply::Done { message }
}

#[test]
fn the_socket_is_its_owners_alone_and_nothing_else_is_left_beside_it() {
    let (_folder, path) = socket();
    let _listener = listen(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&path), 0o600);
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    let run = path.parent().unwrap();
    assert_eq!(mode(run), 0o755);
    let names = fs::read_dir(run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["agent.lock", "agent.sock"]);
}

#[test]
fn one_agent_at_a_time_and_a_dead_one_is_replaced() {
    let (_folder, path) = socket();
    drop(listen(&path).unwrap());
    assert!(path.exists(), "the socket outlives its agent");
    agent(&path);
    let error = listen(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let (error, place) = (error.to_string(), path.display().to_string());
    assert!(
        error.starts_with(&format!(
            "cannot listen on {place}: another libvirt-hpcd runs"
        )),
        "{error}"
    );
    assert_eq!(
        adopt(&path, "vm"),
        done("vm"),
        "the first one is still asked"
    );
}

#[test]
fn a_crash_on_the_way_does_not_keep_the_next_one_out() {
    let (_folder, path) = socket();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    fs::write(path.with_extension("lock"), "").unwrap();
    agent(&path);
    assert_eq!(adopt(&path, "vm"), done("vm"));
}

#[test]
fn a_file_that_is_no_socket_stays() {
    let (_folder, path) = socket();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = listen(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("what is there is no socket; remove it"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn every_request_is_answered() {
    let (_folder, path) = socket();
    agent(&path);
    let vm = || "vm".to_owned();
    let asked = |request| client::ask(&path, &request).unwrap();
    assert_eq!(asked(Request::Adopt { domain: vm() }), done("vm"));
    assert_eq!(asked(Request::Release { domain: vm() }), done("vm"));
    assert_eq!(
        asked(Request::Status { domain: None }),
        refused("no status")
    );
    let domain = Some(vm());
    assert_eq!(asked(Request::Status { domain }), refused("no status"));
    let domain = "busy".to_owned();
    let Reply::Refused { message } = asked(Request::Release { domain }) else {
        panic!("another answer")
    };
    assert!(
        message.starts_with("libvirt-hpcd is busy or about to leave: "),
        "{message}"
    );
}

#[test]
fn whoever_says_nothing_holds_up_nobody_until_there_are_too_many() {
    let (_folder, path) = socket();
    agent(&path);
    let connect = || UnixStream::connect(&path).unwrap();
    let mut silent: Vec<UnixStream> = (1..CONNECTIONS_MAX).map(|_| connect()).collect();
    assert_eq!(adopt(&path, "vm"), done("vm"));
    // Who was answered may give its place back a moment later.
    let mut answer = done("vm");
    while answer == done("vm") {
        silent.push(connect());
        answer = adopt(&path, "vm");
    }
    let too_many = refused("libvirt-hpcd is asked too much at a time: try again");
    assert_eq!(answer, too_many);
    assert!(silent.len() >= CONNECTIONS_MAX);
    drop(silent);
    while adopt(&path, "vm") == too_many {
        thread::yield_now();
    }
}

#[test]
fn a_byte_now_and_then_does_not_hold_a_place_for_ever() {
    let (_folder, path) = socket();
    agent_within(Duration::from_millis(40), &path);
    let mut stream = UnixStream::connect(&path).unwrap();
    while stream.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let late = "{\"reply\":\"refused\",\"message\":\"no whole request came within 40 ms\"}\n";
    assert_eq!(line, late);
}

#[test]
fn what_is_no_request_is_refused_with_the_reason() {
    let (_folder, path) = socket();
    agent(&path);
    for (bytes, expected) in [
        (&b"status\n"[..], "expected value at line 1 column 1"),
        (b"\n", "EOF while parsing a value"),
        (b"\xff\xfe\0\n", "expected value"),
        (
            b"{\"request\":\"format\",\"domain\":\"vm\"}\n",
            "unknown variant `format`",
        ),
        (b"{\"request\":\"adopt\"}\n", "missing field `domain`"),
        (
            b"{\"request\":\"adopt\",\"domain\":\"vm\",\"force\":1}\n",
            "unknown field `force`",
        ),
        (
            b"{\"request\":\"adopt\",\"domain\":\"vm\"} {}\n",
            "trailing characters",
        ),
    ] {
        let message = answer_to(&path, bytes);
        assert!(
            message.contains(expected),
            "{}: {message}",
            bytes.escape_ascii()
        );
    }
    let nested = [b"[".repeat(60_000).as_slice(), b"\n"].concat();
    assert!(answer_to(&path, &nested).contains("does not understand"));
    let long = b"x".repeat(1 << 20);
    assert_eq!(
        answer_to(&path, &long),
        "the request is longer than 65536 bytes"
    );
    assert_eq!(adopt(&path, "vm"), done("vm"), "none of them did any harm");
}

#[test]
fn a_request_that_ends_without_a_newline_is_one() {
    let (_folder, path) = socket();
    agent(&path);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"{\"request\":\"status\"}").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(
        answer,
        "{\"reply\":\"refused\",\"message\":\"no status\"}\n"
    );
}

#[test]
fn an_agent_that_stumbles_over_one_question_answers_the_next() {
    let (_folder, path) = socket();
    let ask = |request| match request {
        Request::Adopt { domain } => Some(Reply::Done { message: domain }),
        _ => panic!("a defect, in process {}", process::id()),
    };
    serve(listen(&path).unwrap(), Followers::default(), ask).unwrap();
    for _ in 0..2 * CONNECTIONS_MAX {
        let error = client::ask(&path, &Request::Status { domain: None }).unwrap_err();
        assert!(
            matches!(error, client::ClientError::Broken { .. }),
            "{error}"
        );
    }
    assert_eq!(adopt(&path, "vm"), done("vm"));
}
