//! Verifies memory between two turns of the work: slowly all the time, and at once on request.

use crate::guest::Guest;
use core::sync::atomic::Ordering;
use core::time::Duration;
use libvirt_hpc_guest_core::memory::Memory;

/// The background scrub: this many pages, this often.
const SCRUB_PAGES: usize = 64;
const SCRUB_EVERY: Duration = Duration::from_millis(20);

/// The next pages to verify, of both kinds.
pub(crate) struct Checker {
    scrubbed: usize,
    scrub_at: Duration,
    verified: usize,
    at_once: usize,
    turns: u32,
    turns_left: u32,
}

impl Checker {
    /// On request it verifies `at_once` pages in a turn, and then waits for `turns` more, in which
    /// the work verifies itself.
    pub(crate) fn new(at_once: usize, turns: u32) -> Self {
        Self {
            scrubbed: 0,
            scrub_at: Duration::ZERO,
            verified: 0,
            at_once,
            turns,
            turns_left: turns,
        }
    }

    /// Verifies the next pages, if it is time.
    pub(crate) fn turn(&mut self, guest: &Guest, memory: &Memory) {
        let (done, now) = (guest.verified.load(Ordering::Relaxed), guest.clock.now());
        if guest.asked.load(Ordering::Relaxed) > done {
            self.answer(guest, memory, done);
        } else if now >= self.scrub_at {
            self.scrubbed = verify(memory, self.scrubbed, SCRUB_PAGES);
            self.scrub_at = now + SCRUB_EVERY;
        }
    }

    fn answer(&mut self, guest: &Guest, memory: &Memory, done: u64) {
        if self.turns_left == self.turns {
            self.verified = verify(memory, self.verified, self.at_once);
        }
        if self.verified > 0 {
            return;
        }
        if self.turns_left > 0 {
            self.turns_left -= 1;
            return;
        }
        self.turns_left = self.turns;
        guest.verified.store(done + 1, Ordering::Relaxed);
    }
}

/// Verifies `pages` from `begin` on, and returns where to go on: 0 after the last.
fn verify(memory: &Memory, begin: usize, pages: usize) -> usize {
    let end = begin.saturating_add(pages).min(memory.len());
    (begin..end).for_each(|number| memory.verify(number));
    if end < memory.len() { end } else { 0 }
}
