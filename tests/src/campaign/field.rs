//! The hosts of a run, and how they are made ready for it.

use std::process::{Child, Command};

use anyhow::{Context, Result, ensure};

use super::plan::{Fault, Plan};
use crate::rig::{AgentVerb, HOSTS, Rig};

/// The guest whose migration meets the faults.
pub(super) const GUEST: &str = "g";

/// The one that crosses it.
pub(super) const OTHER: &str = "h";

/// Where both hosts see the marks of phases.
pub(super) const MARKS: &str = "/rig/campaign";

/// Where traces are.
pub(super) const TRACES: &str = "/var/log/libvirt-hpc";

/// libvirt's downtime limit in ms and speed limit in MiB/s of a domain that has just arrived.
pub(super) const DEFAULTS: [&str; 2] = ["300", "8796093022207"];

/// Limits that neither libvirt-hpc nor libvirt would choose, and that keep no guest here.
pub(super) const STORED: [&str; 2] = ["7777", "500"];

/// Where the file system of traces comes from.
const IMAGES: &str = "/var/lib/campaign";

/// A guest that is small: it starts, moves and is verified in seconds.
const MEMORY_MIB: &str = "256";
const FILL_MIB: &str = "96";

/// Further iterations are worth their time.
const PATIENT: &str = "<hpc:slowdown percent='4'/>";

/// Marks the phases, on either host.
const WATCH: &str = include_str!("phases.py");

/// The hosts, and which of them is the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) rig: &'a Rig,
    source: usize,
}

impl<'a> Field<'a> {
    pub(super) const fn new(rig: &'a Rig, source: usize) -> Self {
        Self { rig, source }
    }

    pub(super) const fn source(&self) -> &'static str {
        HOSTS[self.source]
    }

    pub(super) const fn destination(&self) -> &'static str {
        HOSTS[1 - self.source]
    }

    /// The same hosts, for a guest that goes the other way.
    pub(super) const fn reversed(&self) -> Self {
        Self::new(self.rig, 1 - self.source)
    }

    /// Makes the hosts ready for a run: link, traces, agents, guests, limits.
    ///
    /// # Errors
    /// When the test bed fails.
    pub(super) fn prepare(&self, plan: &Plan) -> Result<()> {
        self.rig.link(&plan.rate)?;
        let source = self.source();
        self.rig
            .script(source, &format!("rm -rf {MARKS}; mkdir {MARKS}"))?;
        for host in HOSTS {
            self.rig
                .script(host, &format!("mkdir -p {TRACES}; rm -f {TRACES}/*"))?;
        }
        if plan.strikes.iter().any(|s| s.fault.is_of_traces()) {
            let copy = format!("cp {IMAGES}/traces /tmp/traces");
            self.rig.script(
                source,
                &format!("{copy} && mount -o loop /tmp/traces {TRACES}"),
            )?;
        }
        if plan.has(Fault::StepClock) {
            self.rig.clock(source, 0)?;
            // The agent has the host's clock, too, if it is started after that.
            self.agents(false)?;
        }
        self.agents(plan.begin.has_agent())?;
        self.guests(plan)?;
        if plan.has_limits {
            let [downtime_ms, mib_per_s] = STORED;
            let downtime = format!("virsh -q migrate-setmaxdowntime {GUEST} {downtime_ms}");
            let speed = format!("virsh -q migrate-setspeed {GUEST} {mib_per_s}");
            self.rig.script(source, &format!("{downtime} && {speed}"))?;
        }
        Ok(())
    }

    fn guests(&self, plan: &Plan) -> Result<()> {
        let sizes = ["--memory", MEMORY_MIB, "--fill", FILL_MIB];
        let patient: &[&str] = if plan.is_patient { &[PATIENT] } else { &[] };
        let marked = [&["--workload", &plan.workload, "--marked"], patient].concat();
        let guest = [&sizes[..], &marked, self.rig.native()?].concat();
        let start = |name, host| {
            self.rig
                .guest(name, &[&guest[..], &["--host", host]].concat())
        };
        start(GUEST, self.source())?;
        if plan.is_crossing {
            start(OTHER, self.destination())?;
        }
        Ok(())
    }

    /// Starts or ends the agents, so that they are as many as `wanted`.
    fn agents(&self, wanted: bool) -> Result<()> {
        for host in HOSTS {
            let runs = self
                .rig
                .try_script(host, "pgrep -x libvirt-hpcd")?
                .status
                .success();
            match (runs, wanted) {
                (false, true) => self.rig.agent(host, AgentVerb::Start, &[])?,
                (true, false) => self.rig.agent(host, AgentVerb::Stop, &[])?,
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }

    /// Ends what a run has left, so that the next one finds nothing of it.
    ///
    /// # Errors
    /// When the test bed fails.
    pub(super) fn clear(&self, plan: &Plan) -> Result<()> {
        self.rig.destroy(GUEST);
        self.rig.destroy(OTHER);
        for host in HOSTS {
            self.rig.script(host, "rm -f /run/libvirt-hpc/leases/*")?;
        }
        if plan.has(Fault::StepClock) {
            self.rig.clock(self.source(), 0)?;
        }
        if plan.strikes.iter().any(|s| s.fault.is_of_traces()) {
            let unmount = format!("umount -l {TRACES}");
            self.rig.script(self.source(), &unmount)?;
        }
        Ok(())
    }

    /// Begins to mark the phases of the migration on both hosts.
    ///
    /// # Errors
    /// When that cannot be started.
    pub(super) fn watch(&self) -> Result<Vec<Child>> {
        let watch = |host, side| {
            let python = ["timeout", "200", "python3", "-c", WATCH];
            self.rig
                .spawn(host, &[&python[..], &[GUEST, MARKS, side]].concat())
        };
        Ok(vec![
            watch(self.source(), "source")?,
            watch(self.destination(), "destination")?,
        ])
    }
}

/// Brings hosts up on which runs can be made: with libvirt-hpc, and an image of a file system for traces.
///
/// # Errors
/// When the test bed fails, or this machine cannot make the image.
pub(super) fn bring_up() -> Result<Rig> {
    let rig = Rig::up(&[])?;
    rig.install_product()?;
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("traces");
    for command in [&["truncate", "-s", "8M"][..], &["mkfs.ext4", "-q"]] {
        let mut make = Command::new(command[0]);
        let status = make.args(&command[1..]).arg(&image).status();
        let status = status.with_context(|| format!("starting {command:?}"))?;
        ensure!(status.success(), "{command:?}: {status}");
    }
    rig.copy(&image, IMAGES)?;
    Ok(rig)
}
