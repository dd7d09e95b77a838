//! Two hosts and a guest through the life of the package.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Rig};

use super::agent::{SERVICE, SOCKET, journal, knows, pid, property, shell};
use super::files::{self, Listing};
use super::{BETA, deb, services};
use crate::control::stage::DEFAULTS;
use crate::hook::{HOOK, wait_until};

/// The guest. Plain pre-copy never ends for it.
pub(super) const GUEST: &str = "solver";
const SATURATED: [&str; 5] = ["--fill", "160", "--workload", "flat:128", "--marked"];

/// The first round takes two minutes and more, and apt less; then the link is as it was.
const SLOW: &str = "20mbit";
const FAST: &str = "1gbit";

/// A site's own hooks: they say on which operations they were called.
pub(super) const SITES: [&str; 2] = [
    "/etc/libvirt/hooks/qemu",
    "/etc/libvirt/hooks/qemu.d/10-site",
];
pub(super) const CALLS: &str = "/run/site-hooks";

/// A daemon without guests ends two minutes after its last client.
const AWAKE: &str = "virsh -q list";

/// The administrator's configuration.
const CONFIGURATION: &str = "/etc/libvirt-hpc/agent.toml";
const CHANGED: &str = "log_level = \"debug\"";

/// The hosts, where the guest is, and how their files were before.
pub(super) struct Life {
    pub(super) rig: Rig,
    pub(super) here: usize,
    before: Vec<Listing>,
}

impl Life {
    /// Clean hosts, made with `options`, with a marked guest on the first and a site's hooks on the second.
    pub(super) fn begin(options: &[&str]) -> Result<Self> {
        let rig = Rig::clean(options)?;
        rig.guest(GUEST, &SATURATED)?;
        for hook in SITES {
            let script = format!(
                "mkdir -p /etc/libvirt/hooks/qemu.d && printf '#!/bin/sh\\necho \"$0 $*\" >>{CALLS}\\n' >{hook} && chmod 755 {hook}"
            );
            shell(&rig, BETA, &script)?;
        }
        let reload = format!("{AWAKE} && systemctl reload {}.service", rig.daemon_name());
        shell(&rig, BETA, &reload)?;
        let folder = tempfile::tempdir().context("making a folder for the later package")?;
        for package in [deb::built()?, deb::later(folder.path())?] {
            rig.copy(&package, deb::folder())?;
        }
        let before = files::of_hosts(&rig)?;
        Ok(Self {
            rig,
            here: 0,
            before,
        })
    }

