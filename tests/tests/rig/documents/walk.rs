//! A host as the documents suppose it: the package, systemd, and a running guest called solver.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Rig};

use super::blocks::{Command, project};
use super::table::{PRINTS, SUBSTITUTIONS};
use crate::hook::{run, wait_until};

const ALPHA: &str = HOSTS[0];
const BETA: &str = HOSTS[1];

/// The guest of the documents.
const GUEST: &str = "solver";

/// Packages that the documents install, and their source.
const PACKAGE: &str = concat!("libvirt-hpc_", env!("CARGO_PKG_VERSION"), "-1_amd64.deb");
const FOLDER: &str = "/run/downloads";

/// libvirt-hpc's hook, where libvirt finds it.
const HOOK: &str = crate::hook::HOOK;

/// The hosts.
pub(super) struct Walk {
    pub(super) rig: Rig,
}

impl Walk {
    /// Clean hosts, the guest, which is not marked yet, and the package where an administrator would have
    /// put it: in the folder that commands are given in.
    pub(super) fn begin() -> Result<Self> {
        let rig = Rig::clean(&["--systemd"])?;
        let package = project().join("target/package").join(PACKAGE);
        ensure!(
            package.is_file(),
            "no {}: run 'make deb'",
            package.display()
        );
        rig.copy(&package, FOLDER)?;
        rig.guest(GUEST, &["--persistent", "--memory", "256", "--fill", "64"])?;
        Ok(Self { rig })
    }

    /// Installs the package, as the documents say.
    pub(super) fn install(&self) -> Result<()> {
        self.shell(&format!("apt-get install ./{PACKAGE}"))
            .map(drop)
    }

    /// Runs a command of the documents on the host that the guest is on.
    pub(super) fn follow(&self, command: &Command) -> Result<()> {
        self.come_home()?;
        if command.text.contains("hpc-status") || command.text.contains("hpc-adopt") {
            self.wait_for_the_agent()?;
        }
        let mut text = command.text.clone();
        for (written, here) in SUBSTITUTIONS {
            text = text.replace(written, here);
        }
        let place = &command.place;
        let printed = self.shell(&text).with_context(|| place.clone())?;
        for (begin, expected) in PRINTS {
            let is_met = !command.text.starts_with(begin) || printed.contains(expected);
            ensure!(is_met, "{place}: {text}{printed}: '{expected}' is missing");
        }
        println!("{place}: {}", text.trim_end());
        Ok(())
    }

    /// Has the guest where the documents suppose it, by plain virsh.
    pub(super) fn come_home(&self) -> Result<()> {
        if self.rig.state(ALPHA, GUEST) == "running" {
            return Ok(());
        }
        let back =
            "virsh -q migrate --live --persistent --undefinesource solver qemu+tcp://alpha/system";
        run(&self.rig, BETA, &["sh", "-c", back])?;
        self.rig.whole(GUEST)
    }

    /// Whether the agent answers and knows the guest: it polls a moment after an event.
    fn wait_for_the_agent(&self) -> Result<()> {
        wait_until("the agent knows the guest", || {
            let ask = ["virsh-hpc", "hpc-status", GUEST];
            Ok(self.rig.run(ALPHA, &ask)?.status.success())
        })
    }

    /// Commands of a shell on the host, which must succeed; returns their output of either stream.
    pub(super) fn shell(&self, text: &str) -> Result<String> {
        let (succeeded, printed) = self.bash(text)?;
        ensure!(succeeded, "{text}: {printed}");
        Ok(printed)
    }

    /// The same of commands that must fail.
    pub(super) fn refused(&self, text: &str) -> Result<String> {
        let (succeeded, printed) = self.bash(text)?;
        ensure!(!succeeded, "'{text}' was not refused: {printed}");
        Ok(printed)
    }

    fn bash(&self, text: &str) -> Result<(bool, String)> {
        let text = format!("cd {FOLDER}; exec 2>&1; {text}");
        let output = self
            .rig
            .run(ALPHA, &["timeout", "60", "bash", "-ec", &text])?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.success(), printed))
    }

    /// Requires that callers of virsh get virsh-hpc, and that it works under its own name.
    pub(super) fn callers_get_virsh_hpc(&self) -> Result<()> {
        let asked = "systemd-run --quiet --pipe --wait sh -c 'command -v virsh'";
        ensure!(self.shell(asked)?.trim() == "/usr/local/bin/virsh");
        self.come_home()?;
        // As OpenNebula's driver calls it.
        let theirs = format!("virsh --connect qemu:///system migrate --live {GUEST} {DESTINATION}");
        let said = self.shell(&theirs)?;
        ensure!(said.contains("virsh-hpc: solver moved in "), "{said}");
        let [ours, real] = ["virsh", "/usr/bin/virsh"];
        for command in ["-v", "list --all", "help migrate-setspeed"] {
            let answers = [ours, real].map(|virsh| self.shell(&format!("{virsh} {command}")));
            let [ours, real] = answers;
            ensure!(ours? == real?, "virsh {command}");
        }
        self.shell("rm /usr/local/bin/virsh").map(drop)
    }

    /// Puts another hook in place that stops guests from starting, as one that cannot run does.
    pub(super) fn break_the_hook(&self) -> Result<()> {
        self.come_home()?;
        let broken =
            format!("mv {HOOK} . && printf '#!/bin/sh\\nexit 1\\n' >{HOOK} && chmod 755 {HOOK}");
        self.shell(&broken)?;
        let said = self.refused(&start())?;
        ensure!(said.contains("Hook script execution failed"), "{said}");
        Ok(())
    }

    /// Requires that guests start again; puts the hook back.
    pub(super) fn guests_start(&self) -> Result<()> {
        self.shell(&start())?;
        self.shell(&format!(
            "virsh destroy tiny && mv -f ./50-libvirt-hpc {HOOK}"
        ))
        .map(drop)
    }
}

/// Starts a guest without a system.
fn start() -> String {
    let xml = crate::hook::tiny_domain("tiny", "");
    format!("cat >/tmp/tiny.xml <<'END'\n{xml}\nEND\nvirsh -q create --paused /tmp/tiny.xml")
}
