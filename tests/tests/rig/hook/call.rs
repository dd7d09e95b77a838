//! The cost of one call.

use anyhow::{Context, Result, ensure};
use libvirt_hpc_tests::rig::Rig;

use super::{ALPHA, HOOK, run, start_agent};
use crate::median;

/// Calls the program `$1` as libvirt does, `$2` times in turn with each input, and prints the input and the
/// microseconds from exec to exit.
const CALLS: &str = r#"
import os, sys, time
program, runs = sys.argv[1], int(sys.argv[2])
disk = "<disk type='file' device='disk'><source file='/images/a'/></disk>\n"
devices = "<devices>" + disk * ((1 << 20) // len(disk)) + "</devices>"
note = "<n:note xmlns:n='urn:other'>words of another program</n:note>\n"
notes = note * ((1 << 20) // len(note))
mark = "<m:migration xmlns:m='urn:libvirt-hpc:domain:1.0'/>"
metadata = lambda text: "<metadata>" + text + "</metadata>"
domain = lambda text: ("<domain type='kvm'><name>a</name>" + text + "</domain>\n").encode()
inputs = {
    "none": (["prepare", "begin"], domain(metadata(mark))),
    "small": (["started", "begin"], domain(metadata(mark))),
    "unmarked-1-MiB": (["started", "begin"], domain(devices)),
    "marked-1-MiB": (["started", "begin"], domain(metadata(mark) + devices)),
    "mark-last-1-MiB": (["migrate", "begin"], domain(devices + metadata(mark))),
    "metadata-1-MiB": (["started", "begin"], domain(metadata(notes + mark))),
}
def call(words, xml):
    read, write = os.pipe()
    begin = time.monotonic_ns()
    process = os.posix_spawn(program, [program, "a"] + words + ["-"], {},
                             file_actions=[(os.POSIX_SPAWN_DUP2, read, 0)])
    os.close(read)
    try:
        while xml:
            xml = xml[os.write(write, xml):]
    except BrokenPipeError:
        pass
    os.close(write)
    status = os.waitpid(process, 0)[1]
    spent = time.monotonic_ns() - begin
    assert status == 0, status
    return spent // 1000
for _ in range(runs):
    for name, (words, xml) in inputs.items():
        print(name, call(words, xml))
"#;

const RUNS: usize = 100;

const INPUTS: [&str; 6] = [
    "none",
    "small",
    "unmarked-1-MiB",
    "marked-1-MiB",
    "mark-last-1-MiB",
    ALL_METADATA,
];

/// For the record: a mebibyte of devices is a large domain, but all metadata of other programs must be read, and nobody
/// puts a mebibyte there.
const ALL_METADATA: &str = "metadata-1-MiB";

/// The promise, microseconds.
const AT_MOST_US: u64 = 5_000;

/// The spans of the input `name`.
fn spans(printed: &str, name: &str) -> Result<Vec<u64>> {
    let lines = printed.lines().filter_map(|line| line.split_once(' '));
    let of_it = lines.filter(|(found, _)| *found == name);
    let spans: Result<Vec<u64>, _> = of_it.map(|(_, us)| us.parse()).collect();
    let mut spans = spans.context("CALLS prints microseconds")?;
    ensure!(spans.len() == RUNS, "{name}: {} runs", spans.len());
    spans.sort_unstable();
    Ok(spans)
}

#[test]
fn the_hook_takes_five_milliseconds_at_most_and_no_libvirt() -> Result<()> {
    let rig = Rig::up(&[])?;
    rig.install_product()?;
    let libraries = run(&rig, ALPHA, &["ldd", HOOK])?;
    ensure!(libraries.contains("libc.so"), "ldd: {libraries}");
    ensure!(!libraries.contains("libvirt"), "{libraries}");

    start_agent(&rig, ALPHA)?;
    let runs = RUNS.to_string();
    let calls = |program| run(&rig, ALPHA, &["python3", "-c", CALLS, program, &runs]);
    let (nothing, ours) = (calls("/bin/true")?, calls(HOOK)?);
    println!("exec to exit, us, {RUNS} runs: median, 95th percentile, longest");
    let mut undisturbed = Vec::new();
    for name in INPUTS {
        let [theirs, ours] = [spans(&nothing, name)?, spans(&ours, name)?];
        let (p95, longest) = (ours[RUNS * 95 / 100], ours[RUNS - 1]);
        // Other load only adds.
        undisturbed.push((name, ours[RUNS / 10]));
        let (theirs, ours) = (median(theirs), median(ours));
        println!("{name:<16} {ours:>6} {p95:>6} {longest:>6}   /bin/true {theirs:>6}");
    }
    for (name, us) in undisturbed
        .into_iter()
        .filter(|(name, _)| *name != ALL_METADATA)
    {
        ensure!(
            us < AT_MOST_US,
            "{name}: the fastest tenth of its calls took up to {us} us"
        );
    }
    Ok(())
}
