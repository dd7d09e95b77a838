//! What the agents count, beside what their traces say. Under KVM, so that fifty migrations take minutes; without it the
//! test says so and passes.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{AgentVerb, HOSTS, Kvm, Rig};
use serde_json::Value;

use crate::SMALL_SATURATED;
use crate::shuttle::Shuttle;

const MOVES: usize = 50;

/// Every so many is aborted.
const ABORTED: usize = 10;

/// Switches the metrics on.
const SWITCH_ON: &str = "sed -i 's|^#directory = \"/run/libvirt-hpc/metrics\"|directory = \"/run/libvirt-hpc/metrics\"|' \
                         /etc/libvirt-hpc/agent.toml && grep -q '^directory = \"/run/libvirt-hpc/metrics' \
                         /etc/libvirt-hpc/agent.toml";
const FILE: &str = "/run/libvirt-hpc/metrics/libvirt-hpc.prom";

/// What one host has counted, or what its traces say.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    moved: f64,
    failed: f64,
    pauses: f64,
    pause_ms: f64,
    total_ms: f64,
    sent_bytes: f64,
}

/// The sum of a family's values whose labels hold `label`.
fn value(text: &str, family: &str, label: &str) -> Result<f64> {
    let lines = text.lines().filter(|line| {
        line.strip_prefix(family)
            .is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
    });
    let values = lines.map(|line| {
        let (_, value) = line.rsplit_once(' ').context("no value")?;
        Ok(value.parse::<f64>()?)
    });
    values.sum()
}

fn scraped(rig: &Rig, host: &str) -> Result<String> {
    let output = rig.run(host, &["cat", FILE])?;
    ensure!(output.status.success(), "{host}: no {FILE}");
    Ok(String::from_utf8(output.stdout)?)
}

fn counted(rig: &Rig, host: &str) -> Result<Sums> {
    let text = scraped(rig, host)?;
    let of = |family: &str, label: &str| value(&text, &format!("libvirt_hpc_{family}"), label);
    Ok(Sums {
        moved: of("migrations_total", "result=\"moved\"")?,
        failed: of("migrations_total", "result=\"failed\"")?,
        pauses: of("migration_pause_seconds_count", "")?,
        pause_ms: (1000.0 * of("migration_pause_seconds_sum", "")?).round(),
        total_ms: (1000.0 * of("migration_duration_seconds_sum", "")?).round(),
        sent_bytes: of("migration_sent_bytes_total", "")?,
    })
}

fn recorded(rig: &Rig, host: &str) -> Result<Sums> {
    let output = rig.run(host, &["virsh-hpc", "hpc-history", "--json"])?;
    let history: Value = serde_json::from_slice(&output.stdout)?;
    let rows = history["migrations"].as_array().context("no list")?;
    let mut sums = Sums::default();
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap_or(0.0);
        match row["result"].as_str() {
            Some("moved") => sums.moved += 1.0,
            Some("failed") => sums.failed += 1.0,
            other => anyhow::bail!("{host}: result {other:?}"),
        }
        sums.pauses += f64::from(u8::from(row["pause_ms"].is_number()));
        sums.pause_ms += number("pause_ms");
        sums.total_ms += number("total_ms");
        sums.sent_bytes += number("sent_bytes");
    }
    Ok(sums)
}

#[test]
#[ignore = "three minutes: make thorough"]
fn fifty_migrations_metrics_add_up_with_the_history() -> Result<()> {
    let rig = Rig::up(&[])?;
    if rig.kvm()? == Kvm::None {
        println!("skipped: this machine has no KVM");
        return Ok(());
    }
    rig.install_product()?;
    for host in HOSTS {
        let switched = rig.run(host, &["sh", "-c", SWITCH_ON])?.status.success();
        ensure!(switched, "{host}: agent.toml has no metrics to switch on");
        rig.agent(host, AgentVerb::Start, &[])?;
    }
    let guest = [&SMALL_SATURATED[..], &["--accel", "kvm"]].concat();
    let mut shuttle = Shuttle::start(&rig, "counted", &guest)?;
    let mut aborted = 0.0;
    for turn in 0..MOVES {
        let aborts = turn % ABORTED == ABORTED - 1;
        let moved = shuttle.go("virsh", &[], |shuttle| {
            let abort = "until virsh -q domjobinfo counted | grep -q '^Iteration: *[1-9]'; do sleep 0.05; done; \
                         virsh domjobabort counted";
            if aborts {
                shuttle.run(&["sh", "-c", abort])?;
            }
            // A scrape in the midst, of whatever there is.
            let text = scraped(&rig, shuttle.host())?;
            ensure!(text.ends_with('\n') && text.contains("# TYPE"), "half a file: {text}");
            Ok(())
        })?;
        aborted += f64::from(u8::from(!moved.output.status.success()));
    }
    let mut moved = 0.0;
    let mut failed = 0.0;
    for host in HOSTS {
        // The file is written every five seconds while something changes.
        sleep(Duration::from_secs(6));
        let (counted, recorded) = (counted(&rig, host)?, recorded(&rig, host)?);
        println!("{host}: {counted:?}");
        ensure!(
            counted == recorded,
            "{host}: counted {counted:?}, recorded {recorded:?}"
        );
        moved += counted.moved;
        failed += counted.failed;
    }
    let of = f64::from(u8::try_from(MOVES)?);
    ensure!(
        moved + failed == of && failed == aborted && aborted > 0.0,
        "{moved} moved, {failed} failed, {aborted} aborted"
    );
    Ok(())
}
