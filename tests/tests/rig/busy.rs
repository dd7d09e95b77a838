//! A host on which other domains take long to start, as those with many huge pages do: queries and orders of the agent
//! work as ever meanwhile.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::agent::api::Control;
use libvirt_hpc_tests::rig::{AgentVerb, marked};

use crate::control::stage::{DEFAULTS, GUEST, Stage};
use crate::hook::{MARK, tiny_domain};

/// How long a start takes: more than the minute after which a silent libvirt is given up.
const START: Duration = Duration::from_secs(65);

/// Keeps the start of a domain whose name is `slow…` waiting, as libvirt then keeps every list of domains.
const SLOW: &str = "#!/bin/sh
case \"$1 $2 $3\" in slow*' start begin') exec sleep SECONDS ;; esac
";

/// A limit that a user has stored, below the remainder of the guest.
const STORED: [&str; 2] = ["100", DEFAULTS[1]];

/// The promise for a migration without an event; one with an event is found at once.
const PROMISED: Duration = Duration::from_secs(10);

/// Three marked domains that begin to start at once.
fn start_slowly(stage: &Stage) -> Result<Vec<Child>> {
    let (host, hook) = (stage.here(), "/etc/libvirt/hooks/qemu.d/10-slow");
    let text = SLOW.replace("SECONDS", &START.as_secs().to_string());
    stage.on(
        host,
        &format!("cat >{hook} <<'END'\n{text}END\nchmod 755 {hook}"),
    )?;
    let create = "echo \"$1\" >/tmp/$0.xml && exec virsh -q create --paused /tmp/$0.xml";
    let start = |name: &str| {
        let xml = tiny_domain(name, MARK);
        stage
            .rig
            .spawn(host, &["sh", "-c", create, name, &xml])
            .context("starting a domain")
    };
    let starting = ["slow1", "slow2", "slow3"].map(start);
    stage.wait("three domains start", 30, || {
        let sleeps = stage.on(
            host,
            &format!("pgrep -fxc 'sleep {}' || true", START.as_secs()),
        )?;
        Ok(sleeps.trim() == "3")
    })?;
    starting.into_iter().collect()
}

/// Waits until the agent steers; how long that took.
fn steered(stage: &Stage) -> Result<Duration> {
    let begin = stage.rig.now()?;
    stage.wait("the agent steers", PROMISED.as_secs(), || {
        let migration = stage.migration()?;
        Ok(migration.is_some_and(|m| m.control == Control::Steering))
    })?;
    Ok(stage.rig.now()?.saturating_sub(begin))
}

