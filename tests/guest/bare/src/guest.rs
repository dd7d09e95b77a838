//! The guest's work: the first processor works, verifies and communicates, the others work.

use crate::checker::Checker;
use crate::clock::Clock;
use crate::crew::Crew;
use crate::heart::Heart;
use crate::line::Line;
use crate::machine;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::Write;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use libvirt_hpc_guest_core::config::Config;
use libvirt_hpc_guest_core::kernel::KernelSpec;
use libvirt_hpc_guest_core::memory::Memory;
use libvirt_hpc_guest_core::pace::{NAP, Rest, Share, Worker};
use libvirt_hpc_guest_core::program::Program;
use libvirt_hpc_guest_core::progress::Progress;
use libvirt_hpc_guest_core::team::{Machine, Team};
use libvirt_hpc_guest_core::workload::{PAGE_BYTES, Workload};
use spin::{Mutex, Once};

/// Pages verified on request between two turns of a page workload.
const VERIFY_PAGES: usize = 256;
/// Steps in which all of a kernel is verified, if that is possible on request.
const VERIFY_STEPS: u32 = 2;
/// Memory that is not filled, for a kernel's allocations while it computes, in bytes.
const RESERVE_BYTES: usize = 16 << 20;
/// Turns of a spinning worker between two readings of the clock.
const SPINS: u32 = 256;

static GUEST: Once<Guest> = Once::new();

/// The state shared by the processors.
pub(crate) struct Guest {
    pub(crate) config: Config<Program>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Clock,
    /// Set when it is filled.
    pub(crate) memory: Once<Memory>,
    /// When the phases began; set when every processor has written its working set once.
    pub(crate) started: Once<Duration>,
    /// Verifications of all memory that were asked for, and those that are done.
    pub(crate) asked: AtomicU64,
    pub(crate) verified: AtomicU64,
    heart: Mutex<Heart>,
    /// A beat is due that nobody sends yet.
    missed: AtomicBool,
    crew: Crew,
    /// Processors that have written their working set once.
    passed: AtomicUsize,
}

/// Runs processor `number`, for ever.
///
/// # Errors
/// An error in the command line.
pub fn run(number: usize) -> Result<(), String> {
    if number > 0 {
        follow(GUEST.wait(), number);
    }
    let command_line = machine::command_line();
    if (command_line.split_ascii_whitespace()).any(|word| word == "hpc.probe") {
        say(format_args!("rig: booted"));
        machine::reset();
    }
    let config = Config::<Program>::parse(command_line)?;
    let heart = Heart::of(&config.name);
    let crew = Crew::new(config.vcpus.min(machine::CPUS));
    let guest = GUEST.call_once(|| Guest {
        config,
        progress: Arc::default(),
        clock: Clock::measured(),
        memory: Once::new(),
        started: Once::new(),
        asked: AtomicU64::new(0),
        verified: AtomicU64::new(0),
        heart: Mutex::new(heart),
        missed: AtomicBool::new(false),
        crew,
        passed: AtomicUsize::new(0),
    });
    beat();
    for other in 1..u8::try_from(guest.crew.processors()).unwrap_or(1) {
        machine::start_processor(other, nap);
    }
    lead(guest)
}

/// The first processor.
fn lead(guest: &'static Guest) -> ! {
    match &guest.config.program {
        Program::Pages(workload) => {
            fill(guest, guest.config.fill_pages);
            work(guest, workload, 0)
        }
        Program::Kernel(spec) => compute(guest, *spec),
    }
}

/// One of the others.
fn follow(guest: &'static Guest, number: usize) -> ! {
    match &guest.config.program {
        Program::Pages(workload) => work(guest, workload, number),
        Program::Kernel(_) => guest.crew.follow(number, nap_alone),
    }
}

fn fill(guest: &Guest, pages: usize) -> &Memory {
    let begin = guest.clock.now();
    let memory =
        (guest.memory).call_once(|| Memory::filled(pages, || nap(Duration::from_millis(1))));
    say(format_args!(
        "rig: {} pages filled in {:?}, {} cycles a second",
        memory.len(),
        guest.clock.now().saturating_sub(begin),
        guest.clock.per_second()
    ));
    memory
}

/// Prints on the console.
pub fn say(what: core::fmt::Arguments<'_>) {
    let mut line = Line::default();
    line.write_fmt(what).ok();
    line.write_str("\n").ok();
    machine::transfer(machine::CONSOLE, line.bytes(), None);
}

/// Sends a heartbeat; called again when the next is due. The first processor's alone: its timer
/// interrupts whatever it does, this too if it takes longer than from beat to beat.
pub(crate) fn beat() {
    let Some(guest) = GUEST.get() else { return };
    guest.missed.store(true, Ordering::Relaxed);
    while guest.missed.load(Ordering::Relaxed) {
        // The holder of the lock checks again when it is free.
        let Some(mut heart) = guest.heart.try_lock() else {
            return;
        };
        guest.missed.store(false, Ordering::Relaxed);
        heart.beat(guest);
    }
}

/// The first processor sleeps `time`, or until the next heartbeat.
fn nap(time: Duration) {
    let Some(guest) = GUEST.get() else { return };
    let next = (guest.heart.try_lock()).map_or(Duration::ZERO, |heart| heart.next());
    let silence = next.saturating_sub(guest.clock.now());
    let time = time.min(silence);
    machine::sleep(time, Some(silence.saturating_sub(time)));
}

/// One of the others sleeps `time`.
fn nap_alone(time: Duration) {
    machine::sleep(time, None);
}

/// One worker of the page workloads.
fn work(guest: &'static Guest, workload: &Workload, index: usize) -> ! {
    let memory = guest.memory.wait();
    let of = guest.crew.processors();
    let mut worker = Worker::new(memory, workload, Share { index, of });
    worker.first_pass();
    guest.passed.fetch_add(1, Ordering::AcqRel);
    while guest.passed.load(Ordering::Acquire) < of {
        spin_loop();
    }
    let start = *guest.started.call_once(|| guest.clock.now());
    let mut checker = Checker::new(VERIFY_PAGES, 0);
    let sleep = if index == 0 { nap } else { nap_alone };
    loop {
        if index == 0 {
            checker.turn(guest, memory);
        }
        match worker.turn(guest.clock.now().saturating_sub(start)) {
            Rest::None => {}
            Rest::Nap => sleep(NAP),
            Rest::Spin => (0..SPINS).for_each(|_| spin_loop()),
        }
    }
}

/// A kernel on all processors; the filled memory is fitted around it.
fn compute(guest: &'static Guest, spec: KernelSpec) -> ! {
    let team = Team::new(guest.crew.processors(), guest, Arc::clone(&guest.progress));
    let mut kernel = spec.build(&team);
    kernel.step(&team);
    let room = machine::free_bytes().saturating_sub(RESERVE_BYTES) as u64 / PAGE_BYTES;
    let pages = usize::try_from(room)
        .unwrap_or(0)
        .min(guest.config.fill_pages);
    let memory = fill(guest, pages);
    guest.started.call_once(|| guest.clock.now());
    let mut checker = Checker::new(usize::MAX, VERIFY_STEPS);
    loop {
        kernel = spec.proceed(kernel, &team);
        checker.turn(guest, memory);
    }
}

impl Machine for Guest {
    fn fork(&self, members: usize, body: &(dyn Fn(usize) + Sync)) {
        self.crew.lead(members, body, nap);
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn sleep(&self, time: Duration) {
        self.crew.rest(|| nap(time));
    }
}
