//! KubeVirt: `live-migration-source.go` and `stall-detector.go` of its virt-launcher (commit d923fdb, 2026-08-22), and
//! the enhancements VEP 291 and VEP 248.
//!
//! KubeVirt's policy forbids both pause and post-copy by default, and then aborts. Here it may pause the guest unless
//! set otherwise, so that it completes. No guest here has VFIO devices.

mod legacy;
mod stall;
mod tune;

use std::time::Duration;

use crate::name::{KubevirtLaw, Permit};
use crate::peer::{Knobs, Moment, Peer, Poll};
use legacy::Legacy;
use stall::Stall;
use tune::Tune;

/// `monitorSleepPeriodMS`
const POLL: Duration = Duration::from_millis(400);

/// `completionTimeoutPerGiB`, default, seconds: it counts 10^9 bytes for each, rounded up.
const TIMEOUT_S_PER_GB: u64 = 150;
const GB: u64 = 1_000_000_000;

/// The law of a migration, with the permissions of its policy.
#[derive(Clone, Debug)]
pub(crate) struct Kubevirt {
    poll: Poll,
    permit: Permit,
    /// The law is made at the first sample, which tells the guest's memory.
    law: KubevirtLaw,
    state: Option<State>,
}

#[derive(Clone, Debug)]
enum State {
    Legacy(Legacy),
    Tune(Tune, Legacy),
    Stall(Stall),
}

impl Kubevirt {
    pub(crate) fn new(law: KubevirtLaw, permit: Permit) -> Self {
        Self {
            poll: Poll::default(),
            permit,
            law,
            state: None,
        }
    }
}

impl Peer for Kubevirt {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        let due = self.poll.is_due(now.clock, POLL);
        let (law, permit) = (self.law, self.permit);
        let state = self
            .state
            .get_or_insert_with(|| State::new(law, permit, now));
        match state {
            State::Stall(stall) if now.round().is_some() || due => stall.poll(now, knobs),
            State::Legacy(legacy) if due => legacy.poll(now, knobs),
            State::Tune(tune, legacy) if due => {
                tune.poll(now, knobs);
                legacy.poll(now, knobs);
            }
            _ => {}
        }
    }
}

impl State {
    fn new(law: KubevirtLaw, permit: Permit, now: &Moment<'_>) -> Self {
        let acceptable_s = TIMEOUT_S_PER_GB * now.sample().total_bytes.div_ceil(GB);
        let legacy = || Legacy::new(acceptable_s, permit);
        match law {
            KubevirtLaw::Legacy => Self::Legacy(legacy()),
            KubevirtLaw::Vep291 => Self::Tune(Tune::default(), legacy()),
            KubevirtLaw::Vep248 => Self::Stall(Stall::new(acceptable_s, permit)),
        }
    }
}