/// A guest whose user suspends it in the middle of its migration, and resumes it before the end: libvirt refuses to do
/// that, but QEMU does it.
fn suspended(stage: &mut Stage) -> Result<()> {
    // Slow enough for the first round to be there yet when the agent has set its first limit.
    let moved = stage.virsh(&["--bandwidth", "40"], |stage| {
        stage.when_traced(r#""type":"outcome""#, "true")?;
        let run_on = "virsh -q qemu-monitor-command --hmp g cont";
        let state = stage.on(
            stage.here(),
            &format!(
                "virsh -q suspend {GUEST} && sleep 0.3 && {run_on}; virsh -q domstate {GUEST}"
            ),
        )?;
        println!("suspended and let run on: {}", state.trim());
        Ok(())
    })?;
    stage.arrived("suspended, and let run on", &moved)
}

/// Requires that the agent steers under the limit stored before, and that it is still in force in the end.
fn obeyed(stage: &Stage, what: &str, begin: impl FnOnce(&Stage) -> Result<()>) -> Result<()> {
    let host = stage.here();
    let skip = stage.logged(host)?;
    stage.set_limits(STORED)?;
    let moved = stage.virsh(&[], |stage| {
        begin(stage)?;
        steered(stage)?;
        // A round under it.
        stage.when_traced(r#""kind":"round""#, "true")?;
        stage
            .on(host, &format!("virsh domjobabort {GUEST}"))
            .map(drop)
    })?;
    stage.stayed(what, &moved, STORED)?;
    let (said, told) = (stage.said(host, skip, "kept")?, stage.told(host)?);
    println!("{what}: {said:?}; {told:?}");
    ensure!(said.len() == 1, "{what}: said {said:?}");
    ensure!(
        told.targets > 0 && told.downtime_most_ms <= 100,
        "{what}: {told:?}"
    );
    Ok(())
}

/// A stored limit is an order, and reported, whoever finds it when.
fn stored(stage: &mut Stage) -> Result<()> {
    let host = stage.here();
    obeyed(stage, "stored before, found at once", |_| Ok(()))?;
    stage.rig.agent(host, AgentVerb::Stop, &[])?;
    obeyed(stage, "stored before, found in the midst", |stage| {
        stage.when_round(2)?;
        stage.rig.agent(host, AgentVerb::Start, &[])
    })?;
    let destination = stage.destination();
    let trace = "/var/log/libvirt-hpc/command.trace";
    let command = ["virsh-hpc", "migrate", "--live", GUEST, &destination];
    let moved = stage.by(
        host,
        &[&command[..], &["--hpc-trace", trace]].concat(),
        |stage| {
            stage.when_round(3)?;
            stage
                .on(host, &format!("virsh domjobabort {GUEST}"))
                .map(drop)
        },
    )?;
    stage.stayed("stored before, under virsh-hpc", &moved, STORED)?;
    let (said, told) = (moved.stderr(), stage.told(host)?);
    println!("virsh-hpc: {}; {told:?}", said.trim());
    ensure!(said.contains("was set to 100 ms before"), "said {said}");
    ensure!(
        told.targets > 0 && told.downtime_most_ms <= 100,
        "virsh-hpc: {told:?}"
    );
    stage.set_limits(DEFAULTS)
}

#[test]
#[ignore = "a minute and a half: make thorough"]
fn a_host_whose_domains_start_slowly_is_watched_and_orders_count() -> Result<()> {
    let mut stage = Stage::up(&marked("256", "96", "flat:64"))?;
    let host = stage.here();
    let skip = stage.logged(host)?;
    let begun = stage.rig.now()?;
    let starting = start_slowly(&stage)?;
    // A new agent has not polled yet, and cannot: libvirt does not tell which domains are active.
    stage.rig.agent(host, AgentVerb::Kill, &[])?;
    stage.rig.agent(host, AgentVerb::Start, &[])?;
    let python = "import libvirt, sys
domain = libvirt.open('qemu:///system').lookupByName(sys.argv[1])
domain.migrate3(libvirt.open(sys.argv[2]), {}, libvirt.VIR_MIGRATE_LIVE)";
    let destination = stage.destination();
    let moved = stage.by(
        host,
        &["python3", "-c", python, GUEST, &destination],
        |stage| {
            println!("found after {:.2?}", steered(stage)?);
            Ok(())
        },
    )?;
    stage.arrived("begun while domains start", &moved)?;
    stored(&mut stage)?;
    suspended(&mut stage)?;
    let silent = START + Duration::from_secs(5);
    while stage.rig.now()?.saturating_sub(begun) < silent {
        let status = stage.status(host)?;
        ensure!(status.libvirt_error.is_none(), "{:?}", status.libvirt_error);
        std::thread::sleep(Duration::from_secs(1));
    }
    for child in starting {
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{output:?}");
    }
    stage.wait("the agent knows those that have started", 15, || {
        let domains = stage.status(host)?.domains;
        let slow = domains
            .iter()
            .filter(|domain| domain.name.starts_with("slow"));
        Ok(slow.filter(|domain| domain.marked_by.is_some()).count() == 3)
    })?;
    let lost = stage.said(host, skip, "cannot be reached")?;
    ensure!(lost.is_empty(), "{lost:?}");
    Ok(())
}
