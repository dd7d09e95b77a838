//! Fixed moments, to compare with: nobody's laws.

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::peer::{Knobs, Moment, Peer};

/// The iteration that begins when the first round has ended: the one that libvirt reports then.
const AFTER_ROUND_ONE: u64 = 2;

/// Stops the guest at the first sync: any guest's memory has been sent once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopAfterRoundOne;

impl Peer for StopAfterRoundOne {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if now.sample().iteration >= AFTER_ROUND_ONE {
            knobs.force();
        }
    }
}

/// virsh's `--postcopy-after-precopy`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PostcopyAfterRoundOne;

impl Peer for PostcopyAfterRoundOne {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if now.sample().iteration >= AFTER_ROUND_ONE {
            knobs.action = Some(Action::StartPostcopy);
        }
    }
}

/// Stops the guest at a given time of the job: the best of a grid of times is the oracle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForcedStop {
    after: Duration,
    before_limit_ms: Option<u32>,
}

impl ForcedStop {
    pub(crate) const fn new(after_ms: u64, before_limit_ms: Option<u32>) -> Self {
        Self {
            after: Duration::from_millis(after_ms),
            before_limit_ms,
        }
    }
}

impl Peer for ForcedStop {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if now.clock >= self.after {
            knobs.force();
        } else if let Some(limit_ms) = self.before_limit_ms {
            knobs.set_downtime(limit_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    const FORCED: u32 = 2_000_000;

    #[test]
    fn the_first_round_ends_with_the_second_iteration() {
        let script = |law| Script::of(law).iteration_every_ms(2_000);
        let mut stop = script("stop-after-round-one");
        assert_eq!(stop.limits_until(9_000), [(2_000, FORCED)]);
        let action = script("postcopy-after-round-one").first_action();
        assert_eq!(action, Some((2_000, Action::StartPostcopy)));
    }

    #[test]
    fn a_forced_stop_comes_at_its_time_of_the_job() {
        let limits = |law| Script::of(law).limits_until(9_000);
        assert_eq!(limits("forced-stop=3.5s"), [(3_500, FORCED)]);
        assert_eq!(limits("forced-stop=3.5s,1ms"), [(0, 1), (3_500, FORCED)]);
        assert_eq!(limits("forced-stop=3.5s@2"), [(7_000, FORCED)]);
        assert_eq!(limits("forced-stop"), [(0, FORCED)]);
    }
}
