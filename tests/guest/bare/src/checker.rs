//! Verifies memory between two turns of the work: slowly all the time, and at once on request.

use crate::guest::Guest;
use core::sync::atomic::Ordering;
use core::time::Duration;
use libvirt_hpc_guest_core::memory::Memory;

/// The background scrub: this many pages, this often.
const SCRUB_PAGES: usize = 64;
const SCRUB_EVERY: Duration = Duration::from_millis(20);
/// Pages verified at a time on request.
const VERIFY_PAGES: usize = 256;

/// The next pages to verify, of both kinds.
#[derive(Default)]
pub(crate) struct Checker {
    scrubbed: usize,
    scrub_at: Duration,
    verified: usize,
}

impl Checker {
    /// Verifies the next pages, if it is time.
    pub(crate) fn turn(&mut self, guest: &Guest, memory: &Memory, now: Duration) {
        let done = guest.verified.load(Ordering::Relaxed);
        if guest.asked.load(Ordering::Relaxed) > done {
            self.verified = verify(memory, self.verified, VERIFY_PAGES);
            if self.verified == 0 {
                guest.verified.store(done + 1, Ordering::Relaxed);
            }
        } else if now >= self.scrub_at {
            self.scrubbed = verify(memory, self.scrubbed, SCRUB_PAGES);
            self.scrub_at = now + SCRUB_EVERY;
        }
    }
}

/// Verifies `pages` from `begin` on, and says where to go on: 0 after the last.
fn verify(memory: &Memory, begin: usize, pages: usize) -> usize {
    let end = (begin + pages).min(memory.len());
    (begin..end).for_each(|number| memory.verify(number));
    if end < memory.len() { end } else { 0 }
}
