//! The guest's workload: the only process of a test guest.

use anyhow::{Context, Result, anyhow};
use libvirt_hpc_guest::beat::Beat;
use libvirt_hpc_guest::config::Config;
use libvirt_hpc_guest::fit;
use libvirt_hpc_guest::hpcc::Hpcc;
use libvirt_hpc_guest::kernel::KernelSpec;
use libvirt_hpc_guest::memory::Memory;
use libvirt_hpc_guest::pace::{NAP, Rest, Share, Worker};
use libvirt_hpc_guest::priority;
use libvirt_hpc_guest::program::Program;
use libvirt_hpc_guest::progress::Progress;
use libvirt_hpc_guest::team::{Team, Threads};
use libvirt_hpc_guest::workload::Workload;
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

/// The state shared by the threads.
struct Guest {
    config: Config<Program>,
    memory: OnceLock<Memory>,
    /// Set when every worker has written its working set once, or the kernel has done one step; the phases count from
    /// here.
    started: OnceLock<Instant>,
    progress: Arc<Progress>,
    verified: AtomicU64,
}

fn main() -> Result<()> {
    let command_line = fs::read_to_string("/proc/cmdline").context("reading /proc/cmdline")?;
    let config =
        Config::parse(&command_line).map_err(|e| anyhow!("the kernel command line: {e}"))?;
    let port = OpenOptions::new().read(true).write(true).open(PORT);
    let port = port.with_context(|| format!("opening {PORT}"))?;
    let requests = port.try_clone().context("duplicating the port")?;
    let guest = Arc::new(Guest {
        config,
        memory: OnceLock::new(),
        started: OnceLock::new(),
        progress: Arc::default(),
        verified: AtomicU64::new(0),
    });
    let filler = Arc::clone(&guest);
    thread::spawn(move || compute(&filler));
    let verifier = Arc::clone(&guest);
    thread::spawn(move || verify_on_request(&verifier, requests));
    heartbeat(&guest, port)
}

/// Starts the program next to the filled memory, then scrubs that for ever.
fn compute(guest: &Arc<Guest>) {
    let memory = match &guest.config.program {
        Program::Pages(workload) => start_pages(guest, workload),
        Program::Kernel(spec) => start_kernel(guest, *spec),
        Program::Mpi(hpcc) => start_mpi(guest, *hpcc),
    };
    priority::set(priority::YIELDING);
    for number in (0..memory.len()).cycle() {
        memory.verify(number);
        if number % SCRUB_PAGES == 0 {
            thread::sleep(SCRUB_EVERY);
        }
    }
}

/// One worker per vCPU over the filled memory.
fn start_pages<'a>(guest: &'a Arc<Guest>, workload: &Workload) -> &'a Memory {
    let memory = guest.memory.get_or_init(|| fill(guest.config.fill_pages));
    let of = vcpus();
    let passed = Arc::new(Barrier::new(of));
    for index in 0..of {
        let (guest, passed, workload) = (Arc::clone(guest), Arc::clone(&passed), workload.clone());
        thread::spawn(move || work(&guest, &workload, &passed, Share { index, of }));
    }
    memory
}

fn work(guest: &Guest, workload: &Workload, passed: &Barrier, share: Share) {
    priority::set(priority::YIELDING);
    let Some(memory) = guest.memory.get() else {
        return;
    };
    let mut worker = Worker::new(memory, workload, share);
    worker.first_pass();
    passed.wait();
    let start = *guest.started.get_or_init(Instant::now);
    loop {
        match worker.turn(start.elapsed()) {
            Rest::Nap => thread::sleep(NAP),
            Rest::None | Rest::Spin => {}
        }
    }
}

fn fill(pages: usize) -> Memory {
    Memory::filled(pages, || thread::sleep(Duration::from_millis(1)))
}

/// A kernel on all vCPUs; the filled memory is fitted around it.
fn start_kernel(guest: &Arc<Guest>, spec: KernelSpec) -> &Memory {
    let team = Team::new(vcpus(), Threads::get(), Arc::clone(&guest.progress));
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let pages = fit::fill_pages(guest.config.fill_pages, spec.bytes(), &meminfo);
    let mut kernel = spec.build(&team);
    kernel.step(&team);
    let memory = guest.memory.get_or_init(|| fill(pages));
    guest.started.get_or_init(Instant::now);
    thread::spawn(move || {
        // The threads of the team inherit this.
        priority::set(priority::YIELDING);
        loop {
            kernel = spec.proceed(kernel, &team);
        }
    });
    memory
}

/// The MPI program next to the filled memory. Without its program a guest is of no use.
fn start_mpi(guest: &Arc<Guest>, hpcc: Hpcc) -> &Memory {
    let memory = guest.memory.get_or_init(|| fill(guest.config.fill_pages));
    let runner = Arc::clone(guest);
    thread::spawn(move || {
        // The ranks inherit this.
        priority::set(priority::YIELDING);
        let begun = || {
            runner.started.get_or_init(Instant::now);
        };
        if let Err(error) = hpcc.run(&runner.progress, begun) {
            eprintln!("Error: {error:#}");
            std::process::exit(1);
        }
    });
    memory
}

fn vcpus() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Any bytes that arrive ask for one verification of all memory, and of a kernel's next step.
fn verify_on_request(guest: &Guest, mut requests: File) {
    let mut bytes = [0; 64];
    loop {
        match requests.read(&mut bytes) {
            Ok(0) | Err(_) => thread::sleep(SCRUB_EVERY),
            Ok(_) => {
                if let Some(memory) = guest.memory.get() {
                    memory.verify_all();
                    await_check(guest);
                    guest.verified.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Waits until a kernel has verified a step that it began after this call, or the MPI program its present pass.
fn await_check(guest: &Guest) {
    let more = match guest.config.program {
        Program::Pages(_) => return,
        Program::Kernel(_) => 2,
        Program::Mpi(_) => 1,
    };
    let enough = guest.progress.checks() + more;
    while guest.progress.checks() < enough {
        thread::sleep(SCRUB_EVERY);
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
        steps: memory.map_or(0, Memory::steps) + guest.progress.steps(),
        corrupt: memory.map_or(0, Memory::corrupt) + guest.progress.corrupt(),
        phase: phase(guest),
        verified: guest.verified.load(Ordering::Relaxed),
        ready: started.is_some(),
    }
}

fn phase(guest: &Guest) -> usize {
    match (&guest.config.program, guest.started.get()) {
        (Program::Pages(workload), Some(start)) => workload.at(start.elapsed()).0,
        _ => guest.progress.phase(),
    }
}
