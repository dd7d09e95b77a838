//! From its start to its end: what it answers, whom it refuses, and what it outlives.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::machine::{AGENT, Machine, TEST_URI, text};

/// A libvirt that is not there.
const NOWHERE: &str = "qemu+unix:///system?socket=/nonexistent";

const CONNECTED: &str = "libvirt: test:///default connected, checked ";

#[test]
fn it_tells_what_it_is_and_what_it_watches() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let agent = machine.start_until(TEST_URI, CONNECTED);
    let shown = machine.answer(&["hpc-status"]);
    let (version, pid) = (env!("CARGO_PKG_VERSION"), agent.pid());
    let first = format!("libvirt-hpcd {version} (process {pid}), controlling\n{CONNECTED}");
    assert!(shown.starts_with(&first), "{shown}");
    let last = "\nthe only active domain is not marked\n";
    assert!(shown.ends_with(last), "{shown}");
    let json = machine.answer(&["hpc-status", "--json", "test"]);
    assert!(json.contains("\"marked_by\": null"), "{json}");
    let unknown = machine.refusal(&["hpc-status", "nosuch"]);
    assert_eq!(unknown, "error: no active domain 'nosuch' on this host\n");
}

#[test]
fn without_an_agent_it_is_said_that_there_is_none() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let refused = machine.refusal(&["hpc-status"]);
    let said = "error: libvirt-hpcd does not run on this host (nobody listens on /run/libvirt-hpc/agent.sock)";
    assert!(refused.starts_with(said), "{refused}");
}

#[test]
fn what_was_adopted_outlives_the_agent() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let mut agent = machine.start_until(TEST_URI, CONNECTED);
    let said = machine.answer(&["hpc-adopt", "test"]);
    assert!(said.starts_with("test: adopted, until "), "{said}");
    machine.wait_for_status("hpc-adopt");
    agent.signal("KILL");
    agent.end();
    let gone = machine.refusal(&["hpc-status"]);
    assert!(gone.contains("does not run on this host"), "{gone}");
    // Its sockets are left over, and are no hindrance.
    let _successor = machine.start_until(TEST_URI, "hpc-adopt");
    let said = machine.answer(&["hpc-release", "test"]);
    assert_eq!(said, "test: no longer adopted\n");
    machine.wait_for_status("the only active domain is not marked");
    machine.refusal(&["hpc-release", "test"]);
}

#[test]
fn a_second_agent_is_refused_and_the_first_goes_on() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let mut first = machine.start_until(TEST_URI, CONNECTED);
    let mut second = machine.start(TEST_URI);
    assert_eq!(second.end().code(), Some(1));
    let said = "libvirt-hpcd: cannot listen to the hook at /run/libvirt-hpc/hook.sock: another libvirt-hpcd \
                runs, or systemd listens for it (systemctl start libvirt-hpcd)\n";
    assert!(machine.log().contains(said), "{}", machine.log());
    let shown = machine.answer(&["hpc-status"]);
    let process = format!("(process {})", first.pid());
    assert!(shown.contains(&process), "{shown}");
    assert!(first.runs());
}

#[test]
fn a_libvirt_that_is_not_there_is_waited_for() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let mut agent = machine.start_until(NOWHERE, "CANNOT BE REACHED, not checked yet: ");
    let shown = machine.answer(&["hpc-status"]);
    assert!(shown.contains("/nonexistent"), "{shown}");
    assert!(shown.ends_with("\nno domain is known\n"), "{shown}");
    machine.wait_for_log("libvirt cannot be reached, trying again: ", 1);
    assert!(agent.runs());
    agent.signal("TERM");
    assert_eq!(agent.end().code(), Some(0));
    // One line for all attempts.
    let log = machine.log();
    assert_eq!(log.matches("trying again").count(), 1, "{log}");
}

#[test]
fn a_configuration_is_read_again_and_a_wrong_one_changes_nothing() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let agent = machine.start_until(TEST_URI, "controlling\n");
    machine.configure("observe = true\n");
    agent.signal("HUP");
    machine.wait_for_status("observing only: it controls nothing\n");
    machine.configure("observ = false\n");
    agent.signal("HUP");
    machine.wait_for_log("the configuration stays as it was: ", 1);
    let log = machine.log();
    let said = "agent.toml:1: unknown field `observ`";
    assert!(log.contains(said), "{log}");
    let shown = machine.answer(&["hpc-status"]);
    assert!(shown.contains("observing only"), "{shown}");
    machine.configure("[mark]\nall = true\n");
    agent.signal("HUP");
    machine.wait_for_status("site");
}

