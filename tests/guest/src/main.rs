//! The guest's workload: the only process of a test guest.

use anyhow::{Context, Result};
use libvirt_hpc_guest::beat::Beat;
use libvirt_hpc_guest::config::Config;
use libvirt_hpc_guest::memory::Memory;
use libvirt_hpc_guest::pace::{self, Share};
use libvirt_hpc_guest::priority;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The first virtio-serial channel, as devtmpfs names it.
const PORT: &str = "/dev/vport0p1";
/// The background scrub: this many pages, this often (13 MB/s, under 1 % of a vCPU).
const SCRUB_PAGES: usize = 64;
const SCRUB_EVERY: Duration = Duration::from_millis(20);

/// What the threads share.
struct Guest {
    config: Config,
    memory: OnceLock<Memory>,
    /// Set when every worker has been over its hot pages once; the phases count from here.
    started: OnceLock<Instant>,
    verified: AtomicU64,
}

fn main() -> Result<()> {
    let command_line = fs::read_to_string("/proc/cmdline").context("reading /proc/cmdline")?;
    let config = Config::parse(&command_line).context("reading the kernel command line")?;
    let port = OpenOptions::new().read(true).write(true).open(PORT);
    let port = port.with_context(|| format!("opening {PORT}"))?;
    let requests = port.try_clone().context("duplicating the port")?;
    let guest = Arc::new(Guest {
        config,
        memory: OnceLock::new(),
        started: OnceLock::new(),
        verified: AtomicU64::new(0),
    });
    let filler = Arc::clone(&guest);
    thread::spawn(move || compute(&filler));
    let verifier = Arc::clone(&guest);
    thread::spawn(move || verify_on_request(&verifier, requests));
    heartbeat(&guest, port)
}

/// Fills the memory, then starts one worker per vCPU and the scrubber.
fn compute(guest: &Arc<Guest>) {
    let memory = guest
        .memory
        .get_or_init(|| Memory::filled(guest.config.fill_pages));
    let of = thread::available_parallelism().map_or(1, usize::from);
    let passed = Arc::new(Barrier::new(of));
    for index in 0..of {
        let (guest, passed) = (Arc::clone(guest), Arc::clone(&passed));
        thread::spawn(move || work(&guest, &passed, Share { index, of }));
    }
    priority::set(priority::YIELDING);
    for number in (0..memory.len()).cycle() {
        memory.verify(number);
        if number % SCRUB_PAGES == 0 {
            thread::sleep(SCRUB_EVERY);
        }
    }
}

fn work(guest: &Guest, passed: &Barrier, share: Share) {
    priority::set(priority::YIELDING);
    let Some(memory) = guest.memory.get() else {
        return;
    };
    let workload = &guest.config.workload;
    pace::first_pass(memory, share, workload.hot_pages());
    passed.wait();
    let start = *guest.started.get_or_init(Instant::now);
    pace::run(memory, share, workload, start)
}

/// Any bytes that arrive ask for one verification of all memory.
fn verify_on_request(guest: &Guest, mut requests: File) {
    let mut bytes = [0; 64];
    loop {
        match requests.read(&mut bytes) {
            Ok(0) | Err(_) => thread::sleep(SCRUB_EVERY),
            Ok(_) => {
                if let Some(memory) = guest.memory.get() {
                    memory.verify_all();
                    guest.verified.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn heartbeat(guest: &Guest, mut port: File) -> Result<()> {
    priority::set(priority::PROMPT);
    let origin = Instant::now();
    let mut next = origin;
    for seq in 0.. {
        let line = format!("{}\n", beat(guest, origin, seq));
        // A host that does not listen must not stop the guest.
        port.write_all(line.as_bytes()).ok();
        next = (next + guest.config.beat).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

fn beat(guest: &Guest, origin: Instant, seq: u64) -> Beat {
    let memory = guest.memory.get();
    let started = guest.started.get();
    Beat {
        guest: guest.config.name.clone(),
        seq,
        guest_us: u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX),
        steps: memory.map_or(0, Memory::steps),
        corrupt: memory.map_or(0, Memory::corrupt),
        phase: started.map_or(0, |start| guest.config.workload.at(start.elapsed()).0),
        verified: guest.verified.load(Ordering::Relaxed),
        ready: started.is_some(),
    }
}
