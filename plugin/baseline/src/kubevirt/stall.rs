//! VEP 248: the stall detector. At each boundary of an iteration it compares the remaining memory with the least of the
//! last 40 seconds. Once that no longer falls, it waits for a remainder as good as the best, and accepts a worse one
//! each time its patience is halved.

mod candidates;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::name::Permit;
use crate::peer::{Knobs, Moment};
use candidates::{Candidates, percent};

/// The longest pause KubeVirt plans for, milliseconds.
pub(super) const MAX_MS: u32 = 900;

/// The initial limit, milliseconds.
const FIRST_MS: u32 = 300;

/// `stallMargin`, per cent.
const MARGIN_PERCENT: u64 = 4;

/// The first patience: as long as the window of the candidates.
const PATIENCE: Duration = candidates::WINDOW;

/// `switchoverTimeout`, seconds.
const SWITCHOVER_S: u64 = 60;

/// A pause so many per cent of the longest is still taken where the guest may not be disrupted.
const SOFT_PERCENT: u32 = 150;

/// The weight of the newest bandwidth, per cent.
const NEWEST_PERCENT: u64 = 40;

/// Its memory of one migration.
#[derive(Clone, Debug)]
pub(super) struct Stall {
    permit: Permit,
    acceptable_s: u64,
    deadline_s: u64,
    bytes_per_s: Option<u64>,
    candidates: Candidates,
    stalled: Option<Stalled>,
    /// The pause that the last boundary would have had.
    pause: Option<Duration>,
    switching: bool,
}

/// Since it no longer falls.
#[derive(Clone, Debug)]
struct Stalled {
    best: u64,
    patience: Duration,
    relax_at: Duration,
    /// Remainders at the boundaries since, the least first.
    seen: BinaryHeap<Reverse<u64>>,
}

impl Stall {
    pub(super) fn new(acceptable_s: u64, permit: Permit) -> Self {
        Self {
            permit,
            acceptable_s,
            deadline_s: acceptable_s,
            bytes_per_s: None,
            candidates: Candidates::default(),
            stalled: None,
            pause: None,
            switching: false,
        }
    }

    /// A boundary, or a poll.
    pub(super) fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if knobs.is_untouched() {
            knobs.set_downtime(FIRST_MS.min(MAX_MS));
        }
        match (now.round(), self.bytes_per_s) {
            (Some(round), Some(bytes_per_s)) if !self.switching => {
                self.boundary(round.remaining_bytes, bytes_per_s, now, knobs);
            }
            (None, _) => self.measure(now.sample().window_bytes_per_s),
            _ => {}
        }
        self.timeouts(now, knobs);
    }

    fn measure(&mut self, newest: u64) {
        if newest == 0 {
            return;
        }
        let mixed = |old: u64| {
            let old = old.saturating_mul(100 - NEWEST_PERCENT);
            newest.saturating_mul(NEWEST_PERCENT).saturating_add(old) / 100
        };
        self.bytes_per_s = Some(self.bytes_per_s.map_or(newest, mixed));
    }

    fn boundary(&mut self, remaining: u64, bytes_per_s: u64, now: &Moment<'_>, knobs: &mut Knobs) {
        let pause = Moment::time_to_send(remaining, bytes_per_s);
        self.pause = Some(pause);
        self.candidates.push(now.clock, remaining);
        self.follow(now.clock, remaining);
        if let Some(stalled) = &self.stalled
            && remaining <= percent(stalled.best, 100 + MARGIN_PERCENT)
            && self.is_plausible(pause, now)
        {
            self.decide(pause, now, knobs);
        }
    }

    /// Becomes stalled, or lowers its sights to the best that is still to be had.
    fn follow(&mut self, clock: Duration, remaining: u64) {
        if let Some(stalled) = &mut self.stalled {
            stalled.seen.push(Reverse(remaining));
            if clock >= stalled.relax_at {
                if let Some(Reverse(least)) = stalled.seen.pop() {
                    stalled.best = least;
                }
                stalled.patience /= 2;
                stalled.relax_at = clock.saturating_add(stalled.patience);
            }
        } else if let Some(best) = self.candidates.stalled_at(remaining, 100 - MARGIN_PERCENT) {
            self.stalled = Some(Stalled {
                best,
                patience: PATIENCE,
                relax_at: clock.saturating_add(PATIENCE),
                seen: BinaryHeap::new(),
            });
        }
    }

    /// The pause fits twice the remaining time: it is not due to a link that was down.
    fn is_plausible(&self, pause: Duration, now: &Moment<'_>) -> bool {
        let remaining_s = (2 * self.acceptable_s).saturating_sub(now.clock.as_secs());
        now.times.shown(pause) <= Duration::from_secs(remaining_s)
    }

    fn decide(&mut self, pause: Duration, now: &Moment<'_>, knobs: &mut Knobs) {
        let soft = Duration::from_millis((MAX_MS * SOFT_PERCENT / 100).into());
        if self.permit.postcopy() {
            // Another poll means that it was refused: no switchover has started.
            knobs.action = Some(Action::StartPostcopy);
        } else if self.permit.disruption() {
            knobs.force();
            self.switch(now);
        } else if pause <= soft {
            knobs.set_downtime(MAX_MS);
            self.switch(now);
        } else {
            knobs.action = Some(Action::Abort);
        }
    }

    fn switch(&mut self, now: &Moment<'_>) {
        self.switching = true;
        self.deadline_s = now.clock.as_secs() + SWITCHOVER_S;
    }

    fn timeouts(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if now.clock.as_secs() <= self.deadline_s {
            return;
        }
        let plausible = self
            .pause
            .is_some_and(|pause| self.is_plausible(pause, now));
        let may_switch = self.bytes_per_s.is_some() && !self.switching && plausible;
        if may_switch && self.permit.postcopy() {
            knobs.action = Some(Action::StartPostcopy);
        } else if may_switch && self.permit.disruption() {
            knobs.force();
            self.acceptable_s *= 2;
            self.switch(now);
        } else {
            knobs.action = Some(Action::Abort);
        }
    }
}

#[cfg(test)]
mod tests;
