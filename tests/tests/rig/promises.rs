//! The promises of README and the policy, as an operator would try them. Long ones are run by `make thorough`.

use std::process::{Child, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Move, Rig};

use crate::seconds;
use crate::shuttle::Shuttle;

const ALPHA: &str = HOSTS[0];
const BETA: &str = HOSTS[1];

/// QEMU counts each bit of the bitmap as a pending byte, 16.8 million of them, which memory's remaining does not show.
const WITH_BITMAP: [&str; 9] = [
    "--memory",
    "256",
    "--fill",
    "64",
    "--workload",
    "idle",
    "--disk",
    "8192,bitmap=b0:512",
    "--marked",
];

#[test]
fn a_dirty_bitmap_that_is_copied_along_keeps_no_guest() -> Result<()> {
    let rig = Rig::up(&[])?;
    let mut totals = Vec::new();
    for program in ["virsh", "virsh-hpc"] {
        rig.guest(GUEST, &WITH_BITMAP)?;
        let moved = rig.migrate_live(program, GUEST, &["--copy-storage-all"])?;
        println!(
            "{program}: {:.2} s, pause {:?} ms, {}",
            seconds(moved.total),
            moved.report.pause_ms,
            moved.stderr().trim()
        );
        ensure!(moved.output.status.success(), "{}", moved.stderr());
        rig.whole(GUEST)?;
        rig.destroy(GUEST);
        totals.push(moved.total);
    }
    let (virsh, hpc) = (totals[0], totals[1]);
    ensure!(
        hpc <= virsh.mul_f64(1.5) + Duration::from_secs(1),
        "{hpc:?} against {virsh:?}"
    );
    Ok(())
}

const GUEST: &str = "promise";

/// Moves at each longest pause, and of how many it may be exceeded by one.
const MOVES: usize = 20;

/// Longest pauses, and a guest that can be moved within each after the fixed part of a pause.
const LONGEST_MS: [(&str, &str); 4] = [
    ("60", "idle"),
    ("100", "idle"),
    ("300", "flat:4"),
    ("1000", "flat:64"),
];

#[test]
#[ignore = "a quarter of an hour: make thorough"]
fn a_longest_pause_is_kept_as_the_guests_users_feel_it() -> Result<()> {
    let rig = Rig::up(&[])?;
    for vcpus in ["1", "4"] {
        for (longest_ms, workload) in LONGEST_MS {
            let guest = ["--memory", "256", "--fill", "64", "--vcpus", vcpus];
            let guest = [&guest[..], &["--workload", workload, "--marked"]].concat();
            let mut shuttle = Shuttle::start(&rig, GUEST, &guest)?;
            let moves = (0..MOVES)
                .map(|_| within(&mut shuttle, longest_ms))
                .collect::<Result<Vec<_>>>()?;
            is_kept(&moves, longest_ms, vcpus)?;
        }
    }
    Ok(())
}

/// Moved, or given up after so long.
fn within(shuttle: &mut Shuttle<'_>, longest_ms: &str) -> Result<Move> {
    let options = [
        "--hpc-max-downtime",
        longest_ms,
        "--hpc-deadline",
        "8,abort",
    ];
    shuttle.go("virsh-hpc", &options, |_| Ok(()))
}

fn is_kept(moves: &[Move], longest_ms: &str, vcpus: &str) -> Result<()> {
    let longest: f64 = longest_ms.parse()?;
    let (moved, refused): (Vec<_>, Vec<_>) = moves.iter().partition(|m| m.output.status.success());
    let mut pauses: Vec<f64> = moved.iter().filter_map(|m| m.report.pause_ms).collect();
    pauses.sort_by(f64::total_cmp);
    let exceeded = pauses.iter().filter(|&&pause| pause > longest).count();
    println!(
        "{longest_ms} ms, {vcpus} vCPUs: {} moved, {exceeded} of them longer; {} refused; pauses {pauses:.0?} ms",
        moved.len(),
        refused.len()
    );
    ensure!(exceeded <= 1, "{exceeded} of {MOVES} above {longest_ms} ms");
    for refusal in refused {
        let told = refusal.stderr();
        let says = ["longest pause", "the policy allows"].map(|word| told.contains(word));
        ensure!(says.contains(&true), "no word of it: {told}");
    }
    Ok(())
}

const SIX: [&str; 6] = ["six1", "six2", "six3", "six4", "six5", "six6"];

#[test]
#[ignore = "five minutes: make thorough"]
fn six_guests_at_once_all_arrive() -> Result<()> {
    let rig = Rig::up(&["--rate", "200mbit"])?;
    let guest = ["--memory", "256", "--workload", "flat:32", "--marked"];
    for name in SIX {
        rig.guest(name, &guest)?;
    }
    let before = SIX.map(|name| limits(&rig, ALPHA, name));
    let begin = rig.now()?;
    let commands: Vec<Child> = SIX
        .iter()
        .map(|name| {
            rig.spawn(
                ALPHA,
                &["virsh-hpc", "migrate", "--live", name, DESTINATION],
            )
        })
        .collect::<Result<_>>()?;
    let outputs: Vec<Output> = commands
        .into_iter()
        .map(Child::wait_with_output)
        .collect::<std::io::Result<_>>()?;
    let at_once = (rig.now()?.saturating_sub(begin), pauses(&rig, begin)?);
    for (name, output) in SIX.iter().zip(&outputs) {
        ensure!(output.status.success(), "{name}: {output:?}");
        rig.whole(name)?;
    }
    let after = SIX.map(|name| limits(&rig, BETA, name));
    ensure!(before == after, "{before:?} became {after:?}");

    let begin = rig.now()?;
    let home = format!("qemu+tcp://{ALPHA}/system");
    for name in SIX {
        let command = ["virsh-hpc", "migrate", "--live", name, &home];
        let moved = rig.migrate_from(BETA, name, &command, |_| Ok(()))?;
        ensure!(moved.output.status.success(), "{name}: {}", moved.stderr());
    }
    let one_by_one = (rig.now()?.saturating_sub(begin), pauses(&rig, begin)?);
    for (how, (total, pauses)) in [("at once", at_once), ("one by one", one_by_one)] {
        println!(
            "{how}: {:.0} s, sum of pauses {:.1} s: {pauses:.1?}",
            seconds(total),
            pauses.iter().sum::<f64>()
        );
    }
    Ok(())
}

/// Downtime and speed limit as virsh shows them.
fn limits(rig: &Rig, host: &str, name: &str) -> [String; 2] {
    ["migrate-getmaxdowntime", "migrate-getspeed"].map(|ask| {
        rig.run(host, &["virsh", "-q", ask, name])
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default()
    })
}

/// Of each of the six since `begin`, seconds.
fn pauses(rig: &Rig, begin: Duration) -> Result<Vec<f64>> {
    let pause = |name| {
        let pause_ms = rig.report(name, begin)?.pause_ms;
        Ok(pause_ms.with_context(|| format!("{name} did not move"))? / 1000.0)
    };
    SIX.into_iter().map(pause).collect()
}