#[test]
fn sigterm_and_sigint_end_it_in_order() {
    let Some(machine) = Machine::new() else {
        return;
    };
    for (ended, signal) in ["TERM", "INT"].into_iter().enumerate() {
        let mut agent = machine.start_until(TEST_URI, CONNECTED);
        agent.signal(signal);
        assert_eq!(agent.end().code(), Some(0), "{signal}: {}", machine.log());
        machine.wait_for_log("libvirt-hpcd: ends\n", ended + 1);
    }
}

#[test]
fn garbage_on_its_sockets_does_it_no_harm() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let mut agent = machine.start_until(TEST_URI, CONNECTED);
    let hook = UnixDatagram::unbound().expect("a socket");
    let long = vec![b'{'; 100_000];
    for datagram in [&b""[..], b"\0\xff", b"{}", b"[[[[", &long] {
        let sent = hook.send_to(datagram, machine.run("libvirt-hpc/hook.sock"));
        sent.expect("sent");
    }
    let unknown = b"{\"request\":\"stop\"}\n";
    for line in [&b""[..], b"\n", b"\0\xff\n", unknown, &long] {
        let path = machine.run("libvirt-hpc/agent.sock");
        let mut asked = UnixStream::connect(path).expect("connected");
        // It may hang up before it has read all.
        let _ = asked.write_all(line);
    }
    machine.answer(&["hpc-status"]);
    assert!(agent.runs());
}

/// The ten seconds are virsh-hpc's own patience.
#[test]
fn an_agent_that_hangs_is_said_to_hang_and_answers_when_it_goes_on() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let agent = machine.start_until(TEST_URI, CONNECTED);
    agent.signal("STOP");
    let refused = machine.refusal(&["hpc-status"]);
    agent.signal("CONT");
    let said = "error: libvirt-hpcd has not answered for 10 s, it hangs: ";
    assert!(refused.starts_with(said), "{refused}");
    machine.wait_for_status(CONNECTED);
}

#[test]
fn a_check_tells_what_a_configuration_means_or_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent.toml");
    let check_file = || {
        let mut command = Command::new(AGENT);
        command.args(["--check", "--config"]).arg(&file);
        command.output().expect("libvirt-hpcd")
    };
    let check = |configuration: &str| {
        std::fs::write(&file, configuration).expect("written");
        check_file()
    };
    let good = check("[policy]\ndowntime_max_ms = 5000\n");
    assert_eq!(good.status.code(), Some(0));
    let told = text(&good.stdout);
    assert!(told.contains("downtime 5000 ms at most"), "{told}");
    assert_eq!(text(&good.stderr), "");
    let bad = check("[policy]\n\ndowntime_max_ms = 0\n");
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(text(&bad.stdout), "");
    let said = format!("libvirt-hpcd: {}:3: ", file.display());
    assert!(text(&bad.stderr).starts_with(&said), "{bad:?}");
    // A file that was named must be there.
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(check_file().status.code(), Some(1));
}

#[test]
fn what_happens_can_be_followed_until_the_agent_ends() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let mut agent = machine.start_until(TEST_URI, CONNECTED);
    let mut follower = machine.command(env!("CARGO_BIN_EXE_virsh-hpc"));
    follower.args(["hpc-status", "--follow", "vm"]);
    follower.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut follower = follower.spawn().expect("virsh-hpc");
    let mut lines = BufReader::new(follower.stdout.take().expect("a pipe"));
    let rest = "\"uuid\":\"\",\"destination\":null,\"controller\":\"virsh-hpc\",\"observe\":false,\
                \"at_unix_ms\":7,\"elapsed_ms\":8}";
    let line =
        |domain| format!("{{\"version\":1,\"event\":\"ended\",\"domain\":\"{domain}\",{rest}");
    let tell = |domain| {
        let request = format!(
            "{{\"request\":\"tell\",\"notification\":{}}}\n",
            line(domain)
        );
        let mut stream =
            UnixStream::connect(machine.run("libvirt-hpc/agent.sock")).expect("an agent");
        stream.write_all(request.as_bytes()).expect("written");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("read");
        assert!(reply.starts_with("{\"reply\":\"done\""), "{reply}");
    };
    let (heard, first) = mpsc::channel();
    thread::spawn(move || {
        let mut first = String::new();
        drop(lines.read_line(&mut first));
        drop(heard.send(first));
        let mut rest = String::new();
        drop(lines.read_to_string(&mut rest));
    });
    // Until it follows, it hears nothing.
    let first = (0..600).find_map(|_| {
        tell("another");
        tell("vm");
        first.recv_timeout(Duration::from_millis(50)).ok()
    });
    assert_eq!(first.as_deref(), Some(&*(line("vm") + "\n")));
    agent.signal("TERM");
    assert_eq!(agent.end().code(), Some(0));
    let ended = follower.wait_with_output().expect("ended");
    assert_eq!(ended.status.code(), Some(1));
    let said = text(&ended.stderr);
    assert!(
        said.starts_with("error: libvirt-hpcd sends no more events: "),
        "{said}"
    );
}
