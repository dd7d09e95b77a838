//! QEMU's own benchmark: the fixed strategy of `tests/migration-stress/guestperf` (`scenario.py`, `engine.py`).

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::peer::{Knobs, Moment, Peer};

/// `downtime`, default, milliseconds.
const DOWNTIME_MS: u32 = 500;

/// `bandwidth`, default, MiB/s.
const SPEED_MIB_PER_S: u64 = 125_000;

/// `max_iters`, default.
const ITERATIONS: u64 = 30;

/// `max_time`, default.
const TIME: Duration = Duration::from_secs(300);

/// A fixed limit, until it cancels. It polls every 50 ms, which is each of our samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guestperf;

impl Peer for Guestperf {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        knobs.set_downtime(DOWNTIME_MS);
        knobs.speed_mib_per_s = Some(SPEED_MIB_PER_S);
        if now.sample().iteration > ITERATIONS || now.clock > TIME {
            knobs.action = Some(Action::Abort);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn thirty_iterations_or_five_minutes() {
        let script = |every_ms| Script::of("guestperf").iteration_every_ms(every_ms);
        assert_eq!(script(1_000).first_action(), Some((30_000, Action::Abort)));
        assert_eq!(
            script(20_000).first_action(),
            Some((300_100, Action::Abort))
        );
        let mut fixed = script(20_000);
        assert_eq!(fixed.limits_until(300_000), [(0, 500)]);
        assert_eq!(fixed.speed_mib_per_s(), Some(125_000));
    }
}
