use std::env;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use super::*;

/// Set in a child that plays the service: the environment is a process's, and tests are threads of one.
const CHILD: &str = "LIBVIRT_HPC_TEST_CHILD";

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs the test `name` in a child, by a shell script that makes it so with `exec "$@"`.
fn child(name: &str, script: &str, stdin: Stdio, variables: &[(&str, &str)]) -> Output {
    let ourselves = env::current_exe().expect("a path");
    let name = format!("agent::process::service::tests::{name}");
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(ourselves)
        .args(["--exact", &name, "--nocapture"])
        .env(CHILD, "yes")
        .envs(variables.iter().copied())
        .stdin(stdin);
    let output = command.output().expect("run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
    output
}

#[test]
fn the_service_manager_hears_of_each_step() {
    if is_child() {
        let service = Service::from_env();
        assert_eq!(service.watchdog_every(), Some(Duration::from_secs(10)));
        service.ready();
        service.reloading();
        service.status("2 domains\nREADY=1");
        service.beat();
        service.stopping();
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("bound");
    let variables = [
        ("NOTIFY_SOCKET", path.to_str().expect("text")),
        ("WATCHDOG_USEC", "20000000"),
    ];
    let script = "WATCHDOG_PID=$$ exec \"$@\"";
    child(
        "the_service_manager_hears_of_each_step",
        script,
        Stdio::null(),
        &variables,
    );
    manager.set_nonblocking(true).expect("set");
    let heard = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(heard(), "READY=1\n");
    let reloading = heard();
    let time = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .expect(&reloading);
    assert!(
        time.trim_end().parse::<u64>().is_ok_and(|time| time > 0),
        "{time}"
    );
    assert_eq!(heard(), "STATUS=2 domains\\nREADY=1\n");
    assert_eq!(heard(), "WATCHDOG=1\n");
    assert_eq!(heard(), "STOPPING=1\n");
}

#[test]
fn without_a_service_manager_nothing_is_told() {
    if is_child() {
        let service = Service::from_env();
        assert_eq!(service.watchdog_every(), None);
        service.ready();
        service.beat();
        assert!(handed_over().expect("none").is_none());
        return;
    }
    let script = "unset NOTIFY_SOCKET WATCHDOG_USEC LISTEN_FDS LISTEN_PID; exec \"$@\"";
    child(
        "without_a_service_manager_nothing_is_told",
        script,
        Stdio::null(),
        &[],
    );
}

#[test]
fn the_socket_handed_over_is_taken_by_its_name_or_its_kind() {
    if is_child() {
        let socket = hook_socket().expect("handed over");
        let mut buffer = [0; 16];
        let length = socket.recv(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..length], b"notice");
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("hook.sock");
    let hook = UnixDatagram::bind(&path).expect("bound");
    let sender = UnixDatagram::unbound().expect("socket");
    for (names, fds) in [
        ("LISTEN_FDS=1", "3<&0"),
        ("LISTEN_FDS=1 LISTEN_FDNAMES=libvirt-hpcd.socket", "3<&0"),
        ("LISTEN_FDS=2 LISTEN_FDNAMES=other:hook", "3</dev/null 4<&0"),
        ("LISTEN_FDS=2 LISTEN_FDNAMES=a:b", "3</dev/null 4<&0"),
    ] {
        sender.send_to(b"notice", &path).expect("sent");
        let stdin = OwnedFd::from(hook.try_clone().expect("clone"));
        let script = format!("export LISTEN_PID=$$ {names}; exec \"$@\" {fds} </dev/null");
        child(
            "the_socket_handed_over_is_taken_by_its_name_or_its_kind",
            &script,
            stdin.into(),
            &[],
        );
    }
}

#[test]
fn a_socket_of_another_kind_is_refused() {
    if is_child() {
        let error = hook_socket().expect_err("a stream");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    for name in ["hook", "other"] {
        let stream = UnixListener::bind(folder.path().join(name)).expect("bound");
        let script = format!(
            "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name}; exec \"$@\" 3<&0 </dev/null"
        );
        let stdin = OwnedFd::from(stream).into();
        child("a_socket_of_another_kind_is_refused", &script, stdin, &[]);
    }
}

#[test]
fn a_socket_of_our_own_that_is_in_use_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("hook.sock");
    let _other = own_socket(&path).expect("bound");
    let error = own_socket(&path).expect_err("in use");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let start = format!(
        "cannot listen to the hook at {}: another libvirt-hpcd runs",
        path.display()
    );
    assert!(error.to_string().starts_with(&start), "{error}");
}
