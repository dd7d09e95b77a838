//! libvirt-hpc in the hosts as a package would install it, and its logs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{HOSTS, Rig, program};

/// Actions of `rig agent` on a host's `libvirt-hpcd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentVerb {
    /// Starts it, and waits until its control socket listens.
    Start,
    /// SIGTERM, and waits for its end.
    Stop,
    /// SIGKILL, and waits for its end.
    Kill,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Continue,
    /// SIGHUP.
    Reload,
}

impl AgentVerb {
    const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Continue => "continue",
            Self::Reload => "reload",
        }
    }
}

impl Rig {
    /// Installs the files of `make install` into both hosts, and lets their libvirt find the hook. No agent runs until
    /// it is started.
    ///
    /// # Errors
    /// When a program is not built, or the rig refuses.
    pub fn install_product(&self) -> Result<()> {
        let tree = tempfile::tempdir().context("making a folder for the product")?;
        stage(tree.path())?;
        self.must([OsStr::new("install-tree"), tree.path().as_os_str()])?;
        // A package has none there; virsh-hpc would take it before the installed one.
        for host in HOSTS {
            self.must(["exec", host, "rm", "-f", "/usr/bin/virsh-hpc-session"])?;
        }
        Ok(())
    }

    /// Starts, signals or ends the agent of a host; `arguments` are for a start.
    ///
    /// # Errors
    /// When it does not start or end, or there is none to signal.
    pub fn agent(&self, host: &str, verb: AgentVerb, arguments: &[&str]) -> Result<()> {
        let command = ["agent", host, verb.word()];
        self.must(command.iter().chain(arguments)).map(drop)
    }

    /// The log of a host's agents since the test bed came up.
    ///
    /// # Errors
    /// When none was ever started there.
    pub fn agent_log(&self, host: &str) -> Result<String> {
        self.log(host, "agent")
    }

    /// Switches the daemon's log of its clients' calls on or off; a restarted daemon has it off.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn calls(&self, host: &str, on: bool) -> Result<()> {
        let word = if on { "on" } else { "off" };
        self.must(["calls", host, word]).map(drop)
    }

    /// The calls logged so far on a host: `... : virDomainSuspend:560 : dom=..., (VM: name=...`.
    ///
    /// # Errors
    /// When [`Rig::calls`] was never on there.
    pub fn call_log(&self, host: &str) -> Result<String> {
        self.log(host, "calls")
    }

    fn log(&self, host: &str, kind: &str) -> Result<String> {
        let file = format!("/rig/{host}.{kind}.log");
        let output = self.run(host, &["cat", &file])?;
        let problem = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "no log: {}", problem.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// `make install` into `tree`, of the programs beside the test's own.
fn stage(tree: &Path) -> Result<()> {
    let programs = program("libvirt-hpcd")?;
    let folder = programs.parent().context("a program without a folder")?;
    let mut make = Command::new("make");
    make.args(["--silent", "-C"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["install", "PREFIX=/usr"]);
    for (variable, value) in [("DESTDIR", tree), ("BUILD", folder)] {
        make.arg(format!("{variable}={}", value.display()));
    }
    let status = make.status().context("starting make")?;
    ensure!(status.success(), "{make:?}: {status}");
    Ok(())
}
