//! systemd's state of the units.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Rig};

use super::BETA;
use super::agent::{SERVICE, SOCKET, journal, pid, property, shell};
use crate::hook::{MARK, run, tiny_domain, wait_until};

/// The exposure that `systemd-analyze security` may find, of 10.
const EXPOSURE_MOST: f64 = 1.0;

/// The states of the units on both hosts once the package is installed.
const EXPECTED: [(&str, &str, &str); 7] = [
    (SOCKET, "ActiveState", "active"),
    (SOCKET, "UnitFileState", "enabled"),
    (SERVICE, "ActiveState", "active"),
    (SERVICE, "UnitFileState", "disabled"),
    (SERVICE, "Result", "success"),
    (SERVICE, "NRestarts", "0"),
    (SERVICE, "TriggeredBy", SOCKET),
];

/// Requires that the units are as they should be, without complaints.
pub(super) fn are_sane(rig: &Rig) -> Result<()> {
    for host in HOSTS {
        for (unit, name, expected) in EXPECTED {
            let found = property(rig, host, unit, name)?;
            ensure!(found == expected, "{host}: {unit} has {name}={found}");
        }
        let listens = property(rig, host, SOCKET, "Listen")?;
        ensure!(listens.contains("hook.sock"), "{host}: {listens}");
        let failed = run(rig, host, &["systemctl", "--failed", "--quiet", "--plain"])?;
        ensure!(failed.is_empty(), "{host}: failed units: {failed}");
    }
    let status = format!("systemctl status --no-pager {SERVICE} {SOCKET}");
    println!("{}", shell(rig, BETA, &status)?);
    // A host need not have man, by which the pages that the units name are looked for.
    let verify = format!("systemd-analyze verify --man=no {SERVICE} {SOCKET} 2>&1");
    let verified = shell(rig, BETA, &verify)?;
    ensure!(verified.is_empty(), "systemd-analyze verify: {verified}");
    exposure(rig)
}

/// Requires that the service is as little exposed as it should be, and prints the exposure.
fn exposure(rig: &Rig) -> Result<()> {
    let unit = format!("/usr/lib/systemd/system/{SERVICE}");
    let command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--no-pager",
        &unit,
    ];
    let text = run(rig, BETA, &command)?;
    for line in text
        .lines()
        .filter(|line| line.starts_with('✗') || line.starts_with('→'))
    {
        println!("{line}");
    }
    let rating = text
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let rating = rating.and_then(|line| line.split_once(": ")?.1.split(' ').next());
    let rating: f64 = rating.with_context(|| text.clone())?.parse()?;
    ensure!(rating <= EXPOSURE_MOST, "exposure {rating}");
    Ok(())
}

/// Stops the agent of a host; its socket goes on listening.
pub(super) fn stop(rig: &Rig, host: &str) -> Result<()> {
    shell(rig, host, &format!("systemctl stop {SERVICE} 2>&1"))?;
    ensure!(
        property(rig, host, SERVICE, "ActiveState")? == "inactive",
        "it was not stopped"
    );
    ensure!(
        property(rig, host, SOCKET, "ActiveState")? == "active",
        "its socket was stopped"
    );
    Ok(())
}

/// Requires that a marked domain that starts is enough for an agent to run.
pub(super) fn started_by_an_announcement(rig: &Rig, host: &str) -> Result<()> {
    stop(rig, host)?;
    start_tiny(rig, host)?;
    runs(rig, host)
}

/// Requires that an agent is started on a host.
pub(super) fn runs(rig: &Rig, host: &str) -> Result<()> {
    wait_until("the hook has activated an agent", || {
        Ok(property(rig, host, SERVICE, "SubState")? == "running")
    })
}

/// Starts and ends a marked domain that has nothing in it.
pub(super) fn start_tiny(rig: &Rig, host: &str) -> Result<()> {
    let script = "echo \"$0\" >/run/tiny.xml && virsh -q create --paused /run/tiny.xml && virsh -q destroy tiny";
    run(
        rig,
        host,
        &[
            "timeout",
            "60",
            "sh",
            "-c",
            script,
            &tiny_domain("tiny", MARK),
        ],
    )
    .map(drop)
}

/// An agent that was stopped dead.
pub(super) struct Hung {
    pid: u32,
    warnings: usize,
}

/// Keeps the agent of beta from running, as a bug or a machine out of memory might.
pub(super) fn hang(rig: &Rig) -> Result<Hung> {
    let hung = Hung {
        pid: pid(rig, BETA, SERVICE)?,
        warnings: journal(rig, BETA, "warning")?.len(),
    };
    ensure!(
        hung.warnings == 0,
        "warnings before: {:?}",
        journal(rig, BETA, "warning")?
    );
    shell(rig, BETA, &format!("kill -STOP {}", hung.pid))?;
    Ok(hung)
}

/// Requires that the watchdog has ended it and another runs instead: restarted, or activated by the hook's unread
/// messages, whichever was first.
pub(super) fn succeeded(rig: &Rig, hung: &Hung) -> Result<()> {
    wait_until("the hung agent has a successor", || {
        let running = property(rig, BETA, SERVICE, "SubState")? == "running";
        Ok(running && pid(rig, BETA, SERVICE)? != hung.pid)
    })?;
    let said = journal(rig, BETA, "warning")?;
    println!("the hung agent has a successor; systemd said {said:?}");
    ensure!(
        said.iter().any(|line| line.contains("Watchdog timeout")),
        "{said:?}"
    );
    Ok(())
}
