//! One worker: rewrites its share of the working set in the order and at the rate of the phase.

use crate::memory::Memory;
use crate::workload::{Order, PAGE_BYTES, Wait, Work, Workload};
use core::time::Duration;

/// A worker's place; worker `index` owns the pages whose number is `index` modulo `of`.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// This worker, from 0.
    pub index: usize,
    /// Number of workers.
    pub of: usize,
}

/// A worker's next state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Goes on.
    None,
    /// Leaves its processor for [`NAP`], or less.
    Nap,
    /// Keeps its processor and reads the clock again.
    Spin,
}

/// Pages rewritten between two readings of the clock.
const BATCH: u64 = 64;
/// Sleep of a worker that is ahead of its rate or idle.
pub const NAP: Duration = Duration::from_millis(4);
/// Work that a worker which fell behind catches up with, at most.
const MAX_BACKLOG: Duration = Duration::from_millis(50);

/// A worker and its progress.
pub struct Worker<'a> {
    memory: &'a Memory,
    workload: &'a Workload,
    share: Share,
    turn: u64,
    credit: Credit,
}

impl<'a> Worker<'a> {
    /// A worker that has done nothing yet.
    #[must_use]
    pub fn new(memory: &'a Memory, workload: &'a Workload, share: Share) -> Self {
        Self {
            memory,
            workload,
            share,
            turn: 0,
            credit: Credit::default(),
        }
    }

    /// Rewrites each page of its share once.
    pub fn first_pass(&self) {
        let pages = self.share.pages(self.workload.set_pages());
        (0..pages).for_each(|turn| self.memory.rewrite(self.share.page(turn)));
    }

    /// Does the work due `elapsed` after the start of the phases, at most one batch.
    pub fn turn(&mut self, elapsed: Duration) -> Rest {
        let (_, work) = self.workload.at(elapsed);
        let due = self.credit.due(work, self.share, elapsed);
        let pages = self.share.pages(work.set_pages).max(1);
        for _ in 0..due {
            self.turn = self.turn.wrapping_add(1);
            let drawn = match work.order {
                Order::InTurn => self.turn,
                Order::Random => scatter(self.turn),
            };
            self.memory.rewrite(self.share.page(drawn % pages));
        }
        match (due, work.wait) {
            (0, Wait::Sleep) => Rest::Nap,
            (0, Wait::Spin) => Rest::Spin,
            _ => Rest::None,
        }
    }
}

impl Share {
    fn pages(self, set_pages: u64) -> u64 {
        set_pages / self.of as u64
    }

    fn page(self, turn: u64) -> usize {
        usize::try_from(turn).map_or(usize::MAX, |turn| turn * self.of + self.index)
    }
}

#[derive(Default)]
struct Credit {
    pages: f64,
    at: Duration,
}

impl Credit {
    /// Pages to rewrite now: at most one batch.
    fn due(&mut self, work: Work, share: Share, now: Duration) -> u64 {
        let elapsed = now.saturating_sub(self.at).min(MAX_BACKLOG);
        self.at = now;
        if work.set_pages == 0 {
            return 0;
        }
        let Some(rate) = work.bytes_per_second else {
            return BATCH;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate far below 2^53 bytes per second"
        )]
        let pages_per_second = rate as f64 / (PAGE_BYTES * share.of as u64) as f64;
        let backlog = pages_per_second * MAX_BACKLOG.as_secs_f64();
        self.pages = (self.pages + elapsed.as_secs_f64() * pages_per_second).min(backlog.max(1.0));
        let due = (0..BATCH)
            .take_while(|n| f64::from(u32::try_from(*n).unwrap_or(0)) + 1.0 <= self.pages);
        let due = due.count();
        self.pages -= f64::from(u32::try_from(due).unwrap_or(0));
        due as u64
    }
}

/// A fixed pseudo-random permutation of the turns (splitmix64).
fn scatter(turn: u64) -> u64 {
    let mut z = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn after(
        spec: &str,
        at: impl IntoIterator<Item = u64>,
    ) -> Result<(u64, Rest), alloc::string::String> {
        let (memory, workload) = (Memory::filled(1024, || {}), spec.parse()?);
        let mut worker = Worker::new(&memory, &workload, Share { index: 0, of: 1 });
        let last = at.into_iter().map(|at| worker.turn(ms(at))).last();
        memory.verify_all();
        assert_eq!(memory.corrupt(), 0);
        Ok((memory.steps(), last.unwrap_or(Rest::None)))
    }

    #[test]
    fn a_rate_is_kept_and_slept_upon() -> Result<(), alloc::string::String> {
        // 1 s of 4 MB/s, in turns of 1 ms.
        let (steps, rest) = after("rate:4@4", 0..=1000)?;
        assert!((975..=977).contains(&steps), "{steps}");
        assert_eq!(rest, Rest::None);
        assert_eq!(after("sweep:4@4", [0, 1, 1])?, (0, Rest::Nap));
        Ok(())
    }

    #[test]
    fn what_is_quiet_writes_nothing() -> Result<(), alloc::string::String> {
        assert_eq!(after("idle", 0..9)?, (0, Rest::Nap));
        assert_eq!(after("phases:1s=flat:1,1s=spin", [1500])?, (0, Rest::Spin));
        Ok(())
    }
}
