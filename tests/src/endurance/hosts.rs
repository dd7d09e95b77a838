//! The hosts and their guests, made ready.

use std::process::Child;

use anyhow::{Context, Result};

use super::reading::{OnHost, script};
use crate::rig::{AgentVerb, HOSTS, Rig};

/// The guests; the first is the one that moves alone.
pub(super) const GUESTS: [&str; 4] = ["g1", "g2", "g3", "g4"];

/// Small, and of little work: two processors hold four of them beside the hosts.
const GUEST: [&str; 7] = [
    "--memory",
    "128",
    "--fill",
    "48",
    "--workload",
    "rate:8@4",
    "--marked",
];

/// So few traces are kept that their end is reached soon.
pub(super) const KEEP_TRACES: u64 = 40;

/// Both hosts, with agents and guests.
#[derive(Debug)]
pub(super) struct Hosts(Rig);

impl Hosts {
    /// Brings them up, with all guests on the first.
    ///
    /// # Errors
    /// When the test bed fails.
    pub(super) fn up() -> Result<Self> {
        let rig = Rig::up(&[])?;
        rig.install_product()?;
        let hosts = Self(rig);
        let settings = format!(
            "[traces]\\nkeep_files = {KEEP_TRACES}\\n[metrics]\\ndirectory = \"/run/libvirt-hpc/metrics\"\\n"
        );
        for host in HOSTS {
            let write = format!("printf '{settings}' >/etc/libvirt-hpc/agent.toml");
            hosts.0.script(host, &write)?;
            hosts.0.agent(host, AgentVerb::Start, &[])?;
        }
        let options = [&GUEST[..], hosts.0.native()?].concat();
        for guest in GUESTS {
            hosts.0.guest(guest, &options)?;
        }
        Ok(hosts)
    }

    /// The test bed.
    pub(super) const fn rig(&self) -> &Rig {
        &self.0
    }

    /// Reads both.
    ///
    /// # Errors
    /// When a host does not answer, or an agent has ended.
    pub(super) fn read(&self) -> Result<[OnHost; 2]> {
        let read = |host| {
            let printed = self.0.script(host, &script(host, self.0.daemon_name()))?;
            OnHost::of(&printed).with_context(|| host.to_owned())
        };
        Ok([read(HOSTS[0])?, read(HOSTS[1])?])
    }

    /// Begins a migration.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn begin(&self, program: &str, guest: &str, from: usize) -> Result<Child> {
        let to = format!("qemu+tcp://{}/system", HOSTS[1 - from]);
        let command = ["timeout", "120", program, "migrate", "--live", guest, &to];
        self.0.spawn(HOSTS[from], &command)
    }

    /// Empties the logs of heartbeats: a report reads all of them.
    ///
    /// # Errors
    /// When a host does not answer.
    pub(super) fn forget_beats(&self) -> Result<()> {
        for host in HOSTS {
            self.0.script(host, &format!(": >/rig/{host}.beats"))?;
        }
        Ok(())
    }
}
