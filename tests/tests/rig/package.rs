//! The life of the package on hosts that boot systemd and had no libvirt-hpc before: installed, used, upgraded and
//! removed while a guest moves, purged, and no trace of it left.

mod agent;
mod deb;
mod files;
mod life;
mod modular;
mod moves;
mod services;

use anyhow::Result;
use libvirt_hpc_tests::rig::HOSTS;

use life::Life;

/// Where the guest goes first, where an agent is hung, and where a site has hooks of its own.
const BETA: &str = HOSTS[1];

#[test]
fn debian_13_installs_upgrades_and_removes_under_a_migration() -> Result<()> {
    let mut life = Life::begin(&["--systemd"])?;
    life.install()?;
    let hung = services::hang(&life.rig)?;
    life.moves_by_plain_virsh()?;
    services::succeeded(&life.rig, &hung)?;
    life.moves_by_virsh_hpc()?;
    life.upgrades_under_a_migration()?;
    life.is_removed_under_a_migration()?;
    life.is_purged()
}

#[test]
#[ignore = "a minute: make thorough"]
fn debian_12_installs_upgrades_and_removes_under_a_migration() -> Result<()> {
    let mut life = Life::begin(&["--systemd", "--old"])?;
    life.install()?;
    services::stop(&life.rig, BETA)?;
    life.moves_by_plain_virsh()?;
    life.upgrades_under_a_migration()?;
    life.is_removed_under_a_migration()?;
    life.is_purged()
}
