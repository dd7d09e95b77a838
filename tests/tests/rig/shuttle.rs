//! One guest that moves to and fro between the hosts, so that many moves need one start.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Move, Rig};

/// The guest, and where it is.
pub(crate) struct Shuttle<'a> {
    rig: &'a Rig,
    name: &'a str,
    at: usize,
}

impl<'a> Shuttle<'a> {
    /// Starts a guest on the first host.
    pub(crate) fn start(rig: &'a Rig, name: &'a str, guest: &[&str]) -> Result<Self> {
        rig.guest(name, guest)?;
        Ok(Self { rig, name, at: 0 })
    }

    /// The host it is on.
    pub(crate) fn host(&self) -> &'static str {
        HOSTS[self.at]
    }

    /// Lets `program` (`virsh` or `virsh-hpc`) migrate it to the other host, with `meanwhile` in parallel; whatever the
    /// result, the guest is whole. Prints the measurements.
    pub(crate) fn go(
        &mut self,
        program: &str,
        options: &[&str],
        meanwhile: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Move> {
        let uri = format!("qemu+tcp://{}/system", HOSTS[1 - self.at]);
        let command = [&[program, "migrate", "--live", self.name, &uri], options].concat();
        let moved = self
            .rig
            .migrate_from(self.host(), self.name, &command, |_| meanwhile(self))?;
        self.rig.whole(self.name)?;
        println!(
            "{:<12} {program:<9} {:>7.2} s  pause {:>7.0} ms  {} {}",
            self.name,
            moved.total.as_secs_f64(),
            moved.report.pause_ms.unwrap_or(f64::NAN),
            options.join(" "),
            moved.stderr().lines().last().unwrap_or_default()
        );
        if moved.output.status.success() {
            self.at = 1 - self.at;
            ensure!(moved.report.host == self.host(), "{moved:?}");
        }
        Ok(moved)
    }

    /// By virsh-hpc, which must succeed.
    pub(crate) fn virsh_hpc(&mut self, options: &[&str]) -> Result<Move> {
        self.arrives("virsh-hpc", options)
    }

    /// By virsh, which must succeed.
    pub(crate) fn virsh(&mut self) -> Result<Move> {
        self.arrives("virsh", &[])
    }

    fn arrives(&mut self, program: &str, options: &[&str]) -> Result<Move> {
        let moved = self.go(program, options, |_| Ok(()))?;
        let failed = !moved.output.status.success();
        ensure!(!failed, "{program} {options:?}: {}", moved.stderr());
        Ok(moved)
    }

    /// Runs a command on the host it is on.
    pub(crate) fn run(&self, command: &[&str]) -> Result<()> {
        self.rig.run(self.host(), command).map(drop)
    }
}

impl Drop for Shuttle<'_> {
    fn drop(&mut self) {
        self.rig.destroy(self.name);
    }
}
