//! A client that dies leaves its migration as virsh does.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Rig, marked};

/// Plain pre-copy ends for it with its first round.
const GUEST: [&str; 7] = marked("256", "128", "rate:8@4");

/// A first round takes ten seconds and more, or one.
const SLOW: &str = "100mbit";
const FAST: &str = "1gbit";

const NAME: &str = "client";

/// Earlier downtime and speed limits, which neither libvirt-hpc nor libvirt would choose.
const BEFORE: [&str; 2] = ["777", "500"];

/// How the command ended: a shell's number of the signal, which the test bed passes on.
fn signal(output: &Output) -> Option<i32> {
    let number = output.status.code().and_then(|code| code.checked_sub(128));
    output.status.signal().or(number)
}

fn ask(rig: &Rig, host: &str, command: &str) -> Result<String> {
    let output = rig.run(host, &["sh", "-c", command])?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Waits until the guest has arrived, or its migration is over without.
fn end(rig: &Rig, from: &str, to: &str) -> Result<bool> {
    for _ in 0..240 {
        if rig.state(to, NAME) == "running" && rig.state(from, NAME).is_empty() {
            return Ok(true);
        }
        if ask(rig, from, &format!("virsh -q domjobinfo {NAME}"))?.contains("None") {
            return Ok(false);
        }
        sleep(Duration::from_millis(250));
    }
    Ok(false)
}

/// The fate of a migration whose command got a signal in its first round.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    signal: Option<i32>,
    moved: bool,
    /// The downtime limit, of the job that went on.
    limit_ms: Option<String>,
}

fn fate(rig: &Rig, program: &str, options: &[&str], name: &str, from: usize) -> Result<Fate> {
    let (from, to) = (HOSTS[from], HOSTS[1 - from]);
    let [downtime, speed] = BEFORE;
    let set = format!(
        "virsh migrate-setmaxdowntime {NAME} {downtime}; virsh migrate-setspeed {NAME} {speed}"
    );
    ask(rig, from, &set)?;
    rig.link(SLOW)?;
    let uri = format!("qemu+tcp://{to}/system");
    let command = [&[program, "migrate", "--live", NAME, &uri], options].concat();
    let child = rig.spawn(from, &command)?;
    let iteration = format!("virsh -q domjobinfo {NAME} | grep -E '^Iteration: +1'");
    let mut flows = false;
    for _ in 0..200 {
        flows = !ask(rig, from, &iteration)?.is_empty();
        if flows {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    ensure!(flows, "{program}: no memory flows");
    // The controller has set its limit.
    sleep(Duration::from_millis(500));
    ask(rig, from, &format!("pkill -{name} '^{program}'"))?;
    let output = child.wait_with_output()?;
    let goes_on = ask(rig, from, &format!("virsh -q domjobinfo {NAME}"))?.contains("Unbounded");
    let limit = format!("virsh -q migrate-getmaxdowntime {NAME}");
    let limit_ms = match goes_on && !options.is_empty() {
        true => Some(ask(rig, from, &limit)?),
        false => None,
    };
    rig.link(FAST)?;
    let fate = Fate {
        signal: signal(&output),
        moved: end(rig, from, to)?,
        limit_ms,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{program} {options:?}, SIG{name}: {fate:?} {}", said.trim());
    rig.whole(NAME)?;
    if program == "virsh" {
        return Ok(fate);
    }
    if !options.is_empty() {
        ensure!(said.contains("goes on without this command"), "{said}");
        return Ok(fate);
    }
    ensure!(
        !said.contains("error:"),
        "virsh dies without a word: {said}"
    );
    for (get, before) in ["getmaxdowntime", "getspeed"].into_iter().zip(BEFORE) {
        let setting = ask(rig, from, &format!("virsh -q migrate-{get} {NAME}"))?;
        ensure!(setting == before, "{get}: {setting}, was {before}");
    }
    Ok(fate)
}

/// With `--p2p` the migration goes on, under the limits from before; otherwise it is aborted. The command dies of the
/// signal.
#[test]
fn a_client_that_dies_of_a_signal_leaves_what_virsh_leaves() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.guest(NAME, &GUEST)?;
    let mut at = 0;
    for (options, name) in [(&["--p2p"][..], "HUP"), (&["--p2p"], "TERM"), (&[], "TERM")] {
        let virsh = fate(&rig, "virsh", options, name, at)?;
        at = if virsh.moved { 1 - at } else { at };
        let hpc = fate(&rig, "virsh-hpc", options, name, at)?;
        at = if hpc.moved { 1 - at } else { at };
        ensure!(
            virsh == hpc,
            "SIG{name} {options:?}: virsh {virsh:?}, virsh-hpc {hpc:?}"
        );
        ensure!(hpc.signal.is_some(), "{hpc:?}");
        ensure!(hpc.moved != options.is_empty(), "{hpc:?}");
    }
    Ok(())
}
