//! Estimates of guests under KVM against what came of them, as a user would compare the two; and what is provoked between
//! the hosts is named.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::bench::estimate::Estimate;
use libvirt_hpc_tests::rig::{HOSTS, Kvm, Move, Rig};
use serde_json::Value;

use crate::shuttle::Shuttle;

/// The test bed's link, 1 Gbit/s, in MiB/s.
const LINK: &str = "112";

/// The guests, and how often each moves.
const GUESTS: [(&str, &[&str]); 4] = [
    ("flat", &["--workload", "flat:128"]),
    ("rate", &["--workload", "rate:64@50"]),
    ("swept", &["--workload", "sweep:128@80"]),
    ("phases", &["--workload", "phases:3s=flat:128,3s=idle"]),
];
const MOVES: usize = 2;

/// What is estimated is without compression.
const PLAIN: [&str; 2] = ["--hpc-compression", "no"];

/// A command takes some tenths of a second besides its migration.
const COMMAND_MS: f64 = 300.0;

struct Row {
    estimate: Estimate,
    total_ms: f64,
    pause_ms: f64,
}

impl Row {
    fn of(estimate: &Value, moved: &Move) -> Result<Self> {
        Ok(Self {
            estimate: Estimate::read(estimate.to_string().as_bytes())?.context("no estimate")?,
            total_ms: moved.total.as_secs_f64() * 1000.0,
            pause_ms: moved.pause()?.as_secs_f64() * 1000.0,
        })
    }

    fn text(&self, name: &str) -> String {
        let Estimate {
            total_ms: total,
            pause_ms: pause,
            ..
        } = self.estimate;
        format!(
            "| {name} | {:.0} ms ({:.2}) in {} to {} | {:.0} ms in {} to {} |\n",
            self.total_ms,
            self.estimate.total_ratio(self.total_ms),
            total.least,
            total.most,
            self.pause_ms,
            pause.least,
            pause.most,
        )
    }
}

/// The estimate of a guest on `host`, and the exit status.
fn estimate(rig: &Rig, host: &str, args: &[&str]) -> Result<(Value, i32)> {
    let command = [&["virsh-hpc", "hpc-estimate", "--json"], args].concat();
    let output = rig.run(host, &command)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("hpc-estimate: {said}"))?;
    Ok((value, output.status.code().unwrap_or(-1)))
}

fn destination(host: &str) -> String {
    format!("qemu+tcp://{host}/system")
}

#[test]
#[ignore = "minutes of estimates and moves under KVM: make thorough"]
fn estimates_of_guests_under_kvm_hold() -> Result<()> {
    let rig = Rig::up(&[])?;
    if rig.kvm()? == Kvm::None {
        println!("skipped: this machine has no KVM");
        return Ok(());
    }
    let (mut rows, mut text) = (Vec::new(), String::new());
    for (name, guest) in GUESTS {
        let guest = [
            guest,
            &[
                "--memory", "512", "--fill", "200", "--accel", "kvm", "--marked",
            ],
        ]
        .concat();
        let mut shuttle = Shuttle::start(&rig, name, &guest)?;
        for _ in 0..MOVES {
            let there = HOSTS.into_iter().find(|host| *host != shuttle.host());
            let there = destination(there.unwrap_or_default());
            let args = [name, &there, "--bandwidth", LINK];
            let (estimate, status) = estimate(&rig, shuttle.host(), &args)?;
            ensure!(status == 0, "{name}: status {status}: {estimate}");
            let moved = shuttle.virsh_hpc(&PLAIN)?;
            let row = Row::of(&estimate, &moved)?;
            text += &row.text(name);
            rows.push(row);
        }
    }
    println!(
        "| guest | total (estimated/true) in its interval | pause in its interval |\n|---|---|---|\n{text}"
    );
    let count = |holds: fn(&Row) -> bool| rows.iter().filter(|row| holds(row)).count();
    let near = count(|row| row.estimate.total_is_near(row.total_ms));
    let total = count(|row| row.estimate.total_is_inside(row.total_ms, COMMAND_MS));
    let pause = count(|row| row.estimate.pause_is_inside(row.pause_ms));
    let of = rows.len();
    println!(
        "of {of} totals {near} within 20 %, {total} in their interval; {pause} pauses in theirs"
    );
    ensure!(total * 10 >= of * 8, "totals: {total} of {of}");
    ensure!(pause * 10 >= of * 8, "pauses: {pause} of {of}");
    Ok(())
}

/// The codes of what was found.
fn codes(value: &Value) -> Vec<&str> {
    let findings = value.get("findings").and_then(Value::as_array);
    let found = findings.into_iter().flatten();
    found
        .filter_map(|finding| finding.get("code")?.as_str())
        .collect()
}

#[test]
fn what_is_wrong_between_two_hosts_is_named_and_nothing_else() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.guest("clean", &["--memory", "256", "--fill", "64", "--marked"])?;
    let beta = destination("beta");
    let quick = ["--seconds", "2", "--bandwidth", LINK];
    let named = |dest: &str| -> Result<(Value, i32)> {
        let args = [&["clean", dest], &quick[..]].concat();
        estimate(&rig, "alpha", &args)
    };
    let (clean, status) = named(&beta)?;
    // Intel's processors log writes by themselves by default, which is worth knowing, and nothing wrong.
    let wrong: Vec<&str> = codes(&clean)
        .into_iter()
        .filter(|code| *code != "pml")
        .collect();
    ensure!(wrong.is_empty() && status == 0, "a clean pair: {clean}");
    let of_data = |field: &str| clean.pointer(&format!("/known/data/{field}"));
    let data_mib = of_data("bytes")
        .and_then(Value::as_u64)
        .map(|bytes| bytes >> 20);
    println!("data, by pages that are not zero: {data_mib:?} MiB of 256");
    ensure!(
        of_data("origin").and_then(Value::as_str) == Some("measured"),
        "{clean}"
    );
    // The workload's 64 MiB, and Linux.
    ensure!(
        data_mib.is_some_and(|mib| (64..256).contains(&mib)),
        "{clean}"
    );

    let (itself, status) = named(&destination("alpha"))?;
    ensure!(
        codes(&itself).contains(&"same_host") && status == 2,
        "{itself}"
    );

    let (nobody, status) = named("qemu+tcp://10.77.0.99/system")?;
    ensure!(
        codes(&nobody).contains(&"unreachable") && status == 2,
        "{nobody}"
    );

    let set = rig.run(
        "alpha",
        &["virsh", "migrate-setmaxdowntime", "clean", "1234"],
    )?;
    ensure!(set.status.success(), "{set:?}");
    let (stale, _) = named(&beta)?;
    ensure!(codes(&stale).contains(&"stale_limit"), "{stale}");
    rig.destroy("clean");
    Ok(())
}
