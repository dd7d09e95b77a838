//! Post-copy on hosts: its rate, and the advice when it breaks.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{AgentVerb, DESTINATION, HOSTS, Rig};

use crate::SMALL_SATURATED;
use crate::shuttle::Shuttle;

const ALPHA: &str = HOSTS[0];
const BETA: &str = HOSTS[1];

/// The guest of the tests here.
const GUEST: &str = "missing";

/// A guest whose owner lets it switch to post-copy after 5 s, at 20 MiB/s.
const METERED: [&str; 4] = [
    "--workload",
    "flat:128",
    "--marked",
    "<hpc:bandwidth max='20'/><hpc:deadline seconds='5' then='postcopy'/><hpc:postcopy allowed='yes'/>",
];

/// Prints time and bytes sent for as long as the guest's memory follows it.
const METER: &str = "
until [ \"$(virsh -q domstate --reason $0)\" = 'paused (post-copy)' ]; do sleep 0.1; done
while [ \"$(virsh -q domstate --reason $0)\" = 'paused (post-copy)' ]; do
    echo $(cut -d' ' -f1 /proc/uptime) $(cat /sys/class/net/eth0/statistics/tx_bytes)
    sleep 0.2
done
";

/// Mebibytes a second that the guest's host sends in post-copy, while `program` moves it.
fn postcopy_rate(
    rig: &Rig,
    shuttle: &mut Shuttle<'_>,
    program: &str,
    options: &[&str],
) -> Result<f64> {
    let meter = rig.spawn(shuttle.host(), &["timeout", "60", "sh", "-c", METER, GUEST])?;
    let moved = shuttle.go(program, options, |_| Ok(()))?;
    ensure!(moved.output.status.success(), "{}", moved.stderr());
    let text = String::from_utf8(meter.wait_with_output()?.stdout)?;
    let polls = text.lines().map(sample).collect::<Result<Vec<_>>>()?;
    let ((from_s, before), (to_s, after)) = polls
        .first()
        .zip(polls.last())
        .map(|(first, last)| (*first, *last))
        .context("never seen in post-copy")?;
    ensure!(to_s - from_s > 1.0, "too short to be measured: {text}");
    let rate = (after - before) / (to_s - from_s) / f64::from(1 << 20);
    println!(
        "{program} {options:?}: {rate:.1} MiB/s in post-copy, for {:.1} s",
        to_s - from_s
    );
    Ok(rate)
}

fn sample(line: &str) -> Result<(f64, f64)> {
    let (seconds, bytes) = line.split_once(' ').context("two numbers")?;
    Ok((seconds.parse()?, bytes.parse()?))
}

/// The highest rate under a ceiling of 20 MiB/s, MiB/s: headers add a twentieth, and pages that the guest asks for are
/// sent whatever the limit (`ram_save_iterate`, QEMU `migration/ram.c`), by one processor 7 MiB/s at most. 22.6 and
/// 23.4 were measured; without a limit it is the link's 110.
const CARRIED_MOST: f64 = 30.0;

#[test]
#[ignore = "a minute: make thorough"]
fn an_owners_speed_ceiling_holds_in_post_copy_for_any_client() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.install_product()?;
    let mut shuttle = Shuttle::start(&rig, GUEST, &METERED)?;
    let ours = postcopy_rate(&rig, &mut shuttle, "virsh-hpc", &[])?;
    rig.agent(BETA, AgentVerb::Start, &[])?;
    let agents = postcopy_rate(&rig, &mut shuttle, "virsh", &["--postcopy"])?;
    for rate in [ours, agents] {
        ensure!(
            rate < CARRIED_MOST,
            "{ours:.1} and {agents:.1} MiB/s, 20 are allowed"
        );
    }
    Ok(())
}

/// If libvirt crashes when a broken post-copy is resumed, nobody is told to resume it.
#[test]
#[ignore = "a minute: make thorough"]
fn a_broken_postcopy_has_the_advice_that_its_destination_needs() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.link("50mbit")?;
    for host in HOSTS {
        // The kernel gives a dead peer up within seconds, not a quarter of an hour.
        rig.run(host, &["sysctl", "-q", "net.ipv4.tcp_retries2=4"])?;
    }
    rig.guest(GUEST, &SMALL_SATURATED)?;
    let options = ["--postcopy", "--postcopy-after-precopy"];
    let begin = ["virsh-hpc", "migrate", "--live", GUEST, DESTINATION];
    let broken = rig.migrate(GUEST, &[&begin[..], &options[..]].concat(), |rig| {
        for _ in 0..300 {
            let state = rig.run(ALPHA, &["virsh", "-q", "domstate", "--reason", GUEST])?;
            if String::from_utf8_lossy(&state.stdout).trim() == "paused (post-copy)" {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        rig.link("cut")
    })?;
    println!("{}", broken.stderr());
    ensure!(!broken.output.status.success(), "moved over a cut link");
    let version = rig.run(BETA, &["libvirtd", "--version"])?;
    let version = String::from_utf8(version.stdout)?;
    let version = version.split_whitespace().last().context("a version")?;
    let said = broken.stderr();
    ensure!(
        said.contains("is split between both hosts by a broken post-copy"),
        "{said}"
    );
    let crashes = version.starts_with("11.2.") || version.starts_with("11.3.");
    let warned = said.contains(&format!(
        "do not resume it yet, because the destination's libvirt {version}"
    ));
    ensure!(warned == crashes, "libvirt {version}: {said}");
    Ok(())
}
