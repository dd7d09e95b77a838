//! The main job on two local hosts: a guest that plain virsh would copy for ever, and how virsh-hpc
//! moves it. `make demo`.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libvirt_hpc_plugin::trace::{Record, read};
use libvirt_hpc_tests::rig::{DESTINATION, HOSTS, Move, Rig};

const GUEST: &str = "solver";
const WORKLOAD: [&str; 3] = ["--workload", "flat:128", "--marked"];
const PATIENCE: Duration = Duration::from_secs(30);
const UNDISTURBED: Duration = Duration::from_secs(4);
const TRACE: &str = "/tmp/demo.trace";

fn main() -> Result<()> {
    println!("Bringing up two libvirt hosts, joined by 1 Gbit/s ...");
    let rig = Rig::up(&[])?;
    let native = rig.native()?;
    let by = if native.is_empty() {
        "emulated, for there is no KVM"
    } else {
        "under KVM"
    };
    println!(
        "A guest of 512 MiB, {by}, that rewrites 128 MiB flat out, marked <hpc:migration/>:\n"
    );
    rig.guest(GUEST, &[&WORKLOAD, native].concat())?;

    let command = ["virsh", "migrate", "--live", GUEST, DESTINATION];
    println!("  alpha# {}", command.join(" "));
    let mut virsh_bytes = String::new();
    let plain = rig.migrate(GUEST, &command, |rig| {
        sleep(PATIENCE);
        virsh_bytes = sent_by_virsh(rig)?;
        println!("         not done after {} s: aborted", PATIENCE.as_secs());
        rig.run(HOSTS[0], &["virsh", "domjobabort", GUEST])
            .map(drop)
    })?;
    ensure!(
        !plain.output.status.success(),
        "plain virsh moved the guest: not a saturated one"
    );

    // The work lost is relative to the speed in the 3 s before, which must be undisturbed.
    sleep(UNDISTURBED);
    let command = [
        "virsh-hpc",
        "migrate",
        "--live",
        GUEST,
        DESTINATION,
        "--hpc-trace",
        TRACE,
    ];
    println!("  alpha# {}", command.join(" "));
    let moved = rig.migrate(GUEST, &command, |_| Ok(()))?;
    ensure!(
        moved.output.status.success(),
        "virsh-hpc failed: {}",
        moved.stderr()
    );
    println!("         {}\n", moved.stderr().trim());
    rig.whole(GUEST)?;

    let trace = rig.run(HOSTS[0], &["cat", TRACE])?.stdout;
    let rows = [
        column(&plain, virsh_bytes),
        column(&moved, sent_by_us(&trace)?),
    ];
    print(&["virsh migrate".into(), "virsh-hpc migrate".into()], &rows);
    save(&trace)
}

const LABELS: [&str; 6] = [
    "total",
    "pause, as the guest's users saw it",
    "sent",
    "the application's work lost",
    "corrupt pages",
    "running copies",
];

/// One side of the comparison.
fn column(run: &Move, sent: String) -> [String; LABELS.len()] {
    let total = format!("{:.1} s", run.total.as_secs_f64());
    let ms = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{:.2} s", ms / 1000.0));
    [
        if run.report.moved {
            total
        } else {
            format!("{total}, and not done")
        },
        ms(run.report.pause_ms),
        sent,
        ms(run.report.work_lost_ms),
        run.report.corrupt_pages.to_string(),
        run.report.running_copies.to_string(),
    ]
}

fn print(heads: &[String; 2], columns: &[[String; LABELS.len()]; 2]) {
    println!("  {:<36}{:>24}{:>24}", "", heads[0], heads[1]);
    for (index, label) in LABELS.iter().enumerate() {
        println!(
            "  {label:<36}{:>24}{:>24}",
            columns[0][index], columns[1][index]
        );
    }
}

/// Bytes sent so far by virsh's migration, in libvirt's words.
fn sent_by_virsh(rig: &Rig) -> Result<String> {
    let output = rig.run(HOSTS[0], &["virsh", "domjobinfo", GUEST])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Memory processed:"));
    Ok(line
        .context("domjobinfo says nothing of memory")?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" "))
}

/// Bytes sent by libvirt-hpc, from the end of its trace.
fn sent_by_us(trace: &[u8]) -> Result<String> {
    for record in read(trace) {
        if let (_, Record::End(end)) = record? {
            return Ok(format!("{} MiB", end.totals.sent_bytes >> 20));
        }
    }
    anyhow::bail!("the trace has no end")
}

/// Leaves the trace where the user can replay it.
fn save(trace: &[u8]) -> Result<()> {
    let folder = Path::new("target/demo");
    std::fs::create_dir_all(folder)?;
    let path = folder.join("migration.trace");
    std::fs::write(&path, trace).with_context(|| format!("writing {}", path.display()))?;
    println!(
        "\n  Every sample and every decision: virsh-hpc hpc-replay {}",
        path.display()
    );
    Ok(())
}
