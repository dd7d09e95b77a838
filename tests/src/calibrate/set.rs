//! The runs to record.

/// One run: a guest, the link it crosses, and the options of its migration.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The name of its files.
    pub name: &'static str,
    /// Memory of the guest, MiB.
    pub memory_mib: u64,
    /// Whether the guest runs under KVM, without Linux; else emulated.
    pub kvm: bool,
    /// The guest's workload (`rig help`).
    pub workload: &'static str,
    /// Rate of the link, in tc's words.
    pub link: &'static str,
    /// Options of `virsh-hpc migrate`.
    pub options: &'static [&'static str],
}

const fn plan(
    name: &'static str,
    memory_mib: u64,
    workload: &'static str,
    link: &'static str,
    options: &'static [&'static str],
) -> Plan {
    Plan {
        name,
        memory_mib,
        kvm: false,
        workload,
        link,
        options,
    }
}

const fn native(
    name: &'static str,
    workload: &'static str,
    link: &'static str,
    options: &'static [&'static str],
) -> Plan {
    Plan {
        kvm: true,
        ..plan(name, 512, workload, link, options)
    }
}

/// No run is endless: long after any that ends by itself. The plant does not model XBZRLE.
macro_rules! law {
    ($($option:literal),*) => {
        &[$($option,)* "--hpc-compression", "no", "--hpc-deadline", "40"]
    };
}

const GUARD: &[&str] = law!();
const STOCK: &[&str] = law!("--hpc-law", "stock");
const CHEAP: &[&str] = law!("--hpc-slowdown", "2");
const DEAR: &[&str] = law!("--hpc-slowdown", "30");

/// The stock law, switched over at a given time of the job.
macro_rules! forced {
    ($seconds:literal) => {
        &["--hpc-law", "stock", "--hpc-deadline", $seconds]
    };
}

const FLAT: &str = "flat:128";
const RATE: &str = "rate:64@50";
const SWEEP: &str = "sweep:256@80";
const PHASES: &str = "phases:3s=flat:200,3s=rate:16@50";
const WAITING: &str = "phases:3s=flat:128,3s=idle";
const SPINNING: &str = "phases:3s=flat:128,3s=spin";

/// Guests that never end by themselves and guests that do; links of 200 Mbit/s to 2 Gbit/s; the law at three slowdowns,
/// stock, and stops at given times. No trace is longer than 100 kB.
pub const SET: &[Plan] = &[
    plan("flat-law-2", 512, FLAT, "1gbit", CHEAP),
    plan("flat-law-10", 512, FLAT, "1gbit", GUARD),
    plan("flat-law-30", 512, FLAT, "1gbit", DEAR),
    plan("flat-stop-6", 512, FLAT, "1gbit", forced!("6")),
    plan("flat-stop-9", 512, FLAT, "1gbit", forced!("9")),
    plan("flat-500-law-10", 512, FLAT, "500mbit", GUARD),
    plan("flat-500-stop-14", 512, FLAT, "500mbit", forced!("14")),
    plan("rate-law-10", 512, RATE, "1gbit", GUARD),
    plan("rate-stock", 512, RATE, "1gbit", STOCK),
    plan("rate-stop-3", 512, RATE, "1gbit", forced!("3")),
    plan("rate-500-law-10", 512, RATE, "500mbit", GUARD),
    plan("rate-500-stock", 512, RATE, "500mbit", STOCK),
    plan("sweep-law-10", 512, SWEEP, "1gbit", GUARD),
    plan("sweep-stock", 512, SWEEP, "1gbit", STOCK),
    plan("sweep-500-law-10", 512, SWEEP, "500mbit", GUARD),
    plan("sweep-500-stop-12", 512, SWEEP, "500mbit", forced!("12")),
    plan("phases-law-10", 512, PHASES, "1gbit", GUARD),
    plan("phases-law-30", 512, PHASES, "1gbit", DEAR),
    plan("phases-stock", 512, PHASES, "1gbit", STOCK),
    plan("phases-500-law-10", 512, PHASES, "500mbit", GUARD),
    plan("small-200-law-10", 256, "flat:32", "200mbit", GUARD),
    plan("small-200-law-30", 256, "flat:32", "200mbit", DEAR),
    plan(
        "small-200-stop-14",
        256,
        "flat:32",
        "200mbit",
        forced!("14"),
    ),
    plan("small-500-law-10", 256, "flat:32", "500mbit", GUARD),
    plan("slow-200-law-10", 256, "rate:32@10", "200mbit", GUARD),
    plan("slow-200-stock", 256, "rate:32@10", "200mbit", STOCK),
    plan("big-law-10", 1024, "flat:256", "1gbit", GUARD),
    plan("big-stop-12", 1024, "flat:256", "1gbit", forced!("12")),
    plan("idle-law-10", 512, "idle", "1gbit", GUARD),
    plan("idle-stock", 512, "idle", "1gbit", STOCK),
    native("kvm-flat-law-10", FLAT, "1gbit", GUARD),
    native("kvm-flat-law-2", FLAT, "1gbit", CHEAP),
    native("kvm-flat-stop-8", FLAT, "1gbit", forced!("8")),
    native("kvm-flat-500-law-10", FLAT, "500mbit", GUARD),
    native("kvm-flat-2000-law-10", FLAT, "2gbit", GUARD),
    native("kvm-flat-2000-stop-6", FLAT, "2gbit", forced!("6")),
    native("kvm-rate-law-10", RATE, "1gbit", GUARD),
    native("kvm-rate-stock", RATE, "1gbit", STOCK),
    native("kvm-rate-500-law-10", RATE, "500mbit", GUARD),
    native("kvm-sweep-law-10", SWEEP, "1gbit", GUARD),
    native("kvm-sweep-stock", SWEEP, "1gbit", STOCK),
    native("kvm-sweep-2000-law-10", SWEEP, "2gbit", GUARD),
    native("kvm-waiting-law-10", WAITING, "1gbit", GUARD),
    native("kvm-waiting-law-30", WAITING, "1gbit", DEAR),
    native("kvm-waiting-stock", WAITING, "1gbit", STOCK),
    native("kvm-spinning-law-10", SPINNING, "1gbit", GUARD),
    native("kvm-spinning-law-2", SPINNING, "1gbit", CHEAP),
    native("kvm-spinning-stop-8", SPINNING, "1gbit", forced!("8")),
    native("kvm-idle-law-10", "idle", "1gbit", GUARD),
];
