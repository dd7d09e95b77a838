//! What the guest does: the first processor works, talks and verifies, the others work.

use crate::clock::Clock;
use crate::line::Line;
use crate::machine::{self, Shared};
use alloc::string::String;
use core::fmt::Write;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use libvirt_hpc_guest_core::beat::Beat;
use libvirt_hpc_guest_core::config::Config;
use libvirt_hpc_guest_core::memory::Memory;
use libvirt_hpc_guest_core::pace::{NAP, Rest, Share, Worker};
use libvirt_hpc_guest_core::workload::Workload;

/// The background scrub: this many pages, this often.
const SCRUB_PAGES: usize = 64;
const SCRUB_EVERY: Duration = Duration::from_millis(20);
/// Pages verified on request between two turns of the work.
const VERIFY_PAGES: usize = 256;
/// Turns of a spinning worker between two looks at the clock.
const SPINS: u32 = 256;

static GUEST: Shared<Guest> = Shared::none();

/// What the processors share.
struct Guest {
    config: Config<Workload>,
    memory: Memory,
    clock: Clock,
    /// Processors that work.
    of: usize,
    /// Those of them that have been over their hot pages.
    passed: AtomicUsize,
}

/// Runs processor `number`, for ever.
///
/// # Errors
/// What is wrong with the command line.
pub fn run(number: usize) -> Result<(), String> {
    if number > 0 {
        follow(number);
    }
    let command_line = machine::command_line();
    if command_line
        .split_ascii_whitespace()
        .any(|word| word == "hpc.probe")
    {
        say(format_args!("rig: booted"));
        machine::reset();
    }
    let config = Config::<Workload>::parse(command_line)?;
    let clock = Clock::measured();
    let of = config.vcpus.min(machine::CPUS);
    let memory = Memory::filled(config.fill_pages, || {
        machine::sleep(Duration::from_millis(1))
    });
    let guest = GUEST.publish(Guest {
        config,
        memory,
        clock,
        of,
        passed: AtomicUsize::new(0),
    });
    say(format_args!(
        "rig: {} pages filled in {:?}, {} cycles a second",
        guest.memory.len(),
        guest.clock.now(),
        guest.clock.per_second()
    ));
    for other in 1..u8::try_from(of).unwrap_or(1) {
        machine::start_processor(other);
    }
    lead(guest)
}

/// Says something on the console.
pub fn say(what: core::fmt::Arguments<'_>) {
    let mut line = Line::default();
    line.write_fmt(what).ok();
    line.write_str("\n").ok();
    machine::transfer(machine::CONSOLE, line.bytes());
}

impl Guest {
    /// A worker that has been over its hot pages, once all have.
    fn worker(&self, index: usize) -> Worker<'_> {
        let share = Share { index, of: self.of };
        let worker = Worker::new(&self.memory, &self.config.program, share);
        worker.first_pass();
        self.passed.fetch_add(1, Ordering::AcqRel);
        while self.passed.load(Ordering::Acquire) < self.of {
            spin_loop();
        }
        worker
    }
}

/// One of the other processors.
fn follow(index: usize) -> ! {
    let guest = loop {
        match GUEST.get() {
            Some(guest) => break guest,
            None => spin_loop(),
        }
    };
    let mut worker = guest.worker(index);
    let start = guest.clock.now();
    loop {
        let now = guest.clock.now().saturating_sub(start);
        rest(worker.turn(now), NAP);
    }
}

/// The first processor.
fn lead(guest: &Guest) -> ! {
    let mut worker = guest.worker(0);
    let start = guest.clock.now();
    let mut speaker = Speaker::new(guest, start);
    let mut checker = Checker::default();
    loop {
        let now = guest.clock.now();
        if speaker.is_due(now) && speaker.speak(now) {
            checker.verify_all();
        }
        if checker.turn(&guest.memory, now) {
            speaker.verified();
        }
        let done = worker.turn(now.saturating_sub(start));
        rest(done, speaker.silence(guest.clock.now()).min(NAP));
    }
}

fn rest(rest: Rest, nap: Duration) {
    match rest {
        Rest::None => {}
        Rest::Nap => machine::sleep(nap),
        Rest::Spin => (0..SPINS).for_each(|_| spin_loop()),
    }
}

/// The heartbeat.
struct Speaker<'a> {
    guest: &'a Guest,
    start: Duration,
    beat: Beat,
    next: Duration,
}

impl<'a> Speaker<'a> {
    fn new(guest: &'a Guest, start: Duration) -> Self {
        Self {
            guest,
            start,
            beat: Beat {
                guest: guest.config.name.clone(),
                seq: 0,
                guest_us: 0,
                steps: 0,
                corrupt: 0,
                phase: 0,
                verified: 0,
                ready: true,
            },
            next: Duration::ZERO,
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        now >= self.next
    }

    /// Time until the next beat.
    fn silence(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    fn verified(&mut self) {
        self.beat.verified += 1;
    }

    /// Sends a beat; true if the host has asked for something.
    fn speak(&mut self, now: Duration) -> bool {
        let memory = &self.guest.memory;
        self.beat.guest_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.beat.steps = memory.steps();
        self.beat.corrupt = memory.corrupt();
        self.beat.phase = (self.guest.config.program)
            .at(now.saturating_sub(self.start))
            .0;
        let mut line = Line::default();
        writeln!(line, "{}", self.beat).ok();
        self.beat.seq += 1;
        self.next = (self.next + self.guest.config.beat).max(now);
        machine::transfer(machine::BEAT, line.bytes()) == Some(b'\n')
    }
}

/// Verifies memory, slice by slice: slowly all the time, and at once on request.
#[derive(Default)]
struct Checker {
    scrubbed: usize,
    scrub_at: Duration,
    asked: bool,
    verified: usize,
}

impl Checker {
    fn verify_all(&mut self) {
        self.asked = true;
    }

    /// Verifies a slice; true if that ends what was asked for.
    fn turn(&mut self, memory: &Memory, now: Duration) -> bool {
        if self.asked {
            let end = (self.verified + VERIFY_PAGES).min(memory.len());
            (self.verified..end).for_each(|number| memory.verify(number));
            self.asked = end < memory.len();
            self.verified = if self.asked { end } else { 0 };
            return !self.asked;
        }
        if now >= self.scrub_at {
            let end = (self.scrubbed + SCRUB_PAGES).min(memory.len());
            (self.scrubbed..end).for_each(|number| memory.verify(number));
            self.scrubbed = if end < memory.len() { end } else { 0 };
            self.scrub_at = now + SCRUB_EVERY;
        }
        false
    }
}
