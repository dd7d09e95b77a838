//! Integer sort, as NPB's IS: keys are counted into buckets, scattered, and ranked in each.
//!
//! The keys of every step are new and can be computed again; the sorted keys must ascend and be the same keys.

use super::contract::Kernel;
use super::draw::draw;
use crate::team::Team;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

/// Bits of a key, and of its bucket: class A has 2^23 keys, which are 96 MiB here.
const KEY_BITS: u32 = 19;
const BUCKET_BITS: u32 = 10;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// Keys of one step of progress.
const TICK: usize = 1024;

/// The keys, and the same keys by bucket and in order.
pub struct Is {
    keys: Vec<u32>,
    scattered: Vec<AtomicU32>,
    sorted: Vec<u32>,
    steps: u64,
}

impl Is {
    /// A kernel whose three arrays have `bytes`.
    #[must_use]
    pub fn new(bytes: usize, team: &Team) -> Self {
        let n = (bytes / 12).clamp(1, u32::MAX as usize);
        let mut is = Self {
            keys: vec![0; n],
            scattered: (0..n).map(|_| AtomicU32::new(0)).collect(),
            sorted: vec![0; n],
            steps: 0,
        };
        is.step(team);
        is
    }

    /// How many keys of each bucket are in each thread's range.
    fn count(&self, team: &Team) -> Vec<Vec<usize>> {
        team.each(team.ranges(self.keys.len()), |range| {
            let mut counts = vec![0; BUCKETS];
            self.keys[range]
                .iter()
                .for_each(|key| counts[bucket(*key)] += 1);
            counts
        })
    }

    /// Puts every key into its bucket; returns where each bucket is.
    fn scatter(&self, team: &Team) -> Vec<Range<usize>> {
        let mut places = self.count(team);
        let mut buckets = Vec::with_capacity(BUCKETS);
        let mut next = 0;
        for bucket in 0..BUCKETS {
            let begin = next;
            for counts in &mut places {
                next += core::mem::replace(&mut counts[bucket], next);
            }
            buckets.push(begin..next);
        }
        let parts: Vec<_> = team
            .ranges(self.keys.len())
            .into_iter()
            .zip(places)
            .collect();
        team.each(parts, |(range, mut places)| {
            for (done, key) in self.keys[range].iter().enumerate() {
                let place = &mut places[bucket(*key)];
                // Another thread never has this place; the region's end orders the stores.
                if let Some(slot) = self.scattered.get(*place) {
                    slot.store(*key, Ordering::Relaxed);
                }
                *place += 1;
                if done % TICK == 0 {
                    team.tick(1);
                }
            }
        });
        buckets
    }

    /// Ranks the keys of each bucket by counting them.
    fn rank(&mut self, buckets: &[Range<usize>], team: &Team) {
        let share = BUCKETS.div_ceil(team.threads());
        let (scattered, mut rest) = (&self.scattered, &mut self.sorted[..]);
        let mut parts = Vec::new();
        for run in buckets.chunks(share) {
            let length = run.iter().map(Range::len).sum::<usize>().min(rest.len());
            let (own, others) = rest.split_at_mut(length);
            parts.push((run, own));
            rest = others;
        }
        team.each(parts, |(run, mut sorted)| {
            for range in run {
                let (own, others) = sorted.split_at_mut(range.len());
                rank_bucket(&scattered[range.clone()], own);
                team.tick(range.len() / TICK);
                sorted = others;
            }
        });
    }
}

impl Kernel for Is {
    /// Draws the keys anew and sorts them.
    fn step(&mut self, team: &Team) {
        self.steps += 1;
        let steps = self.steps;
        team.for_units(&mut self.keys, TICK, |number, keys| {
            let keys = keys.iter_mut().enumerate();
            keys.for_each(|(i, key)| *key = key_at(steps, number * TICK + i));
            team.tick(1);
        });
        let buckets = self.scatter(team);
        self.rank(&buckets, team);
    }

    fn verify(&mut self, team: &Team) -> bool {
        let intact = team.all(self.keys.len(), |i| {
            self.keys[i] == key_at(self.steps, i)
                && (i == 0 || self.sorted[i - 1] <= self.sorted[i])
        });
        intact && contents(&self.sorted, team) == contents(&self.keys, team)
    }
}

fn rank_bucket(keys: &[AtomicU32], sorted: &mut [u32]) {
    let mut counts = [0_usize; 1 << (KEY_BITS - BUCKET_BITS)];
    let low = |key: u32| (key as usize) % counts_of_bucket();
    let mut high = 0;
    for key in keys.iter().map(|key| key.load(Ordering::Relaxed)) {
        high = key & !((1 << (KEY_BITS - BUCKET_BITS)) - 1);
        counts[low(key)] += 1;
    }
    let mut left = sorted;
    for (key, count) in (high..).zip(counts) {
        let (run, rest) = left.split_at_mut(count);
        run.fill(key);
        left = rest;
    }
}

const fn counts_of_bucket() -> usize {
    1 << (KEY_BITS - BUCKET_BITS)
}

fn bucket(key: u32) -> usize {
    (key >> (KEY_BITS - BUCKET_BITS)) as usize % BUCKETS
}

/// The mean of two uniform draws: few small and large keys, many between, as NPB's.
fn key_at(step: u64, i: usize) -> u32 {
    let word = draw(step, i as u64);
    let part = |word: u64| u32::try_from(word >> 32).unwrap_or(0) >> (33 - KEY_BITS);
    part(word) + part(word << 32)
}

/// A sum over the keys that does not depend on their order.
fn contents(keys: &[u32], team: &Team) -> u64 {
    let sums = team.each(team.ranges(keys.len()), |range| {
        let mixed = keys[range].iter().map(|key| draw(0, u64::from(*key)));
        mixed.fold(0, u64::wrapping_add)
    });
    sums.into_iter().fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds_at_once, team};
    use super::*;

    #[test]
    fn a_changed_key_is_found() {
        let kernel = || Is::new(1 << 16, &team(2));
        finds_at_once(&mut kernel(), |is| is.keys[1000] ^= 1);
        finds_at_once(&mut kernel(), |is| is.sorted[2000] += 1);
        finds_at_once(&mut kernel(), |is| is.sorted[..1000].fill(0));
    }
}
