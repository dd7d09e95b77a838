//! Hosts whose libvirt is several daemons, as on Fedora and EL: virtqemud has the guests and calls the hook, virtproxyd
//! lets older clients and other hosts in. systemd starts each when somebody connects, and virtqemud ends when it has
//! neither guest nor client. `make modular` runs this, and other tests that must pass there.

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::trace::ControllerName;
use libvirt_hpc_tests::rig::{HOSTS, Move};

use super::BETA;
use super::agent::{SERVICE, knows, property, shell};
use super::life::{GUEST, Life};
use super::{deb, services};
use crate::control::stage::{DEFAULTS, tell};
use crate::hook::wait_until;
use crate::seconds;

/// The daemon of the guests, and its socket.
const DAEMON: &str = "virtqemud.service";

/// Clients that begin a migration: a script, in which `GUEST` moves from `HERE` to `URI`, and the program that must
/// steer it.
struct Client {
    name: &'static str,
    script: &'static str,
    steered_by: ControllerName,
}

const fn agents(name: &'static str, script: &'static str) -> Client {
    Client {
        name,
        script,
        steered_by: ControllerName::LibvirtHpcd,
    }
}

const fn own(name: &'static str, script: &'static str) -> Client {
    Client {
        name,
        script,
        steered_by: ControllerName::VirshHpc,
    }
}

/// Where virsh-hpc writes its trace: beside the agent's, to be found with them.
const OPTIONS: &str = "--hpc-trace /var/log/libvirt-hpc/own.trace";

const CLIENTS: [Client; 7] = [
    agents("virsh", "virsh migrate --live GUEST URI"),
    agents("virsh --p2p", "virsh migrate --live --p2p GUEST URI"),
    agents(
        "virsh -c qemu:///system?mode=legacy",
        "virsh -c 'qemu:///system?mode=legacy' migrate --live GUEST URI",
    ),
    agents(
        "Python",
        "python3 -c \"
import libvirt
domain = libvirt.open('qemu:///system').lookupByName('GUEST')
domain.migrate3(libvirt.open('URI'), {}, libvirt.VIR_MIGRATE_LIVE)\"",
    ),
    agents(
        "virsh-hpc -c qemu+tcp://SOURCE/system --p2p",
        "virsh-hpc -c qemu+tcp://HERE/system migrate --live --p2p GUEST URI",
    ),
    own("virsh-hpc", "virsh-hpc migrate --live OPTIONS GUEST URI"),
    own(
        "virsh-hpc -c qemu:///system?mode=legacy --p2p",
        "virsh-hpc -c 'qemu:///system?mode=legacy' migrate --live --p2p OPTIONS GUEST URI",
    ),
];

/// By virtproxyd's socket, and by ssh, at whose other end libvirt's helper finds virtqemud by itself.
const TRANSPORTS: [&str; 2] = ["qemu+tcp", "qemu+ssh"];

impl Life {
    /// One migration by `client`: it arrives, controlled by one program, the expected one.
    fn moves_by(&mut self, client: &Client, transport: &str, after: &str) -> Result<String> {
        self.on_here("rm -f /var/log/libvirt-hpc/*")?;
        let uri = format!("{transport}://{}/system", self.there());
        let script = client.script.replace("GUEST", GUEST).replace("URI", &uri);
        let script = script.replace("HERE", self.here());
        let script = script.replace("OPTIONS", OPTIONS);
        let command = ["timeout", "120", "sh", "-c", &script];
        let moved: Move = self
            .rig
            .migrate_from(self.here(), GUEST, &command, |_| Ok(()))?;
        ensure!(
            moved.output.status.success(),
            "{script}: {}",
            moved.stderr()
        );
        let told = tell(&self.on_here("cat /var/log/libvirt-hpc/*.trace")?)?;
        ensure!(
            told.by == [client.steered_by] && told.targets > 0,
            "{script}: {told:?}"
        );
        self.rig.whole(GUEST)?;
        self.here = 1 - self.here;
        let limits = self.limits()?;
        ensure!(limits == DEFAULTS, "{script}: limits {limits:?}");
        let (total, pause) = (seconds(moved.total), seconds(moved.pause()?));
        let by = client.steered_by.as_str();
        let name = client.name;
        let row =
            format!("| {after}`{name}` | `{transport}` | `{by}` | {total:.1} s | {pause:.2} s |");
        println!("{row}");
        Ok(row)
    }

    /// virtqemud ends, as when its package is upgraded: the agent reconnects by itself, and knows the guest.
    fn outlives_its_daemon(&self, how: &str) -> Result<()> {
        let before = property(&self.rig, self.here(), DAEMON, "MainPID")?;
        self.on_here(&format!("{how} 2>&1"))?;
        wait_until(
            "virtqemud runs again, and the agent knows the guest",
            || {
                let now = property(&self.rig, self.here(), DAEMON, "MainPID")?;
                Ok(now != before && now != "0" && knows(&self.rig, self.here(), GUEST)?)
            },
        )
    }
}

#[test]
#[ignore = "builds libvirt first: make modular"]
fn on_modular_hosts_any_clients_migration_is_steered() -> Result<()> {
    let mut life = Life::begin(&["--systemd"])?;
    ensure!(life.rig.daemon_name() == "virtqemud", "run 'make modular'");
    for host in HOSTS {
        shell(&life.rig, host, "! command -v libvirtd")?;
    }
    // On a host without guests virtqemud has ended, and does not have to know of the hook: it will find it.
    shell(&life.rig, BETA, "systemctl stop virtqemud.service 2>&1")?;
    for host in HOSTS {
        deb::apt(&life.rig, host, &format!("install {}", deb::in_host(1)))?;
    }
    wait_until("the agent has found the guest that runs already", || {
        knows(&life.rig, life.here(), GUEST)
    })?;
    services::are_sane(&life.rig)?;
    // Nothing runs there but sockets: the guest's start makes virtqemud start, and that the agent.
    shell(
        &life.rig,
        BETA,
        &format!("systemctl stop {SERVICE} virtqemud.service virtproxyd.service 2>&1"),
    )?;
    services::start_tiny(&life.rig, BETA)?;
    services::runs(&life.rig, BETA)?;

    let mut table = Vec::new();
    for client in &CLIENTS {
        for transport in TRANSPORTS {
            table.push(life.moves_by(client, transport, "")?);
        }
    }
    for how in [
        "systemctl stop virtqemud.service",
        "systemctl restart virtqemud.service",
        "systemctl kill --kill-whom=main --signal=KILL virtqemud.service",
    ] {
        life.outlives_its_daemon(how)?;
        let after = format!("`{how}`, then ");
        table.push(life.moves_by(&CLIENTS[0], TRANSPORTS[0], &after)?);
    }
    println!("| begun by | to | steered by | time | pause |\n|---|---|---|---|---|");
    println!("{}", table.join("\n"));
    Ok(())
}
