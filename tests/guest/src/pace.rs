//! One worker: rewrites its share of the hot pages in the order and at the rate of the phase.

use crate::memory::Memory;
use crate::workload::{Order, PAGE_BYTES, Work, Workload};
use std::time::{Duration, Instant};

/// Which worker of how many; worker `index` owns the pages whose number is `index` modulo `of`.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// This worker, from 0.
    pub index: usize,
    /// Number of workers.
    pub of: usize,
}

/// Pages rewritten between two looks at the clock.
const BATCH: u64 = 64;
/// Sleep of a worker that is ahead of its rate or idle.
const NAP: Duration = Duration::from_millis(4);
/// Work that a worker which fell behind catches up with, at most.
const MAX_BACKLOG: Duration = Duration::from_millis(50);

/// Rewrites each hot page of this share once.
pub fn first_pass(memory: &Memory, share: Share, hot_pages: u64) {
    (0..share.pages(hot_pages)).for_each(|turn| memory.rewrite(share.page(turn)));
}

/// Runs the workload for ever; its phases are counted from `start`.
pub fn run(memory: &Memory, share: Share, workload: &Workload, start: Instant) -> ! {
    let mut turn = 0_u64;
    let mut credit = Credit {
        pages: 0.0,
        at: Instant::now(),
    };
    loop {
        let (_, work) = workload.at(start.elapsed());
        let due = credit.due(work, share);
        if due == 0 {
            std::thread::sleep(NAP);
        }
        let pages = share.pages(work.hot_pages).max(1);
        for _ in 0..due {
            turn = turn.wrapping_add(1);
            let drawn = match work.order {
                Order::InTurn => turn,
                Order::Random => scatter(turn),
            };
            memory.rewrite(share.page(drawn % pages));
        }
    }
}

impl Share {
    fn pages(self, hot_pages: u64) -> u64 {
        hot_pages / self.of as u64
    }

    fn page(self, turn: u64) -> usize {
        usize::try_from(turn).map_or(usize::MAX, |turn| turn * self.of + self.index)
    }
}

struct Credit {
    pages: f64,
    at: Instant,
}

impl Credit {
    /// Pages to rewrite now: at most one batch.
    fn due(&mut self, work: Work, share: Share) -> u64 {
        let elapsed = self.at.elapsed().min(MAX_BACKLOG);
        self.at = Instant::now();
        if work.hot_pages == 0 {
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
