//! Under a service manager: the socket that it hands over, and what it is told.

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use libvirt_hpc_hook::notice::{self, Notice};

use crate::machine::{Agent, Machine, TEST_URI, wait_until};

/// Becomes the command that follows with its standard input as the one socket handed over.
const HAND_OVER: &str = "exec 3<&0 </dev/null; \
                         LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=hook exec \"$@\"";

const HOOK: &str = "libvirt-hpc/hook.sock";

/// What an agent logs of [`tell`].
const TOLD: &str = "debug: the hook tells of rank0: started begin\n";

fn tell(machine: &Machine, domain: &str) {
    let notice = Notice {
        operation: "started".to_owned(),
        sub_operation: "begin".to_owned(),
        domain: domain.to_owned(),
    };
    notice::send(&machine.run(HOOK), &notice).expect("sent");
}

/// What a manager was told, one line each.
struct Manager {
    socket: UnixDatagram,
    lines: Mutex<Vec<String>>,
}

impl Manager {
    fn new(machine: &Machine) -> Self {
        let (socket, lines) = (machine.listen("notify"), Mutex::default());
        Self { socket, lines }
    }

    fn told(&self) -> Vec<String> {
        let mut lines = self.lines.lock().expect("no panic");
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let datagram = String::from_utf8_lossy(&buffer[..length]);
            lines.extend(datagram.lines().map(str::to_owned));
        }
        lines.clone()
    }

    fn wait_for(&self, line: &str, times: usize) {
        let count = || self.told().iter().filter(|told| *told == line).count();
        wait_until(
            || count() >= times,
            || format!("{times} times {line}: {:?}", self.told()),
        );
    }
}

#[test]
fn the_manager_hears_of_start_life_reload_and_end() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let manager = Manager::new(&machine);
    let mut command = machine.agent_by(&[], TEST_URI);
    command.env("NOTIFY_SOCKET", "/run/notify");
    command.env("WATCHDOG_USEC", "200000");
    let mut agent = Agent::of(&mut command);
    manager.wait_for("READY=1", 1);
    // Whoever starts after it finds it ready.
    machine.answer(&["hpc-status"]);
    manager.wait_for("WATCHDOG=1", 5);
    agent.signal("HUP");
    manager.wait_for("RELOADING=1", 1);
    manager.wait_for("READY=1", 2);
    agent.signal("STOP");
    let stopped = manager.told().len();
    agent.signal("CONT");
    manager.wait_for("WATCHDOG=1", stopped + 1);
    agent.signal("TERM");
    assert_eq!(agent.end().code(), Some(0));
    manager.wait_for("STOPPING=1", 1);
}

#[test]
fn a_socket_handed_over_is_heard_and_outlives_the_agent() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let socket = machine.listen(HOOK);
    for life in 1..=2 {
        // Before there is an agent.
        tell(&machine, "rank0");
        let mut command = machine.agent_by(&["sh", "-c", HAND_OVER, "sh"], TEST_URI);
        let ours = socket.try_clone().expect("another");
        command.stdin(Stdio::from(OwnedFd::from(ours)));
        let mut agent = Agent::of(&mut command);
        machine.wait_for_log(TOLD, 2 * life - 1);
        tell(&machine, "rank0");
        machine.wait_for_log(TOLD, 2 * life);
        agent.signal("TERM");
        assert_eq!(agent.end().code(), Some(0));
    }
}

#[test]
fn the_first_datagram_activates_it() {
    let Some(machine) = Machine::new() else {
        return;
    };
    const ACTIVATE: &str = "systemd-socket-activate";
    if Command::new(ACTIVATE).arg("--version").output().is_err() {
        let _ = writeln!(io::stderr(), "SKIPPED: no {ACTIVATE}");
        return;
    }
    fs::create_dir(machine.run("libvirt-hpc")).expect("a folder");
    let launcher = [
        ACTIVATE,
        "--datagram",
        "--listen=/run/libvirt-hpc/hook.sock",
        "--fdname=hook",
    ];
    let mut agent = Agent::of(&mut machine.agent_by(&launcher, TEST_URI));
    wait_until(|| machine.run(HOOK).exists(), || machine.log());
    // Nothing runs yet.
    machine.refusal(&["hpc-status"]);
    tell(&machine, "rank0");
    machine.wait_for_log(TOLD, 1);
    machine.wait_for_status("controlling\n");
    agent.signal("TERM");
    assert_eq!(agent.end().code(), Some(0));
}
