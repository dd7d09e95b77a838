//! The cost of libvirt-hpc: the front door compared with virsh, the controller compared with the migration.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_control::sample::JobState;
use libvirt_hpc_plugin::trace::{Record, SampleRecord, read};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Rig, words};

use crate::median;

const ALPHA: &str = HOSTS[0];

/// How long a rate is watched. A busy machine delays the reading of a sample by tenths of a second.
const WATCHED_NS: u64 = 3_000_000_000;

/// The highest rate over any three seconds in which the guest ran, bytes per second, from a trace.
pub(crate) fn fastest_seconds(trace: &[u8]) -> Result<f64> {
    let mut samples: Vec<SampleRecord> = Vec::new();
    for record in read(trace) {
        if let (_, Record::Sample(sample)) = record?
            && sample.state == JobState::Precopy
        {
            samples.push(sample);
        }
    }
    // The last sample may already see the switchover, before libvirt reports it.
    samples.pop();
    let mut fastest = 0.0_f64;
    for (index, from) in samples.iter().enumerate() {
        let Some(to) = samples[index..]
            .iter()
            .find(|to| to.at_ns >= from.at_ns + WATCHED_NS)
        else {
            break;
        };
        let bytes = u32::try_from(to.processed_bytes - from.processed_bytes)?;
        let span = Duration::from_nanos(to.at_ns - from.at_ns);
        fastest = fastest.max(f64::from(bytes) / span.as_secs_f64());
    }
    ensure!(
        fastest > 0.0,
        "the trace holds no three seconds of pre-copy"
    );
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
    let (mut virsh, mut hpc) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        virsh.push(list_us(&rig, "virsh")?);
        hpc.push(list_us(&rig, "virsh-hpc")?);
    }
    let (virsh, hpc) = (median(virsh), median(hpc));
    println!(
        "virsh list {virsh} us, virsh-hpc list {hpc} us: {} us more",
        hpc.saturating_sub(virsh)
    );
    ensure!(hpc <= virsh + 5_000, "{hpc} us against {virsh} us");
    Ok(())
}

/// Ten seconds of the controller, and of a virsh that asks the same ten times a second; both see cold caches. Prints
/// the processor time of each, ns, and how often each has asked: the controller's is in its trace.
const SIDE_BY_SIDE: &str = r#"
hpc=$(pidof virsh-hpc-session)
mkfifo /tmp/questions
virsh </tmp/questions >/dev/null &
virsh=$!
exec 3>/tmp/questions
spent() { cat "/proc/$1"/task/*/schedstat | awk '{ns += $1} END {printf "%d ", ns}'; }
seen() { spent "$hpc"; grep -c '"type":"sample"' /tmp/cost.trace; spent "$virsh"; }
echo "domstate busy" >&3
sleep 1
seen
for _ in $(seq 100); do
    for question in domjobinfo domstate vcpuinfo migrate-getmaxdowntime migrate-getspeed; do
        echo "$question busy"
    done >&3
    sleep 0.1
done
seen
grep VmHWM "/proc/$hpc/status"
"#;

/// The peak memory of the controller, KiB.
const MOST_MEMORY_KIB: f64 = 20.0 * 1024.0;

#[test]
fn control_costs_less_than_a_virsh_that_asks_the_same() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.guest("busy", &["--workload", "flat:128", "--marked"])?;
    // Waits for a quiet phase that never comes: the controller works for as long as it is let.
    let options = "--hpc-max-downtime 200 --hpc-trace /tmp/cost.trace";
    let command = format!("virsh-hpc migrate --live busy {DESTINATION} {options}");
    let mut seen = String::new();
    rig.migrate("busy", &words(&command), |rig| {
        sleep(Duration::from_secs(5));
        seen = String::from_utf8(rig.run(ALPHA, &["sh", "-c", SIDE_BY_SIDE])?.stdout)?;
        rig.run(ALPHA, &["virsh", "domjobabort", "busy"]).map(drop)
    })?;
    let numbers: Vec<f64> = seen
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [
        hpc,
        polls,
        virsh,
        hpc_then,
        polls_then,
        virsh_then,
        peak_kib,
    ] = numbers[..]
    else {
        anyhow::bail!("the controller was not there: '{seen}'");
    };
    let hpc_ms = (hpc_then - hpc) / 1e6 / (polls_then - polls);
    let virsh_ms = (virsh_then - virsh) / 1e6 / 100.0;
    println!(
        "{hpc_ms:.2} ms of a core a poll, {virsh_ms:.2} ms where virsh asks the same; {:.1} polls a second, \
         {:.2} % of a core; {:.1} MiB at most",
        (polls_then - polls) / 10.0,
        (hpc_then - hpc) / 1e8,
        peak_kib / 1024.0
    );
    ensure!(polls_then > polls, "the controller did not poll");
    ensure!(hpc_ms <= virsh_ms, "{hpc_ms} ms against {virsh_ms} ms");
    ensure!(peak_kib <= MOST_MEMORY_KIB, "{peak_kib} KiB");
    rig.whole("busy")
}
