//! The heartbeat.

use crate::guest::Guest;
use crate::line::Line;
use crate::machine;
use alloc::borrow::ToOwned;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use core::time::Duration;
use libvirt_hpc_guest_core::beat::Beat;
use libvirt_hpc_guest_core::memory::Memory;
use libvirt_hpc_guest_core::program::Program;

/// The next beat and when it is due.
pub(crate) struct Heart {
    beat: Beat,
    next: Duration,
}

impl Heart {
    /// Before the first beat of the guest `name`.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            beat: Beat {
                guest: name.to_owned(),
                seq: 0,
                guest_us: 0,
                steps: 0,
                corrupt: 0,
                phase: 0,
                verified: 0,
                ready: false,
            },
            next: Duration::ZERO,
        }
    }

    /// When the next beat is due.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// Sends a beat and takes the host's requests; has itself called again when the next is due.
    pub(crate) fn beat(&mut self, guest: &Guest) {
        let now = guest.clock.now();
        self.poll(guest, now);
        self.next = (self.next + guest.config.beat).max(now);
        self.send(guest);
    }

    fn poll(&mut self, guest: &Guest, now: Duration) {
        let (memory, started) = (guest.memory.get(), guest.started.get());
        self.beat.guest_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let progress = &guest.progress;
        self.beat.steps = memory.map_or(0, Memory::steps) + progress.steps();
        self.beat.corrupt = memory.map_or(0, Memory::corrupt) + progress.corrupt();
        self.beat.phase = match (&guest.config.program, started) {
            (Program::Pages(workload), Some(start)) => workload.at(now.saturating_sub(*start)).0,
            _ => progress.phase(),
        };
        self.beat.verified = guest.verified.load(Ordering::Relaxed);
        self.beat.ready = started.is_some();
    }

    fn send(&mut self, guest: &Guest) {
        let mut line = Line::default();
        writeln!(line, "{}", self.beat).ok();
        self.beat.seq += 1;
        let silence = self.next.saturating_sub(guest.clock.now());
        // What is received is a line that asks to verify.
        if machine::transfer(machine::BEAT, line.bytes(), Some(silence)) == Some(b'\n') {
            guest.asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}
