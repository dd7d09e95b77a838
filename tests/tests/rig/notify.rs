//! Others are told of a migration, and its progress is drawn on a terminal. Under KVM, so that it takes seconds; without
//! it the test says so and passes.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use libvirt_hpc_plugin::notify::{Happened, Notification};
use libvirt_hpc_tests::rig::{AgentVerb, DESTINATION, HOSTS, Kvm, Rig};

use crate::SMALL_SATURATED;

const ALPHA: &str = HOSTS[0];
const GUEST: &str = "told";

/// A program that keeps what it is told, and one that fails.
const PROGRAMS: &str = "mkdir -p -m 755 /etc/libvirt-hpc/notify.d && cd /etc/libvirt-hpc/notify.d && \
                        printf '#!/bin/sh\\ncat >>/tmp/told\\n' >10-keep && \
                        printf '#!/bin/sh\\nexit 3\\n' >20-fail && chmod 755 10-keep 20-fail";

/// A pause that is announced. Stopped in full, the guest pauses for 0.55 s: it has 64 MiB and the link 1 Gbit/s. A busy
/// machine may hold it up for so long that it stops under the limit of a law that waits, which is no news.
const LONG_PAUSE_MS: u64 = 300;

/// What a file on the first host was told.
fn notifications(rig: &Rig, file: &str) -> Result<Vec<Happened>> {
    let output = rig.run(ALPHA, &["cat", file])?;
    let text = String::from_utf8(output.stdout)?;
    let read = |line| serde_json::from_str::<Notification>(line).map(|told| told.happened);
    Ok(text.lines().map(read).collect::<Result<_, _>>()?)
}

/// Waits until a file says that so many migrations have arrived, each that paused long after its switchover was
/// allowed.
fn told(rig: &Rig, file: &str, arrived: usize) -> Result<()> {
    for _ in 0..100 {
        let told = notifications(rig, file)?;
        let arrivals = told.iter().filter_map(|happened| match happened {
            Happened::Arrived { pause_ms, .. } => Some(*pause_ms),
            _ => None,
        });
        if arrivals.clone().count() == arrived {
            let long = arrivals.flatten().filter(|ms| *ms >= LONG_PAUSE_MS).count();
            let is_allowed =
                |happened: &&Happened| matches!(happened, Happened::SwitchoverAllowed { .. });
            let allowed = told.iter().filter(is_allowed).count();
            ensure!(allowed >= long.max(1), "{file}: {told:?}");
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
    anyhow::bail!(
        "{file} does not tell of {arrived} arrivals; the agent: {}",
        rig.agent_log(ALPHA)?
    )
}

#[test]
fn others_are_told_of_both_controllers_migrations_and_the_terminal_shows_a_bar() -> Result<()> {
    let rig = Rig::up(&[])?;
    if rig.kvm()? == Kvm::None {
        println!("skipped: this machine has no KVM");
        return Ok(());
    }
    rig.install_product()?;
    ensure!(rig.run(ALPHA, &["sh", "-c", PROGRAMS])?.status.success());
    rig.agent(ALPHA, AgentVerb::Start, &[])?;
    let follow = "exec virsh-hpc hpc-status --follow >/tmp/followed";
    let mut follower = rig.spawn(ALPHA, &["sh", "-c", follow])?;
    rig.guest(GUEST, &[&SMALL_SATURATED[..], &["--accel", "kvm"]].concat())?;
    by_virsh_hpc_on_a_terminal(&rig)?;
    let back = format!("qemu+tcp://{ALPHA}/system");
    let back = ["virsh-hpc", "migrate", "--live", GUEST, &back];
    ensure!(
        rig.migrate_from(HOSTS[1], GUEST, &back, |_| Ok(()))?
            .output
            .status
            .success()
    );
    let by_virsh = ["virsh", "migrate", "--live", GUEST, DESTINATION];
    ensure!(
        rig.migrate_from(ALPHA, GUEST, &by_virsh, |_| Ok(()))?
            .output
            .status
            .success()
    );
    told(&rig, "/tmp/told", 2)?;
    told(&rig, "/tmp/followed", 2)?;
    follower.kill()?;
    follower.wait()?;
    rig.whole(GUEST)
}

fn by_virsh_hpc_on_a_terminal(rig: &Rig) -> Result<()> {
    let command = format!("TERM=xterm virsh-hpc migrate --live --verbose {GUEST} {DESTINATION}");
    let command = ["script", "-qec", &command, "/tmp/typed"];
    let moved = rig.migrate_from(ALPHA, GUEST, &command, |_| Ok(()))?;
    let typed = String::from_utf8_lossy(&moved.output.stdout).into_owned();
    ensure!(moved.output.status.success(), "{typed}");
    ensure!(typed.contains(" %  memory"), "no bar: {typed:?}");
    ensure!(
        typed.contains("the pause would be "),
        "no decision: {typed:?}"
    );
    ensure!(typed.contains("100"), "no end: {typed:?}");
    ensure!(
        typed.contains("20-fail ended with exit status: 3"),
        "{typed:?}"
    );
    Ok(())
}
