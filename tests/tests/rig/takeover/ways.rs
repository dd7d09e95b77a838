//! Ways to begin a migration, and their results.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::trace::ControllerName;
use libvirt_hpc_tests::rig::{HOSTS, Move, Rig};

use super::calls;
use super::traces::{self, Trace};
use crate::seconds;

/// Where virsh-hpc writes its trace.
const OURS: &str = "/tmp/virsh-hpc.trace";

/// How long a guest is allowed to move without an agent.
const WITHOUT: Duration = Duration::from_secs(15);

/// A client of libvirt's API.
const PYTHON: &str = "\
import libvirt, sys
domain = libvirt.open('qemu:///system').lookupByName(sys.argv[1])
domain.migrate3(libvirt.open(sys.argv[2]), {}, libvirt.VIR_MIGRATE_LIVE)
";

/// Who begins a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    VirshHpc,
    Direct,
    PeerToPeer,
    Python,
}

impl Way {
    pub(super) const ALL: [Self; 4] =
        [Self::VirshHpc, Self::Direct, Self::PeerToPeer, Self::Python];

    fn command<'a>(self, name: &'a str, to: &'a str) -> Vec<&'a str> {
        let virsh = |program| vec![program, "migrate", "--live", name, to];
        match self {
            // Without XBZRLE, which the others have not started with: the control is compared.
            Self::VirshHpc => {
                let ours = ["--hpc-compression", "no", "--hpc-trace", OURS];
                [virsh("virsh-hpc"), ours.to_vec()].concat()
            }
            Self::Direct => virsh("virsh"),
            Self::PeerToPeer => [virsh("virsh"), vec!["--p2p"]].concat(),
            Self::Python => vec!["python3", "-c", PYTHON, name, to],
        }
    }

    /// Moves a guest, whatever the result; `meanwhile` runs in parallel.
    pub(super) fn attempt(
        self,
        rig: &Rig,
        name: &str,
        (from, to): (&str, &str),
        meanwhile: impl FnOnce(&Rig) -> Result<()>,
    ) -> Result<Move> {
        let uri = format!("qemu+tcp://{to}/system");
        rig.migrate_from(from, name, &self.command(name, &uri), meanwhile)
    }

    /// Moves a guest, and requires that it has moved.
    pub(super) fn go(self, rig: &Rig, name: &str, (from, to): (&str, &str)) -> Result<Move> {
        let moved = self.attempt(rig, name, (from, to), |_| Ok(()))?;
        println!(
            "{name} {self:?} {from} -> {to}: {:.2} s, pause {:.0} ms",
            seconds(moved.total),
            moved.report.pause_ms.unwrap_or(f64::NAN)
        );
        ensure!(moved.output.status.success(), "{}", moved.stderr());
        Ok(moved)
    }
}

/// Without an agent, for longer than any of the moves with one takes, then aborted: only the guest's memory keeps it
/// from ending.
pub(super) fn does_not_end(rig: &Rig, name: &str, way: Way) -> Result<()> {
    let tried = way.attempt(rig, name, (HOSTS[0], HOSTS[1]), |rig| {
        sleep(WITHOUT);
        rig.run(HOSTS[0], &["virsh", "domjobabort", name]).map(drop)
    })?;
    println!(
        "{way:?} without an agent: aborted after {:.1} s",
        seconds(tried.total)
    );
    ensure!(
        !tried.output.status.success() && tried.total >= WITHOUT,
        "{way:?} ended by itself: {tried:?}"
    );
    ensure!(
        rig.state(HOSTS[0], name) == "running",
        "{name} is not where it was"
    );
    rig.whole(name)
}

/// One migration with agents on both hosts, and one controller for it: all of libvirtd's changes are in one trace, that
/// of the program that must steer.
pub(super) fn leg(rig: &Rig, name: &str, way: Way, hosts: (&str, &str)) -> Result<Move> {
    let (from, _) = hosts;
    let traced = traces::paths(rig, from, name)?.len();
    let called = calls::changing(rig, from, name)?.len();
    let stood_by = standing_by(rig, from, name)?;
    let moved = way.go(rig, name, hosts)?;
    rig.whole(name)?;
    let trace = match way {
        Way::VirshHpc => of_virsh_hpc(rig, from, name, traced, stood_by)?,
        _ => traces::of_agent(rig, from, name, traced)?,
    };
    let changes = &calls::changing(rig, from, name)?[called..];
    let limits = changes.iter().filter(|call| !call.sets_cache());
    let told: Vec<_> = limits.map(calls::Call::downtime_ms).collect();
    let traced: Vec<_> = trace.downtimes_ms.iter().copied().map(Some).collect();
    ensure!(
        !told.is_empty() && told == traced,
        "{way:?}: libvirtd was told {changes:?}, in the one trace are {traced:?}"
    );
    Ok(moved)
}

/// virsh-hpc's trace of a migration which the agent has neither traced nor left unmentioned.
fn of_virsh_hpc(
    rig: &Rig,
    from: &str,
    name: &str,
    traced: usize,
    stood_by: usize,
) -> Result<Trace> {
    ensure!(
        standing_by(rig, from, name)? == stood_by + 1,
        "the agent of {from} does not say that it stands by"
    );
    ensure!(
        traces::paths(rig, from, name)?.len() == traced,
        "the agent of {from} has traced what virsh-hpc steers"
    );
    let trace = traces::at(rig, from, OURS)?;
    ensure!(
        trace.begin.controller == ControllerName::VirshHpc,
        "{trace:?}"
    );
    Ok(trace)
}

/// How often the agent of a host has said that it stands by.
fn standing_by(rig: &Rig, host: &str, name: &str) -> Result<usize> {
    let log = rig.agent_log(host)?;
    let said = |line: &&str| line.contains(name) && line.contains("standing by");
    Ok(log.lines().filter(said).count())
}
