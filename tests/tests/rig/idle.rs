//! The cost of the agent on a host on which nothing happens.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{HOSTS, Rig};

use crate::hook::{MARK, number, run, start_agent, tiny_domain, wait_until};
use crate::seconds;

const ALPHA: &str = HOSTS[0];

/// The promises.
const CORE_AT_MOST: f64 = 0.005;
const MEMORY_AT_MOST_KIB: f64 = 30.0 * 1024.0;

/// Starts `$1` domains of the XML `$2`, paused; every second one has `$3` in its metadata.
const CREATE: &str = "
import libvirt, sys
host = libvirt.open('qemu:///system')
for index in range(int(sys.argv[1])):
    xml = sys.argv[2].replace('NAME', 'idle%03d' % index)
    xml = xml.replace('METADATA', sys.argv[3] if index % 2 else '')
    host.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED)
";

/// How often the cost is read, ten seconds apart: as often as the agent itself polls.
const POLLS: usize = 4;

/// `$1` times, ten seconds apart: seconds of the clock, and of processor time of the agent and libvirtd in all of their
/// threads.
const WATCH: &str = "
import os, subprocess, sys, time
tick = os.sysconf('SC_CLK_TCK')
def of(name):
    process = subprocess.check_output(['pidof', name], text=True).strip()
    return '/proc/' + process + '/stat'
def spent(file):
    fields = open(file).read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / tick
agent, daemon = of('libvirt-hpcd'), of('libvirtd')
for turn in range(int(sys.argv[1])):
    if turn: time.sleep(10)
    print(time.monotonic(), spent(agent), spent(daemon), flush=True)
";

/// KiB: the agent's peak and its present size, and the sum of all QEMUs (shared pages divided).
const MEMORY: &str = "p=$(pidof libvirt-hpcd) && awk '/^VmHWM|^VmRSS/ {print $2}' /proc/$p/status &&
for q in $(pidof qemu-system-x86_64); do cat /proc/$q/smaps_rollup; done | awk '/^Pss:/ {s += $2} END {print s}'";

fn numbers(line: &str) -> Result<Vec<f64>> {
    let numbers: Result<_, _> = line.split_whitespace().map(str::parse).collect();
    numbers.with_context(|| format!("numbers, not '{line}'"))
}

/// Shares of a core: the agent's in each window, and over all of them the agent's and libvirtd's.
fn shares(watched: &str) -> Result<(Vec<f64>, f64, f64)> {
    let polls = watched.lines().map(numbers).collect::<Result<Vec<_>>>()?;
    let share = |from: &[f64], to: &[f64], of: usize| (to[of] - from[of]) / (to[0] - from[0]);
    ensure!(
        polls.len() == POLLS && polls.iter().all(|poll| poll.len() == 3),
        "{watched}"
    );
    let windows = polls.windows(2).map(|two| share(&two[0], &two[1], 1));
    Ok((
        windows.collect(),
        share(&polls[0], &polls[POLLS - 1], 1),
        share(&polls[0], &polls[POLLS - 1], 2),
    ))
}

/// How often each function of libvirt's was called.
fn calls(log: &str) -> BTreeMap<&str, usize> {
    let mut calls = BTreeMap::new();
    for line in log.lines() {
        let words = line.split([' ', ':']);
        if let Some(function) = words.into_iter().find(|word| word.starts_with("vir")) {
            *calls.entry(function).or_default() += 1;
        }
    }
    calls
}

#[test]
#[ignore = "a minute: make thorough"]
fn idle_domains_take_half_a_percent_of_a_core_and_thirty_mebibytes() -> Result<()> {
    let count = number("LIBVIRT_HPC_TEST_DOMAINS", 50)?;
    let rig = Rig::up(&[])?;
    rig.install_product()?;
    start_agent(&rig, ALPHA)?;
    let begin = rig.now()?;
    let (domains, xml) = (count.to_string(), tiny_domain("NAME", "METADATA"));
    run(
        &rig,
        ALPHA,
        &["python3", "-c", CREATE, &domains, &xml, MARK],
    )?;
    let took = seconds(rig.now()?.saturating_sub(begin));

    // Every one was started with the hook, and the agent has learnt all about them.
    wait_until("the agent knows the domains", || {
        let status = run(&rig, ALPHA, &["virsh-hpc", "hpc-status", "--json"])?;
        let known = status.matches("\"name\": \"idle").count();
        let marked = status.matches("\"marked_by\": \"domain\"").count();
        Ok((known, marked) == (count, count / 2))
    })?;
    std::thread::sleep(Duration::from_secs(2));
    rig.calls(ALPHA, true)?;
    let watched = run(&rig, ALPHA, &["python3", "-c", WATCH, &POLLS.to_string()])?;
    rig.calls(ALPHA, false)?;

    let (windows, agent, daemon) = shares(&watched)?;
    let memory = run(&rig, ALPHA, &["sh", "-c", MEMORY])?;
    let [peak, now, guests] = numbers(&memory)?[..] else {
        anyhow::bail!("three sizes, not '{memory}'");
    };
    let windows: Vec<_> = windows
        .iter()
        .map(|share| format!("{:.2}", 100.0 * share))
        .collect();
    println!(
        "{count} domains in {took:.0} s, {:.0} MiB in all",
        guests / 1024.0
    );
    println!("every 10 s, % of a core: {}", windows.join(" "));
    println!(
        "over all of them {:.3} %, libvirtd {:.3} %",
        100.0 * agent,
        100.0 * daemon
    );
    println!(
        "{:.1} MiB at most (VmHWM), now {:.1}",
        peak / 1024.0,
        now / 1024.0
    );
    println!("calls: {:?}", calls(&rig.call_log(ALPHA)?));
    ensure!(agent < CORE_AT_MOST, "{:.3} % of a core", 100.0 * agent);
    ensure!(peak < MEMORY_AT_MOST_KIB, "{peak} KiB");
    Ok(())
}
