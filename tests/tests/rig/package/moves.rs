//! The guest's migrations between hosts that have the package.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::Move;

use super::BETA;
use super::agent::{shell, steers};
use super::life::{CALLS, GUEST, Life, SITES};
use super::services;
use crate::control::stage::{DEFAULTS, tell};
use crate::hook::wait_until;

impl Life {
    /// By a program that knows nothing of libvirt-hpc.
    pub(super) fn moves_by_plain_virsh(&mut self) -> Result<()> {
        let moved = self.moves("virsh", |_| Ok(()))?;
        self.arrived("virsh", &moved, 1)?;
        services::runs(&self.rig, BETA)?;
        // The site's own hooks are called as before, along with libvirt-hpc's.
        let calls = shell(&self.rig, BETA, &format!("cat {CALLS}"))?;
        for hook in SITES {
            let call = format!("{hook} {GUEST} migrate begin -");
            ensure!(calls.contains(&call), "not called: {call}\n{calls}");
        }
        Ok(())
    }

    /// By virsh-hpc, while the agent stands by.
    pub(super) fn moves_by_virsh_hpc(&mut self) -> Result<()> {
        let moved = self.moves("virsh-hpc", |_| Ok(()))?;
        self.arrived("virsh-hpc", &moved, 0)
    }

    /// Moves the guest; earlier traces are removed before.
    pub(super) fn moves(
        &self,
        program: &str,
        meanwhile: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Move> {
        self.on_here("rm -f /var/log/libvirt-hpc/*")?;
        let destination = format!("qemu+tcp://{}/system", self.there());
        let command = [
            "timeout",
            "240",
            program,
            "migrate",
            "--live",
            GUEST,
            &destination,
        ];
        self.rig
            .migrate_from(self.here(), GUEST, &command, |_| meanwhile(self))
    }

    /// Requires that the guest has arrived whole, steered by as many agents, and runs on from there.
    pub(super) fn arrived(&mut self, what: &str, moved: &Move, agents: usize) -> Result<()> {
        let (total, pause) = (moved.total.as_secs_f64(), moved.pause()?.as_secs_f64());
        let traces = self.on_here("cat /var/log/libvirt-hpc/*.trace 2>/dev/null || true")?;
        let told = tell(&traces)?;
        println!("{what}: moved in {total:.1} s, pause {pause:.3} s; {told:?}");
        ensure!(moved.output.status.success(), "{what}: {}", moved.stderr());
        ensure!(told.by.len() == agents, "{what}: {told:?}");
        ensure!(
            agents == 0 || told.downtime_most_ms >= 800,
            "{what}: {told:?}"
        );
        self.rig.whole(GUEST)?;
        self.here = 1 - self.here;
        ensure!(
            self.rig.state(self.here(), GUEST) == "running",
            "{what}: the guest does not run where it should"
        );
        let limits = self.limits()?;
        ensure!(limits == DEFAULTS, "{what}: limits {limits:?}");
        Ok(())
    }

    /// Waits until the agent here steers.
    pub(super) fn steered(&self) -> Result<()> {
        wait_until("the agent steers", || {
            Ok(steers(&self.rig, self.here(), GUEST))
        })
    }

    /// libvirt's downtime and speed limits of the guest.
    pub(super) fn limits(&self) -> Result<[String; 2]> {
        let ask = |what: &str| self.on_here(&format!("virsh -q {what} {GUEST}"));
        let [downtime, speed] = [ask("migrate-getmaxdowntime")?, ask("migrate-getspeed")?];
        Ok([downtime.trim().to_owned(), speed.trim().to_owned()])
    }
}
