//! Who is notified: the agents of both hosts, and the log of the one at which a bad policy arrives.

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, Rig};

use super::{ALPHA, BETA, create_paused, run, start_agent, times_told, wait_until};

const BAD_POLICY: &str = "<m:migration xmlns:m='urn:libvirt-hpc:domain:1.0'>\
                          <m:downtime max='x'/></m:migration>";

/// Puts a socket at the place of the log, over a `/dev` that is the machine's, and keeps its content.
const LOG: &str = "mkdir /run/upper /run/work &&
mount -t overlay -o lowerdir=/dev,upperdir=/run/upper,workdir=/run/work overlay /dev && rm -f /dev/log &&
setsid python3 -uc \"$0\" </dev/null >/rig/syslog 2>&1 &
until [ -S /dev/log ]; do sleep 0.1; done";

/// One line for each datagram.
const KEEP: &str = "
import socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind('/dev/log')
while True:
    print(log.recv(65536).decode())
";

fn wait_until_told(rig: &Rig, host: &str, what: &str) -> Result<()> {
    let told = format!("the hook tells of rank0: {what}\n");
    wait_until(&told, || Ok(rig.agent_log(host)?.contains(&told)))
}

#[test]
fn the_hook_tells_the_agents_and_warns_of_a_policy_that_arrives() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.install_product()?;
    for host in [ALPHA, BETA] {
        start_agent(&rig, host)?;
    }
    run(&rig, BETA, &["timeout", "20", "sh", "-c", LOG, KEEP])?;
    create_paused(&rig, "rank0", BAD_POLICY)?;
    create_paused(&rig, "plain", "")?;
    wait_until_told(&rig, ALPHA, "started begin")?;

    let mark = ["virsh", "metadata", "rank0", "urn:libvirt-hpc:domain:1.0"];
    let before = run(&rig, ALPHA, &mark)?;
    for name in ["plain", "rank0"] {
        run(
            &rig,
            ALPHA,
            &["virsh", "migrate", "--live", name, DESTINATION],
        )?;
    }
    wait_until_told(&rig, BETA, "migrate begin")?;
    wait_until_told(&rig, ALPHA, "stopped end")?;
    ensure!(run(&rig, BETA, &mark)? == before, "the XML was changed");
    for host in [ALPHA, BETA] {
        ensure!(
            times_told(&rig, host, "plain")? == 0,
            "{host}: an unmarked guest"
        );
    }

    let warned = "domain rank0: migration policy: line ";
    wait_until("the log is warned", || {
        Ok(run(&rig, BETA, &["cat", "/rig/syslog"])?.contains(warned))
    })?;
    let log = run(&rig, BETA, &["cat", "/rig/syslog"])?;
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" libvirt-hpc-hook["))
        .collect();
    println!("{}", lines.join("\n"));
    let [line] = lines.as_slice() else {
        anyhow::bail!("one line, not {log}");
    };
    let reason =
        "<downtime>: max must be an integer from 1 to 2000000, not \"x\"; the defaults apply";
    ensure!(line.starts_with("<28>") && line.contains(warned), "{line}");
    ensure!(line.ends_with(reason), "{line}");
    Ok(())
}
