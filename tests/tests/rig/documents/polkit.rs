//! The package's rule for polkit, where libvirt asks polkit about every call: a member of the group may
//! migrate a guest, and do nothing else to it.

use anyhow::{Context, Result, ensure};

use super::blocks::blocks_of;
use super::walk::Walk;

/// Where the documents put the rule that lets members connect.
const CONNECT_RULE: &str = "/etc/polkit-1/rules.d/50-libvirt-hpc-connect.rules";

/// libvirt with its fine-grained driver, as an administrator would set it; `DAEMON` has the guests.
const DRIVER: &str = "
sed -i 's/^auth_unix_rw = .*/auth_unix_rw = \"polkit\"/' /etc/libvirt/DAEMON.conf
echo 'access_drivers = [ \"polkit\" ]' >>/etc/libvirt/DAEMON.conf
systemctl restart DAEMON";

/// Calls that a member may not make.
const FORBIDDEN: [&str; 8] = [
    "virsh domjobabort solver",
    "virsh destroy solver",
    "virsh suspend solver",
    "virsh shutdown solver",
    "virsh undefine solver",
    "virsh attach-disk solver /etc/passwd vdb",
    "virsh dumpxml --security-info solver",
    "virsh-hpc hpc-policy solver --mark",
];

/// `command` as a user on the first host.
fn by(user: &str, command: &str) -> String {
    format!("runuser -u {user} -- {command}")
}

#[test]
fn members_of_the_group_may_migrate_and_nothing_else() -> Result<()> {
    let walk = Walk::begin()?;
    walk.install()?;
    walk.shell("virsh-hpc hpc-policy solver --mark")?;
    walk.shell("groupadd --system libvirt-hpc; useradd -G libvirt-hpc member; useradd stranger")?;
    walk.shell(&DRIVER.replace("DAEMON", walk.rig.daemon_name()))?;

    // The package's rule lets nobody connect.
    let connect = "virsh -c qemu:///system list";
    let said = walk.refused(&by("member", connect))?;
    ensure!(said.contains("authentication"), "{said}");
    let rules = blocks_of("js")?;
    let rule = &rules.first().context("no rule in the documents")?.text;
    walk.shell(&format!(
        "cat >{CONNECT_RULE} <<'END'\n{rule}END\nsystemctl reload polkit"
    ))?;

    ensure!(walk.shell(&by("member", connect))?.contains("solver"));
    walk.refused(&by("stranger", connect))?;
    for command in FORBIDDEN {
        let command = command.replacen(' ', " -c qemu:///system ", 1);
        let said = walk.refused(&by("member", &command))?;
        ensure!(said.contains("access denied"), "{command}: {said}");
    }
    // The agent is root, whom polkit asks nothing.
    walk.shell("until virsh-hpc hpc-status solver; do sleep 0.2; done")?;
    let migrate = "virsh-hpc -c qemu:///system migrate --live --p2p solver qemu+tcp://beta/system";
    let said = walk.shell(&by("member", migrate))?;
    ensure!(said.contains("virsh-hpc: solver moved in "), "{said}");
    walk.rig.whole("solver")?;
    let log = walk.shell("journalctl -t libvirt-hpcd")?;
    ensure!(log.contains("solver: controlling its migration"), "{log}");
    Ok(())
}
