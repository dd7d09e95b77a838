//! The agent by systemd and its own answers, on a host that has the package.

use anyhow::{Context, Result, bail};
use libvirt_hpc_plugin::agent::api::{Control, Reply, Status};
use libvirt_hpc_tests::rig::Rig;

use crate::hook::run;

/// The unit.
pub(super) const SERVICE: &str = "libvirt-hpcd.service";

/// The unit that listens for the hook.
pub(super) const SOCKET: &str = "libvirt-hpcd.socket";

/// Runs a script in a host, for a minute at most.
pub(super) fn shell(rig: &Rig, host: &str, script: &str) -> Result<String> {
    run(rig, host, &["timeout", "60", "sh", "-c", script])
}

pub(super) fn property(rig: &Rig, host: &str, unit: &str, name: &str) -> Result<String> {
    let value = run(
        rig,
        host,
        &["systemctl", "show", "--value", "-p", name, unit],
    )?;
    Ok(value.trim().to_owned())
}

/// The process of a unit.
pub(super) fn pid(rig: &Rig, host: &str, unit: &str) -> Result<u32> {
    let pid = property(rig, host, unit, "MainPID")?;
    pid.parse()
        .with_context(|| format!("{unit}: process '{pid}'"))
}

/// The agent's own answer.
pub(super) fn status(rig: &Rig, host: &str) -> Result<Status> {
    let text = run(rig, host, &["virsh-hpc", "hpc-status", "--json"])?;
    match serde_json::from_str(&text).with_context(|| format!("hpc-status --json: {text}"))? {
        Reply::Status(status) => Ok(status),
        other => bail!("hpc-status --json: {other:?}"),
    }
}

/// Whether the agent watches a domain.
pub(super) fn knows(rig: &Rig, host: &str, domain: &str) -> Result<bool> {
    let domains = status(rig, host)?.domains;
    Ok(domains.iter().any(|known| known.name == domain))
}

/// Whether the agent steers a domain's migration. While it starts it does not answer.
pub(super) fn steers(rig: &Rig, host: &str, domain: &str) -> bool {
    let Ok(status) = status(rig, host) else {
        return false;
    };
    let mut domains = status.domains.into_iter();
    let found = domains.find(|known| known.name == domain);
    found
        .and_then(|found| found.migration)
        .is_some_and(|migration| migration.control == Control::Steering)
}

/// The log of the service, and of systemd about it, at `priority` or above, without times.
pub(super) fn journal(rig: &Rig, host: &str, priority: &str) -> Result<Vec<String>> {
    let command = [
        "journalctl",
        "--quiet",
        "--no-pager",
        "-o",
        "cat",
        "-u",
        SERVICE,
        "-u",
        SOCKET,
        "-p",
        priority,
    ];
    Ok(run(rig, host, &command)?
        .lines()
        .map(str::to_owned)
        .collect())
}
