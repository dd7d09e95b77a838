use proptest::prelude::*;

use super::*;

fn notice(domain: &str) -> Notice {
    Notice {
        operation: "started".to_owned(),
        sub_operation: "begin".to_owned(),
        domain: domain.to_owned(),
    }
}

#[test]
fn the_datagram_is_json() {
    let expected = br#"{"operation":"started","sub_operation":"begin","domain":"rank 0"}"#;
    assert_eq!(notice("rank 0").encode(), expected);
}

#[test]
fn an_unknown_field_of_a_newer_hook_is_ignored() {
    let newer = br#"{"operation":"started","sub_operation":"begin","domain":"a","uuid":"b"}"#;
    assert_eq!(Notice::decode(newer), Some(notice("a")));
}

#[test]
fn other_datagrams_are_no_notices() {
    let others: [&[u8]; 6] = [
        b"",
        b"rank0 started begin",
        b"{}",
        b"[\"started\"]",
        br#"{"operation":"started","sub_operation":"begin","domain":7}"#,
        b"{\"operation\":\"started\",\"sub_operation\":\"begin\",\"domain\":\"\xff\"}",
    ];
    for other in others {
        assert_eq!(Notice::decode(other), None, "{other:?}");
    }
    let mut long = notice("a").encode();
    long.resize(MAX_BYTES, b' ');
    assert_eq!(Notice::decode(&long), Some(notice("a")));
    long.push(b' ');
    assert_eq!(Notice::decode(&long), None);
}

#[test]
fn long_words_are_cut_between_characters() {
    let long = Notice {
        operation: "o".repeat(1000),
        sub_operation: "\0".repeat(1000),
        domain: format!("x{}", "ä".repeat(1000)),
    };
    let datagram = long.encode();
    assert!(datagram.len() <= MAX_BYTES);
    let read = Notice::decode(&datagram).expect("still a notice");
    assert_eq!(read.operation, "o".repeat(MAX_WORD_BYTES));
    assert_eq!(read.sub_operation, "\0".repeat(MAX_WORD_BYTES));
    assert_eq!(read.domain, format!("x{}", "ä".repeat(255)));
}

proptest! {
    #[test]
    fn a_sent_notice_is_read_again(domain in "\\PC{0,120}", operation in "[a-z-]{0,32}") {
        let sent = Notice { operation, ..notice(&domain) };
        prop_assert_eq!(Notice::decode(&sent.encode()), Some(sent));
    }

    #[test]
    fn any_notice_fits(operation: String, sub_operation: String, domain in "(?s).{0,2000}") {
        let sent = Notice { operation, sub_operation, domain };
        let datagram = sent.encode();
        prop_assert!(datagram.len() <= MAX_BYTES);
        let read = Notice::decode(&datagram);
        prop_assert!(read.is_some_and(|read| sent.domain.starts_with(&read.domain)));
    }

    #[test]
    fn garbage_is_survived(datagram: Vec<u8>, json in "[\\[{\":,}\\]a-z0-9\\\\]{0,300}") {
        let _ = Notice::decode(&datagram);
        prop_assert_eq!(Notice::decode(json.as_bytes()), None);
    }
}

#[test]
fn a_notice_arrives_whole() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("hook.sock");
    let agent = UnixDatagram::bind(&path).expect("socket");
    let sent = notice("rank 0\n<&\u{1f980}");
    send(&path, &sent).expect("sent");
    let mut buffer = [0; MAX_BYTES + 1];
    let length = agent.recv(&mut buffer).expect("datagram");
    assert_eq!(Notice::decode(&buffer[..length]), Some(sent));
}

#[test]
fn an_agent_that_does_not_read_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("hook.sock");
    let _agent = UnixDatagram::bind(&path).expect("socket");
    let refusal = (0..10_000).find_map(|_| send(&path, &notice("rank0")).err());
    let refusal = refusal.expect("the socket fills");
    assert_eq!(refusal.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_socket_that_is_none_is_an_error_at_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [missing, file, stale, long] =
        ["missing", "file", "stale", &"x".repeat(200)].map(|name| folder.path().join(name));
    std::fs::write(&file, "").expect("a file");
    drop(UnixDatagram::bind(&stale).expect("socket"));
    for path in [&missing, &file, &stale, &long, folder.path()] {
        assert!(send(path, &notice("rank0")).is_err(), "{}", path.display());
    }
}
