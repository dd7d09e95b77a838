//! A host for the hook to run on, with an agent and a log of its own.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use libvirt_hpc_hook::notice::{MAX_BYTES, Notice};
use tempfile::TempDir;

use crate::mount_namespace::{is_denied, unshare};

/// The program under test.
pub(crate) const HOOK: &str = env!("CARGO_BIN_EXE_libvirt-hpc-hook");

/// Puts the sockets of the folder `$1` where the hook looks for them, in a mount namespace that ends with it, and
/// becomes the command that follows. Rust opens `null` in place of a closed stream.
const STAGE: &str = "mount --bind /dev/null \"$1/dev/null\" && mount --rbind \"$1/dev\" /dev && \
                     mount --bind \"$1/run\" /run && shift && exec \"$@\"";

/// More than any call takes, in seconds: one that waits is killed with status 124.
const LIMIT: &str = "30";

/// Where the agent and the log listen, to be found by the hook at the paths it
/// knows. Without the right to mount, they hear nothing.
pub(crate) struct Host {
    folder: TempDir,
    agent: UnixDatagram,
    log: UnixDatagram,
}

impl Host {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (dev, run) = (folder.path().join("dev"), folder.path().join("run"));
        std::fs::create_dir(&dev).expect("a folder");
        std::fs::write(dev.join("null"), "").expect("a file");
        std::fs::create_dir_all(run.join("libvirt-hpc")).expect("a folder");
        let agent = listen(&run.join("libvirt-hpc/hook.sock"));
        let log = listen(&dev.join("log"));
        Self { folder, agent, log }
    }

    /// A host on which the hook's messages can be received; none, with a note about it, where nobody may mount.
    pub(crate) fn heard() -> Option<Self> {
        (!is_denied()).then(Self::new)
    }

    /// `program` with `arguments`, run on this host.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.arg(LIMIT);
        if let Some(unshare) = unshare() {
            command.args(unshare).args(["sh", "-c", STAGE, "stage"]);
            command.arg(self.folder.path());
        }
        command.arg(program).args(arguments);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The hook, and the pipe on which it expects the XML.
    pub(crate) fn start(&self, arguments: &[&str]) -> (Child, ChildStdin) {
        let mut child = self.command(HOOK, arguments).spawn().expect("the hook");
        let stdin = child.stdin.take().expect("a pipe");
        (child, stdin)
    }

    /// Calls the hook as libvirt does, and checks that it succeeds.
    pub(crate) fn call(&self, arguments: &[&str], input: &[u8]) {
        let (child, mut stdin) = self.start(arguments);
        // Like libvirt, ignore it if the hook does not read everything.
        let _ = stdin.write_all(input);
        drop(stdin);
        assert_content(child, arguments);
    }

    /// The notices to the agent since the last call.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let datagrams = received(&self.agent).into_iter();
        datagrams
            .map(|bytes| Notice::decode(&bytes).expect("a notice"))
            .collect()
    }

    /// The log since the last call.
    pub(crate) fn log(&self) -> Vec<String> {
        let datagrams = received(&self.log).into_iter();
        datagrams
            .map(|bytes| String::from_utf8(bytes).expect("text"))
            .collect()
    }

    /// Fills the agent's queue and the log's, and returns how much is in each.
    pub(crate) fn fill(&self) -> (usize, usize) {
        let count = |path: &str| {
            let socket = UnixDatagram::unbound().expect("a socket");
            socket.set_nonblocking(true).expect("non-blocking");
            let path = self.folder.path().join(path);
            let sent = std::iter::repeat_with(|| socket.send_to(b"{}", &path));
            sent.take_while(Result::is_ok).count()
        };
        (count("run/libvirt-hpc/hook.sock"), count("dev/log"))
    }

    /// How many datagrams wait for the agent, and for the log.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (received(&self.agent).len(), received(&self.log).len())
    }

    /// Ends the agent and the log; their sockets stay.
    pub(crate) fn leave(&mut self) {
        let unbound = || UnixDatagram::unbound().expect("a socket");
        (self.agent, self.log) = (unbound(), unbound());
    }

    /// Removes the agent's socket and the log's.
    pub(crate) fn remove_sockets(&self) {
        for path in ["run/libvirt-hpc/hook.sock", "dev/log"] {
            std::fs::remove_file(self.folder.path().join(path)).expect("a socket");
        }
    }
}

/// Checks that the hook ends in time, with status 0 and without output.
pub(crate) fn assert_content(child: Child, arguments: &[&str]) {
    let output: Output = child.wait_with_output().expect("the hook ends");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
}

/// The XML of a domain with `policy` in its metadata.
pub(crate) fn domain(policy: &str) -> String {
    let metadata = format!("<metadata xmlns:h='urn:libvirt-hpc:domain:1.0'>{policy}</metadata>");
    format!("<domain type='kvm'><name>rank0</name>{metadata}</domain>\n")
}

/// A domain of `bytes` bytes whose mark comes last.
pub(crate) fn marked_at_the_end(bytes: usize) -> String {
    let disk = "<disk type='file' device='disk'><source file='/images/a'/></disk>\n";
    let end = "</devices><metadata><h:migration xmlns:h='urn:libvirt-hpc:domain:1.0'/>\
               </metadata></domain>";
    let mut xml = "<domain type='kvm'><name>rank0</name><devices>".to_owned();
    while xml.len() + disk.len() + end.len() <= bytes {
        xml.push_str(disk);
    }
    let blanks = bytes - xml.len() - end.len();
    xml + &" ".repeat(blanks) + end
}

fn listen(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).expect("a socket");
    socket.set_nonblocking(true).expect("non-blocking");
    socket
}

fn received(socket: &UnixDatagram) -> Vec<Vec<u8>> {
    let mut buffer = [0; MAX_BYTES + 1];
    let datagrams = std::iter::from_fn(|| {
        let length = socket.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    });
    datagrams.collect()
}
