//! A machine for agents to run on: a `/run` of its own, in a mount namespace of theirs.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::mount_namespace::{is_denied, unshare};

/// The program under test.
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_libvirt-hpcd");

/// The libvirt that needs no daemon: one running domain, `test`, which nothing marks.
pub(crate) const TEST_URI: &str = "test:///default";

/// Puts the folder `$1` where agents have their sockets, and becomes the command that follows.
const STAGE: &str = "mount --bind \"$1\" /run && shift && exec \"$@\"";

/// How often a level is polled before it is given up: half a minute, for what takes milliseconds.
const POLLS: u32 = 600;

pub(crate) struct Machine {
    folder: TempDir,
}

impl Machine {
    /// None, and a word about it, where nobody may mount.
    pub(crate) fn new() -> Option<Self> {
        if is_denied() {
            return None;
        }
        let machine = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir(machine.run("")).expect("a folder");
        machine.configure("log_level = \"debug\"\n");
        Some(machine)
    }

    /// What agents see as `/run/NAME`.
    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join("run").join(name)
    }

    /// Writes the configuration that agents are started with.
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.file("agent.toml"), text).expect("written");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A datagram socket at `/run/NAME`, which is never waited for.
    pub(crate) fn listen(&self, name: &str) -> UnixDatagram {
        let path = self.run(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let socket = UnixDatagram::bind(path).expect("bound");
        socket.set_nonblocking(true).expect("non-blocking");
        socket
    }

    /// `program`, to be run on this machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let unshare = unshare().expect("there was a way");
        let mut command = Command::new(unshare[0]);
        command.args(&unshare[1..]).args(["sh", "-c", STAGE, "sh"]);
        command.arg(self.run("")).arg(program).stdin(Stdio::null());
        for variable in [
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "JOURNAL_STREAM",
            "LISTEN_FDS",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// An agent that the words of `launcher` start, or that is started as it is; what it says is kept in a
    /// file.
    pub(crate) fn agent_by(&self, launcher: &[&str], uri: &str) -> Command {
        let words = [launcher, &[AGENT, "--stderr", "--connect", uri, "--config"]].concat();
        let mut command = self.command(words[0]);
        command.args(&words[1..]).arg(self.file("agent.toml"));
        let mut log = File::options();
        let log = log.append(true).create(true).open(self.file("log"));
        command.stderr(log.expect("a file"));
        command
    }

    /// Starts an agent; it need not be ready.
    pub(crate) fn start(&self, uri: &str) -> Agent {
        Agent::of(&mut self.agent_by(&[], uri))
    }

    /// Starts an agent and waits until `hpc-status` shows `word`.
    pub(crate) fn start_until(&self, uri: &str, word: &str) -> Agent {
        let agent = self.start(uri);
        self.wait_for_status(word);
        agent
    }

    /// What every agent here has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// What `virsh-hpc` answers.
    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_virsh-hpc"));
        command.args(words);
        for variable in ["VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI"] {
            command.env_remove(variable);
        }
        command.output().expect("virsh-hpc")
    }

    /// What it prints, of a command that must succeed.
    pub(crate) fn answer(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    }

    /// The error that it says, of a command that must be refused.
    pub(crate) fn refusal(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        text(&output.stderr)
    }

    /// Waits until `hpc-status` shows `word`.
    pub(crate) fn wait_for_status(&self, word: &str) {
        let shown = || text(&self.ask(&["hpc-status"]).stdout);
        wait_until(
            || shown().contains(word),
            || format!("{word}; {}; {}", shown(), self.log()),
        );
    }

    /// Waits until `word` has been logged `times` times.
    pub(crate) fn wait_for_log(&self, word: &str, times: usize) {
        let counted = || self.log().matches(word).count() >= times;
        wait_until(counted, || format!("{times} times {word}: {}", self.log()));
    }
}

/// An agent that ends with the test.
pub(crate) struct Agent(Child);

impl Agent {
    /// What `command` starts, which is an agent or becomes one.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self(command.spawn().expect("started"))
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.0.id());
        let sent = Command::new("sh").args(["-c", &line]).status();
        assert!(sent.expect("a shell").success(), "{line}");
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_none()
    }

    /// Its end, which comes by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        for _ in 0..POLLS {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("the agent does not end")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a level; `what` says what was missed.
pub(crate) fn wait_until(is: impl Fn() -> bool, what: impl Fn() -> String) {
    for _ in 0..POLLS {
        if is() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("waited in vain: {}", what());
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
