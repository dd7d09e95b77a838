//! How busy the guest's processors are, and whether it works in phases.
//!
//! Memory is seen only at syncs, which may be seconds apart; CPU time can be read at any time. A program that computes,
//! exchanges data and writes checkpoints is busy and idle by turns, and its memory changes with that. A guest that is
//! always busy (or spins while it waits) shows no phases.
//!
//! ```text
//!   busy  ####----####----##        range: the least and the most busy half second
//! ```

use core::time::Duration;

use super::phases::{PhaseTracker, Phases};
use crate::sample::Sample;
use crate::time::Timestamp;

/// The span over which CPU time is divided by time. The kernel counts in ticks of 10 ms (`/proc/PID/task/TID/stat`), so
/// that half a second is exact to 2 %.
const SPAN: Duration = Duration::from_millis(500);

/// The shortest span that tells whether the guest is busy now: exact to a tenth.
const INSTANT: Duration = Duration::from_millis(90);

/// A guest has phases if its least busy half second is below this share of its busiest, per cent. A third: a host whose
/// processors are shared takes less than that from a guest that is always busy.
const PHASES_BELOW_PERCENT: u64 = 33;

/// A moment, and the CPU time used by then.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Timestamp,
    vcpu_time_ns: u64,
}

/// Follows how busy the guest is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    from: Option<Mark>,
    now: Option<Mark>,
    /// The busiest sample of the present round, thousandths of a processor.
    peak: u64,
    range: Option<(u64, u64)>,
    phases: PhaseTracker,
    /// Since when samples disagree with the present phase; one sample is not enough to end it.
    doubted: Option<Timestamp>,
}

impl Activity {
    /// Takes one sample in.
    pub fn update(&mut self, sample: &Sample) {
        let Some(vcpu_time_ns) = sample.vcpu_time_ns else {
            return;
        };
        let mark = Mark {
            at: sample.at,
            vcpu_time_ns,
        };
        self.phases.begin(mark.at);
        self.widen(&mark);
        let Some(before) = self.now else {
            self.now = Some(mark);
            return;
        };
        if mark.at.since(before.at) < INSTANT {
            return;
        }
        self.now = Some(mark);
        let busy = busy(&before, &mark);
        self.peak = self.peak.max(busy);
        self.follow(before.at, mark.at, busy);
    }

    /// The guest's phases; none while it shows none.
    #[must_use]
    pub fn phases(&self) -> Option<Phases> {
        self.phases.phases()
    }

    /// Ends a round; tells whether the guest idled throughout it, each sample within a quarter of its range. An average
    /// would not do: a tenth of a second is enough to rewrite everything. None if its processors show no phases.
    pub fn end_round(&mut self) -> Option<bool> {
        self.phases.end_round();
        let peak = core::mem::take(&mut self.peak);
        let (low, high) = self.range.filter(|_| self.has_phases())?;
        Some(peak <= low.saturating_add((high - low) / 4))
    }

    fn has_phases(&self) -> bool {
        self.range.is_some_and(|(low, high)| {
            u128::from(low) * 100 < u128::from(high) * u128::from(PHASES_BELOW_PERCENT)
        })
    }

    fn widen(&mut self, mark: &Mark) {
        let from = *self.from.get_or_insert(*mark);
        if mark.at.since(from.at) < SPAN {
            return;
        }
        let busy = busy(&from, mark);
        let (low, high) = self.range.unwrap_or((busy, busy));
        self.range = Some((low.min(busy), high.max(busy)));
        self.from = Some(*mark);
    }

    /// Takes in how busy the guest was between two samples.
    fn follow(&mut self, from: Timestamp, to: Timestamp, busy: u64) {
        self.phases.go_on(to);
        let Some((low, high)) = self.range.filter(|_| self.has_phases()) else {
            self.phases.busy(from, to);
            return;
        };
        let idle = busy < low.midpoint(high);
        if !idle {
            self.phases.busy(from, to);
        }
        let Some(was_idle) = self.phases.idle() else {
            // Half a second after the beginning of the first known phase.
            self.phases.turn(idle, from.before(SPAN));
            if idle {
                self.phases.not_busy(SPAN);
            }
            return;
        };
        if was_idle == idle {
            self.doubted = None;
        } else if let Some(since) = self.doubted.take() {
            self.phases.turn(idle, since);
        } else {
            self.doubted = Some(from);
        }
    }
}

/// How busy the guest was between two marks, thousandths of one processor.
fn busy(from: &Mark, to: &Mark) -> u64 {
    let used = to.vcpu_time_ns.saturating_sub(from.vcpu_time_ns);
    let span = to.at.since(from.at).as_nanos().max(1);
    u64::try_from(u128::from(used) * 1000 / span).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
