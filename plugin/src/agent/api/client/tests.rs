use std::os::unix::net::UnixListener;

use super::*;

const STATUS: Request = Request::Status { domain: None };

/// Asks somebody who answers with these bytes, after the request.
fn asked_of(answer: &'static [u8]) -> (String, Result<Reply, ClientError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        (&stream).write_all(answer).unwrap();
        line
    });
    let reply = ask(&path, &STATUS);
    (agent.join().unwrap(), reply)
}

#[test]
fn one_line_each_way() {
    let (line, reply) =
        asked_of(b"{\"reply\":\"done\",\"message\":\"so be it\",\"later\":1}\nmore");
    assert_eq!(line, "{\"request\":\"status\",\"domain\":null}\n");
    let message = "so be it".to_owned();
    assert_eq!(reply.unwrap(), Reply::Done { message });
}

#[test]
fn an_answer_that_is_none_is_told_from_silence() {
    for (answer, reason) in [
        (&b""[..], "it hung up"),
        (b"{\"reply\":\"do", "EOF while parsing"),
        (b"\n", "EOF while parsing"),
        (b"{\"reply\":\"later\"}\n", "unknown variant `later`"),
        (b"\xff\n", "expected value"),
    ] {
        let error = asked_of(answer).1.unwrap_err();
        assert!(matches!(error, ClientError::Broken { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn nobody_there_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let check = || {
        let error = ask(&path, &STATUS).unwrap_err();
        assert!(matches!(error, ClientError::NotRunning { .. }), "{error:?}");
        assert!(
            error.to_string().contains("systemctl start libvirt-hpcd"),
            "{error}"
        );
    };
    check();
    drop(UnixListener::bind(&path).unwrap());
    check();
}

#[test]
fn who_does_not_answer_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let error = ask_within(&path, &STATUS, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ClientError::Silent { .. }), "{error:?}");
}

#[test]
fn what_root_alone_may_is_said_so() {
    // Whoever runs the tests may be root, to whom nothing is denied.
    let error = failed(Path::new("/run/a"), io::ErrorKind::PermissionDenied.into());
    assert_eq!(
        error.to_string(),
        "only root may ask libvirt-hpcd (on /run/a): use sudo"
    );
}