    pub(super) fn here(&self) -> &'static str {
        HOSTS[self.here]
    }

    pub(super) fn there(&self) -> &'static str {
        HOSTS[1 - self.here]
    }

    /// The first installation, with a marked guest that runs already.
    pub(super) fn install(&self) -> Result<()> {
        for host in HOSTS {
            shell(&self.rig, host, AWAKE)?;
        }
        let daemons = self.daemons()?;
        for host in HOSTS {
            deb::apt(&self.rig, host, &format!("install {}", deb::in_host(1)))?;
        }
        ensure!(self.daemons()? == daemons, "libvirt was restarted");
        wait_until("the agent has found the guest that runs already", || {
            knows(&self.rig, self.here(), GUEST)
        })?;
        services::are_sane(&self.rig)?;
        // Its libvirt had no hook at all when it started.
        services::started_by_an_announcement(&self.rig, self.here())
    }

    /// A later version comes to both hosts while the guest moves; the administrator's configuration stays.
    pub(super) fn upgrades_under_a_migration(&mut self) -> Result<()> {
        let (from, change) = (self.here(), format!("s/^#log_level = .*/{CHANGED}/"));
        for host in HOSTS {
            shell(
                &self.rig,
                host,
                &format!("sed -i '{change}' {CONFIGURATION}"),
            )?;
        }
        let first = pid(&self.rig, from, SERVICE)?;
        let daemons = self.daemons()?;
        self.rig.link(SLOW)?;
        let moved = self.moves("virsh", |life| {
            life.steered()?;
            for host in [life.here(), life.there()] {
                deb::apt(&life.rig, host, &format!("install {}", deb::in_host(2)))?;
            }
            life.steered()?;
            life.rig.link(FAST)
        })?;
        self.arrived("upgraded", &moved, 2)?;
        ensure!(
            pid(&self.rig, from, SERVICE)? != first,
            "the old agent runs"
        );
        ensure!(self.daemons()? == daemons, "libvirt was restarted");
        self.is_upgraded()?;
        let mut said = journal(&self.rig, from, "warning")?;
        // A pause of a second is as long as the guest needs.
        said.retain(|line| !line.contains("switchover now"));
        ensure!(said.is_empty(), "{from} has warned: {said:?}");
        Ok(())
    }

    /// Requires the later version, running, with the administrator's configuration.
    fn is_upgraded(&self) -> Result<()> {
        for host in HOSTS {
            let version = shell(&self.rig, host, "dpkg-query -W -f '${Version}' libvirt-hpc")?;
            ensure!(version == deb::version(2), "{host} has version {version}");
            shell(
                &self.rig,
                host,
                &format!("grep -qx '{CHANGED}' {CONFIGURATION}"),
            )?;
            for unit in [SERVICE, SOCKET] {
                let state = property(&self.rig, host, unit, "ActiveState")?;
                ensure!(state == "active", "{host}: {unit} is {state}");
            }
            let said = journal(&self.rig, host, "info")?;
            ensure!(
                said.iter().any(|line| line.contains("log: debug")),
                "{host}: {said:#?}"
            );
        }
        Ok(())
    }

    /// The package is removed while the guest moves: the migration goes on as if it had never been there.
    pub(super) fn is_removed_under_a_migration(&mut self) -> Result<()> {
        self.rig.link(SLOW)?;
        let moved = self.moves("virsh", |life| {
            life.steered()?;
            wait_until("a limit is set", || Ok(life.limits()? != DEFAULTS))?;
            deb::apt(&life.rig, life.here(), "remove libvirt-hpc")?;
            life.is_gone(life.here())?;
            let limits = life.limits()?;
            ensure!(limits == DEFAULTS, "limits after the removal: {limits:?}");
            let job = life.on_here(&format!("virsh -q domjobinfo {GUEST}"))?;
            ensure!(job.contains("Outgoing migration"), "{job}");
            life.on_here(&format!("virsh -q domjobabort {GUEST}"))
                .map(drop)
        })?;
        self.rig.link(FAST)?;
        println!("removed: over after {:.1} s", moved.total.as_secs_f64());
        ensure!(!moved.output.status.success(), "it has moved: {moved:?}");
        ensure!(
            self.rig.state(self.here(), GUEST) == "running",
            "the guest is gone"
        );
        self.rig.whole(GUEST)?;
        // libvirt has not been told that the hook no longer exists.
        services::start_tiny(&self.rig, self.here())
    }

    /// Nothing of the package runs on a host, or remains in memory.
    fn is_gone(&self, host: &str) -> Result<()> {
        let script = format!(
            "! pgrep -x libvirt-hpcd && ! ls -d /run/libvirt-hpc {HOOK} 2>/dev/null && systemctl list-unit-files --quiet 'libvirt-hpc*'; systemctl --failed --quiet --plain"
        );
        let left = shell(&self.rig, host, &script)?;
        ensure!(left.is_empty(), "left on {host}: {left}");
        shell(
            &self.rig,
            host,
            &format!("grep -qx '{CHANGED}' {CONFIGURATION}"),
        )
        .map(drop)
    }

    /// Both hosts are as before.
    pub(super) fn is_purged(&self) -> Result<()> {
        for host in HOSTS {
            deb::apt(&self.rig, host, "purge libvirt-hpc")?;
        }
        let after = files::of_hosts(&self.rig)?;
        for (host, (before, after)) in HOSTS.iter().zip(self.before.iter().zip(&after)) {
            files::are_the_same(host, before, after)?;
        }
        for host in HOSTS {
            services::start_tiny(&self.rig, host)?;
        }
        let calls = shell(&self.rig, BETA, &format!("cat {CALLS}"))?;
        for hook in SITES {
            let call = format!("{hook} tiny prepare begin -");
            ensure!(calls.contains(&call), "not called: {call}\n{calls}");
        }
        Ok(())
    }

    /// The processes that have the guests, and call hooks.
    fn daemons(&self) -> Result<Vec<u32>> {
        let unit = format!("{}.service", self.rig.daemon_name());
        let pids = HOSTS.map(|host| pid(&self.rig, host, &unit));
        pids.into_iter().collect()
    }

    pub(super) fn on_here(&self, script: &str) -> Result<String> {
        shell(&self.rig, self.here(), script)
    }
}
