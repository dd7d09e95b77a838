//! What we cost: the front door beside virsh, the controller beside the migration.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_plugin::trace::{Record, SampleRecord, read};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Rig};

use crate::median;

const ALPHA: &str = HOSTS[0];

/// The highest rate over any second in which the guest ran, bytes per second, from a trace.
pub(crate) fn fastest_second(trace: &[u8]) -> Result<f64> {
    let mut samples: Vec<SampleRecord> = Vec::new();
    for record in read(trace) {
        if let (_, Record::Sample(sample)) = record?
            && sample.state == JobState::Precopy
        {
            samples.push(sample);
        }
    }
    // The last look may already see the switchover, before libvirt tells of it.
    samples.pop();
    let mut fastest = 0.0_f64;
    for (index, from) in samples.iter().enumerate() {
        let Some(to) = samples[index..]
            .iter()
            .find(|to| to.at_ns >= from.at_ns + 1_000_000_000)
        else {
            break;
        };
        let bytes = u32::try_from(to.processed_bytes - from.processed_bytes)?;
        let span = Duration::from_nanos(to.at_ns - from.at_ns);
        fastest = fastest.max(f64::from(bytes) / span.as_secs_f64());
    }
    ensure!(fastest > 0.0, "the trace holds no second of pre-copy");
    Ok(fastest)
}

/// Times `program list` once, microseconds.
fn list_us(rig: &Rig, program: &str) -> Result<u64> {
    let timed = "s=$(date +%s%N); \"$0\" list >/dev/null || exit; e=$(date +%s%N); echo $(( (e - s) / 1000 ))";
    let output = rig.run(ALPHA, &["sh", "-c", timed, program])?;
    let text = String::from_utf8(output.stdout)?;
    text.trim()
        .parse()
        .with_context(|| format!("{program} list: {text}"))
}

#[test]
fn the_front_door_costs_at_most_five_milliseconds() -> Result<()> {
    let rig = Rig::up(&[])?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        theirs.push(list_us(&rig, "virsh")?);
        ours.push(list_us(&rig, "virsh-hpc")?);
    }
    let (theirs, ours) = (median(theirs), median(ours));
    println!(
        "virsh list {theirs} us, virsh-hpc list {ours} us: {} us more",
        ours.saturating_sub(theirs)
    );
    ensure!(ours <= theirs + 5_000, "{ours} us against {theirs} us");
    Ok(())
}

#[test]
fn control_takes_two_percent_of_a_core_and_twenty_mebibytes() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.guest("busy", &["--workload", "flat:128", "--marked"])?;
    // Waits for a lull that never comes: the controller works for as long as it is let.
    let command = [
        "virsh-hpc",
        "migrate",
        "--live",
        "busy",
        DESTINATION,
        "--hpc-max-downtime",
        "200",
    ];
    let mut used = String::new();
    rig.migrate("busy", &command, |rig| {
        sleep(Duration::from_secs(20));
        let ask = "p=$(pidof virsh-hpc-session) && awk '{print $14+$15, $22}' /proc/$p/stat && \
                   cat /proc/uptime && grep VmHWM /proc/$p/status && getconf CLK_TCK";
        used = String::from_utf8(rig.run(ALPHA, &["sh", "-c", ask])?.stdout)?;
        rig.run(ALPHA, &["virsh", "domjobabort", "busy"]).map(drop)
    })?;
    let words: Vec<f64> = used
        .split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect();
    let [ticks, started, uptime, _, peak_kib, per_s] = words[..] else {
        anyhow::bail!("the controller was not there: '{used}'");
    };
    let share = ticks / per_s / (uptime - started / per_s);
    println!(
        "{:.2} % of a core, {:.1} MiB at most",
        100.0 * share,
        peak_kib / 1024.0
    );
    ensure!(share <= 0.02, "{:.2} % of a core", 100.0 * share);
    ensure!(peak_kib <= 20.0 * 1024.0, "{peak_kib} KiB");
    rig.whole("busy")
}
