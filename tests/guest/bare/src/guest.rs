//! What the guest does: the first processor works, verifies and talks, the others work.

use crate::clock::Clock;
use crate::line::Line;
use crate::machine;
use alloc::string::String;
use core::fmt::Write;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use libvirt_hpc_guest_core::config::Config;
use libvirt_hpc_guest_core::memory::Memory;
use libvirt_hpc_guest_core::pace::{NAP, Rest, Share, Worker};
use libvirt_hpc_guest_core::workload::Workload;
use spin::{Mutex, Once};

use crate::checker::Checker;
use crate::heart::Heart;

/// Turns of a spinning worker between two looks at the clock.
const SPINS: u32 = 256;

static GUEST: Once<Guest> = Once::new();

/// What the processors share.
pub(crate) struct Guest {
    pub(crate) config: Config<Workload>,
    pub(crate) clock: Clock,
    /// Set when it is filled.
    pub(crate) memory: Once<Memory>,
    /// When the phases began; set when every processor has been over its hot pages.
    pub(crate) started: Once<Duration>,
    /// Verifications of all memory that were asked for, and those that are done.
    pub(crate) asked: AtomicU64,
    pub(crate) verified: AtomicU64,
    heart: Mutex<Heart>,
    /// Processors that work, and those that have been over their hot pages.
    of: usize,
    passed: AtomicUsize,
}

/// Runs processor `number`, for ever.
///
/// # Errors
/// What is wrong with the command line.
pub fn run(number: usize) -> Result<(), String> {
    if number > 0 {
        work(GUEST.wait(), number);
    }
    let command_line = machine::command_line();
    if (command_line.split_ascii_whitespace()).any(|word| word == "hpc.probe") {
        say(format_args!("rig: booted"));
        machine::reset();
    }
    let config = Config::<Workload>::parse(command_line)?;
    let heart = Heart::of(&config.name);
    let of = config.vcpus.min(machine::CPUS);
    let guest = GUEST.call_once(|| Guest {
        config,
        clock: Clock::measured(),
        memory: Once::new(),
        started: Once::new(),
        asked: AtomicU64::new(0),
        verified: AtomicU64::new(0),
        heart: Mutex::new(heart),
        of,
        passed: AtomicUsize::new(0),
    });
    beat();
    for other in 1..u8::try_from(of).unwrap_or(1) {
        machine::start_processor(other, nap);
    }
    let begin = guest.clock.now();
    let memory = guest
        .memory
        .call_once(|| Memory::filled(guest.config.fill_pages, || nap(Duration::from_millis(1))));
    say(format_args!(
        "rig: {} pages filled in {:?}, {} cycles a second",
        memory.len(),
        guest.clock.now().saturating_sub(begin),
        guest.clock.per_second()
    ));
    work(guest, 0)
}

/// Says something on the console.
pub fn say(what: core::fmt::Arguments<'_>) {
    let mut line = Line::default();
    line.write_fmt(what).ok();
    line.write_str("\n").ok();
    machine::transfer(machine::CONSOLE, line.bytes());
}

/// Sends a heartbeat if it is time, and has this called again when the next is due. The first
/// processor's alone: its timer interrupts whatever it does.
pub(crate) fn beat() {
    let Some(guest) = GUEST.get() else { return };
    // Never held where it could be interrupted: the timer is set last.
    if let Some(mut heart) = guest.heart.try_lock() {
        let silence = heart.beat(guest);
        drop(heart);
        machine::set_timer(silence);
    }
}

/// The first processor sleeps `time`, or until the next heartbeat.
fn nap(time: Duration) {
    let Some(guest) = GUEST.get() else { return };
    let next = guest
        .heart
        .try_lock()
        .map_or(Duration::ZERO, |heart| heart.next());
    machine::sleep(time.min(next.saturating_sub(guest.clock.now())));
    beat();
}

/// One worker of the page workloads.
fn work(guest: &'static Guest, index: usize) -> ! {
    let memory = guest.memory.wait();
    let share = Share {
        index,
        of: guest.of,
    };
    let mut worker = Worker::new(memory, &guest.config.program, share);
    worker.first_pass();
    guest.passed.fetch_add(1, Ordering::AcqRel);
    while guest.passed.load(Ordering::Acquire) < guest.of {
        spin_loop();
    }
    let start = *guest.started.call_once(|| guest.clock.now());
    let mut checker = Checker::default();
    let sleep = if index == 0 { nap } else { machine::sleep };
    loop {
        let now = guest.clock.now();
        if index == 0 {
            checker.turn(guest, memory, now);
        }
        match worker.turn(now.saturating_sub(start)) {
            Rest::None => {}
            Rest::Nap => sleep(NAP),
            Rest::Spin => (0..SPINS).for_each(|_| spin_loop()),
        }
    }
}
