//! Threads as OpenMP has them: a parallel region forks one thread per vCPU over a static schedule
//! and joins them at its end, where the implicit barrier is.

use crate::progress::Progress;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;
use spin::Mutex;
#[cfg(any(test, feature = "std"))]
pub use threads::Threads;

/// The platform of a team.
pub trait Machine: Sync {
    /// Calls `body` with each of 0..`members`, at the same time as far as there are processors, and
    /// returns when all are done.
    fn fork(&self, members: usize, body: &(dyn Fn(usize) + Sync));

    /// Monotonic time.
    fn now(&self) -> Duration;

    /// Leaves the caller's processor idle for `time`.
    fn sleep(&self, time: Duration);
}

/// The threads of one program. The caller is one of them; with one vCPU nothing is forked.
pub struct Team {
    of: usize,
    machine: &'static dyn Machine,
    progress: Arc<Progress>,
}

impl Team {
    /// A team of `of` threads, at least one, whose work counts in `progress`.
    #[must_use]
    pub fn new(of: usize, machine: &'static dyn Machine, progress: Arc<Progress>) -> Self {
        Self {
            of: of.max(1),
            machine,
            progress,
        }
    }

    /// A team of the caller alone, whose work counts nowhere.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self::new(1, self.machine, Arc::default())
    }

    /// The counters of its work.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Monotonic time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.machine.now()
    }

    /// Leaves the processors idle for `time`.
    pub fn sleep(&self, time: Duration) {
        self.machine.sleep(time);
    }

    /// Number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.of
    }

    /// Counts `steps` more; any thread may.
    pub fn tick(&self, steps: usize) {
        self.progress.add_steps(steps as u64);
    }

    /// The program enters `phase`.
    pub fn enter(&self, phase: usize) {
        self.progress.enter(phase);
    }

    /// A parallel region: one thread for each part. Returns their results in order.
    pub fn each<P: Send, R: Send>(
        &self,
        parts: impl IntoIterator<Item = P>,
        body: impl Fn(P) -> R + Sync,
    ) -> Vec<R> {
        let parts: Vec<_> = parts
            .into_iter()
            .map(|part| Mutex::new(Some(part)))
            .collect();
        let results: Vec<_> = parts.iter().map(|_| Mutex::new(None)).collect();
        let member = |number: usize| {
            if let (Some(part), Some(result)) = (parts.get(number), results.get(number))
                && let Some(part) = part.lock().take()
            {
                *result.lock() = Some(body(part));
            }
        };
        match parts.len() {
            1 => member(0),
            members => self.machine.fork(members, &member),
        }
        results.into_iter().filter_map(Mutex::into_inner).collect()
    }

    /// `#pragma omp parallel for` over `data` in units of `unit` elements; `body` gets the unit's
    /// number and its elements.
    pub fn for_units<T: Send>(
        &self,
        data: &mut [T],
        unit: usize,
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let unit = unit.max(1);
        let run = data.len().div_ceil(unit).div_ceil(self.of).max(1);
        let parts = data.chunks_mut(run * unit).enumerate();
        self.each(parts, |(part, elements)| {
            for (number, slice) in elements.chunks_mut(unit).enumerate() {
                body(part * run + number, slice);
            }
        });
    }

    /// `0..n` cut into one contiguous range for each thread; some may be empty.
    #[must_use]
    pub fn ranges(&self, n: usize) -> Vec<Range<usize>> {
        let bound = |member: usize| n / self.of * member + (n % self.of).min(member);
        (0..self.of).map(|m| bound(m)..bound(m + 1)).collect()
    }

    /// `reduction(+)` of `body` over `0..n`.
    pub fn sum(&self, n: usize, body: impl Fn(usize) -> f64 + Sync) -> f64 {
        let sums = self.each(self.ranges(n), |range| range.map(&body).sum::<f64>());
        sums.into_iter().sum()
    }

    /// `reduction(&&)` of `body` over `0..n`.
    pub fn all(&self, n: usize, body: impl Fn(usize) -> bool + Sync) -> bool {
        let all = self.each(self.ranges(n), |mut range| range.all(&body));
        all.into_iter().all(|part| part)
    }
}

#[cfg(any(test, feature = "std"))]
mod threads {
    use super::{Duration, Machine};
    use std::sync::OnceLock;
    use std::thread;
    use std::time::Instant;

    /// Threads of an operating system.
    #[derive(Debug)]
    pub struct Threads {
        origin: Instant,
    }

    impl Threads {
        /// The same for all; its time begins with the first call.
        #[must_use]
        pub fn get() -> &'static Self {
            static THREADS: OnceLock<Threads> = OnceLock::new();
            THREADS.get_or_init(|| Self {
                origin: Instant::now(),
            })
        }
    }

    impl Machine for Threads {
        fn fork(&self, members: usize, body: &(dyn Fn(usize) + Sync)) {
            thread::scope(|scope| {
                for member in 1..members {
                    scope.spawn(move || body(member));
                }
                (0..members.min(1)).for_each(body);
            });
        }

        fn now(&self) -> Duration {
            self.origin.elapsed()
        }

        fn sleep(&self, time: Duration) {
            thread::sleep(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn every_unit_is_visited_once_whatever_the_threads() {
        for of in 1..=4 {
            let team = Team::new(of, Threads::get(), Arc::default());
            for (length, unit) in [(0, 3), (1, 3), (10, 3), (12, 3), (7, 1)] {
                let mut data = vec![0; length];
                team.for_units(&mut data, unit, |number, slice| {
                    slice.iter_mut().for_each(|x| *x += number + 1);
                });
                let expected: Vec<_> = (0..length).map(|i| i / unit + 1).collect();
                assert_eq!(data, expected, "{of} threads, {length} in units of {unit}");
            }
        }
    }

    #[test]
    fn reductions_cover_the_whole_range() {
        let team = Team::new(3, Threads::get(), Arc::default());
        let sum = team.sum(100, |i| f64::from(u32::try_from(i).unwrap_or(0)));
        assert!((sum - 4950.0).abs() < 1e-9);
        assert!(team.all(100, |i| i < 100));
        assert!((0..100).all(|odd| !team.all(100, |i| i != odd)));
    }
}
