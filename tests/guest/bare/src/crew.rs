//! The processors as a team: the first leads, the others run its jobs.

use crate::machine::Job;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;

/// Nap of a processor while the first sleeps.
const QUIET_NAP: Duration = Duration::from_millis(1);
/// How often a processor checks whether another is done, before it naps. One that is not done by then may have lost its
/// host's processor, perhaps to the one that waits for it.
const LOOKS: u32 = 2000;
const NAP: Duration = Duration::from_micros(100);

/// The state shared by the processors.
pub(crate) struct Crew {
    job: Job,
    of: usize,
    /// Parts of the job.
    parts: AtomicUsize,
    /// Jobs so far, and the processors that are not done with the last.
    jobs: AtomicUsize,
    busy: AtomicUsize,
    /// The first processor sleeps: there will be no job for some time.
    quiet: AtomicBool,
}

impl Crew {
    /// A crew of `of` processors.
    pub(crate) fn new(of: usize) -> Self {
        Self {
            job: Job::default(),
            of,
            parts: AtomicUsize::new(0),
            jobs: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            quiet: AtomicBool::new(false),
        }
    }

    /// Number of processors.
    pub(crate) fn processors(&self) -> usize {
        self.of
    }

    /// The first processor has all do `body` of 0..`parts` and does its share of them.
    pub(crate) fn lead(&self, parts: usize, body: &(dyn Fn(usize) + Sync), sleep: fn(Duration)) {
        self.job.lend(body, || {
            self.parts.store(parts, Ordering::Relaxed);
            self.busy.store(self.of - 1, Ordering::Relaxed);
            self.jobs.fetch_add(1, Ordering::Release);
            (0..parts).step_by(self.of).for_each(body);
            wait_until(|| self.busy.load(Ordering::Acquire) == 0, sleep);
        });
    }

    /// The first processor sleeps, by `sleep`.
    pub(crate) fn rest(&self, sleep: impl FnOnce()) {
        self.quiet.store(true, Ordering::Relaxed);
        sleep();
        self.quiet.store(false, Ordering::Relaxed);
    }

    /// The loop of processor `index`; it sleeps by `sleep`.
    pub(crate) fn follow(&self, index: usize, sleep: fn(Duration)) -> ! {
        let mut done = 0;
        loop {
            while self.quiet.load(Ordering::Relaxed) {
                sleep(QUIET_NAP);
            }
            let called = || self.jobs.load(Ordering::Acquire) != done;
            wait_until(|| called() || self.quiet.load(Ordering::Relaxed), sleep);
            if !called() {
                continue;
            }
            done += 1;
            let parts = self.parts.load(Ordering::Relaxed);
            for part in (index..parts).step_by(self.of) {
                self.job.run(part);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }
}

fn wait_until(done: impl Fn() -> bool, sleep: fn(Duration)) {
    while !(0..LOOKS).any(|_| {
        spin_loop();
        done()
    }) {
        sleep(NAP);
    }
}
