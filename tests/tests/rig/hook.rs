//! The hook as libvirt calls it: how long a guest waits, and which agents are notified.

mod call;
mod says;
mod starts;
mod waits;

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use libvirt_hpc_tests::rig::{AgentVerb, HOSTS, Rig};

const ALPHA: &str = HOSTS[0];
const BETA: &str = HOSTS[1];

/// The package's path of the hook.
pub(crate) const HOOK: &str = "/etc/libvirt/hooks/qemu.d/50-libvirt-hpc";

/// A mark without a policy.
pub(crate) const MARK: &str = "<m:migration xmlns:m='urn:libvirt-hpc:domain:1.0'/>";

/// The smallest domain that QEMU runs, without a system: it is for libvirt to start, hold and end.
pub(crate) fn tiny_domain(name: &str, metadata: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><metadata>{metadata}</metadata>\
         <memory unit='MiB'>16</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>\
         <emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='none'/></devices></domain>"
    )
}

/// Creates such a domain on the first host, paused.
fn create_paused(rig: &Rig, name: &str, metadata: &str) -> Result<()> {
    let create = "echo \"$0\" >/tmp/tiny.xml && virsh -q create --paused /tmp/tiny.xml";
    run(
        rig,
        ALPHA,
        &["sh", "-c", create, &tiny_domain(name, metadata)],
    )
    .map(drop)
}

/// Runs a command in a host that must succeed; returns its output.
pub(crate) fn run(rig: &Rig, host: &str, command: &[&str]) -> Result<String> {
    let output = rig.run(host, command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} on {host}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts the agent of a host with all that it logs, and waits until it knows the domains.
pub(crate) fn start_agent(rig: &Rig, host: &str) -> Result<()> {
    let file = "/etc/libvirt-hpc/agent.toml";
    let configure = format!("echo 'log_level = \"debug\"' >{file}");
    run(rig, host, &["sh", "-c", &configure])?;
    rig.agent(host, AgentVerb::Start, &[])?;
    wait_until("the agent polls the domains", || {
        let status = run(rig, host, &["virsh-hpc", "hpc-status", "--json"])?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        Ok(status["looked_ago_ms"].is_u64())
    })
}

/// How often an agent of the host has heard of `domain`, of which operation ever.
fn times_told(rig: &Rig, host: &str, domain: &str) -> Result<usize> {
    let told = format!("the hook tells of {domain}: ");
    Ok(rig.agent_log(host)?.matches(&told).count())
}

/// Waits for a level, for half a minute at most.
pub(crate) fn wait_until(what: &str, is: impl Fn() -> Result<bool>) -> Result<()> {
    for _ in 0..300 {
        if is()? {
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    bail!("waited in vain until {what}")
}

/// A number of the environment.
pub(crate) fn number(variable: &str, default: usize) -> Result<usize> {
    Ok(std::env::var(variable).map_or(Ok(default), |text| text.parse())?)
}
