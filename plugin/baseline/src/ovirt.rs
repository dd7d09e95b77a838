//! oVirt: the schedules of its engine's migration policies (`vdc_options`, ovirt-engine commit 0111fc6) as vdsm
//! carries them out (`MonitorThread` in `lib/vdsm/virt/migration.py`, commit fd4b0df).
//!
//! The bandwidth of the cluster's policy is not set: 52 MiB/s, or the link's over eight and the number of migrations,
//! would only slow it.

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::name::OvirtPolicy;
use crate::peer::{Knobs, Moment, Peer, Poll};

/// `_MIGRATION_MONITOR_INTERVAL`; the first poll comes after it, too.
const POLL: Duration = Duration::from_secs(10);

/// One step: it is taken when more iterations than that have passed.
type Item = (i64, Step);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// `setDowntime`, milliseconds.
    Downtime(u32),
    /// `postcopy`
    Postcopy,
    /// `abort`
    Abort,
}

use Step::{Abort, Downtime, Postcopy};

/// A policy's initial limit, milliseconds, and its steps.
const fn schedule(policy: OvirtPolicy) -> (u32, &'static [Item]) {
    match policy {
        OvirtPolicy::Minimal => (
            100,
            &[
                (1, Downtime(150)),
                (2, Downtime(200)),
                (3, Downtime(300)),
                (4, Downtime(400)),
                (6, Downtime(500)),
                (-1, Abort),
            ],
        ),
        OvirtPolicy::Suspend => (
            100,
            &[
                (1, Downtime(150)),
                (2, Downtime(200)),
                (3, Downtime(300)),
                (4, Downtime(400)),
                (6, Downtime(500)),
                (-1, Downtime(5000)),
                (-1, Abort),
            ],
        ),
        OvirtPolicy::Postcopy => (
            100,
            &[
                (1, Downtime(150)),
                (2, Downtime(200)),
                (-1, Postcopy),
                (-1, Abort),
            ],
        ),
        OvirtPolicy::VeryLarge => (
            300,
            &[
                (1, Downtime(400)),
                (2, Downtime(500)),
                (3, Downtime(700)),
                (4, Downtime(1000)),
                (6, Downtime(1500)),
                (-1, Downtime(5000)),
                (-1, Abort),
            ],
        ),
        OvirtPolicy::Legacy => (
            101,
            &[
                (1, Downtime(104)),
                (2, Downtime(120)),
                (3, Downtime(189)),
                (4, Downtime(500)),
                (42, Downtime(500)),
                (-1, Abort),
            ],
        ),
    }
}

/// Steps by the count of iterations, at most one per poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ovirt {
    init_ms: u32,
    items: &'static [Item],
    poll: Poll,
    /// `initial_iteration` and `last_iteration`.
    iterations: Option<(u64, u64)>,
}

impl Ovirt {
    pub(crate) fn new(policy: OvirtPolicy) -> Self {
        let (init_ms, items) = schedule(policy);
        Self {
            init_ms,
            items,
            poll: Poll::from(POLL),
            iterations: None,
        }
    }

    /// Takes the first remaining step if it is due, and drops it whether it succeeds or not.
    fn next(&mut self, passed: u64, knobs: &mut Knobs) {
        let Some((&(limit, step), rest)) = self.items.split_first() else {
            return;
        };
        if limit >= i64::try_from(passed).unwrap_or(i64::MAX) {
            return;
        }
        self.items = rest;
        match step {
            Downtime(ms) => knobs.set_downtime(ms),
            Postcopy => knobs.action = Some(Action::StartPostcopy),
            Abort => knobs.action = Some(Action::Abort),
        }
    }
}

impl Peer for Ovirt {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        if knobs.is_untouched() {
            knobs.set_downtime(self.init_ms);
        }
        if !self.poll.is_due(now.clock, POLL) {
            return;
        }
        let iteration = now.sample().iteration;
        let (initial, last) = *self.iterations.get_or_insert((iteration, iteration));
        if iteration > last {
            self.iterations = Some((initial, iteration));
            self.next(iteration - initial, knobs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    type Run = (Vec<(u64, u32)>, Option<(u64, Action)>);

    /// Five iterations between two polls: a step per poll from the second on.
    fn run(law: &str) -> Run {
        let mut script = Script::of(law).iteration_every_ms(2_000);
        (script.limits_until(200_000), script.first_action())
    }

    #[test]
    fn a_step_every_ten_seconds_from_the_second_poll_on() {
        let minimal = vec![
            (0, 100),
            (20_000, 150),
            (30_000, 200),
            (40_000, 300),
            (50_000, 400),
            (60_000, 500),
        ];
        assert_eq!(
            run("ovirt-minimal"),
            (minimal.clone(), Some((70_000, Action::Abort)))
        );
        let suspend = [minimal, vec![(70_000, 5000)]].concat();
        assert_eq!(
            run("ovirt-suspend"),
            (suspend, Some((80_000, Action::Abort)))
        );
        let postcopy = vec![(0, 100), (20_000, 150), (30_000, 200)];
        assert_eq!(
            run("ovirt-postcopy"),
            (postcopy, Some((40_000, Action::StartPostcopy)))
        );
        let large = vec![
            (0, 300),
            (20_000, 400),
            (30_000, 500),
            (40_000, 700),
            (50_000, 1000),
            (60_000, 1500),
            (70_000, 5000),
        ];
        assert_eq!(
            run("ovirt-very-large"),
            (large, Some((80_000, Action::Abort)))
        );
    }

    #[test]
    fn the_legacy_one_waits_for_42_iterations() {
        let legacy = vec![
            (0, 101),
            (20_000, 104),
            (30_000, 120),
            (40_000, 189),
            (50_000, 500),
        ];
        // The 43rd after that of the first poll, iteration 6, begins at 96 s.
        assert_eq!(
            run("ovirt-legacy"),
            (legacy, Some((110_000, Action::Abort)))
        );
    }

    #[test]
    fn rounds_longer_than_a_poll_stretch_it() {
        let mut script = Script::of("ovirt-minimal").iteration_every_ms(25_000);
        // The second iteration after that of the first poll begins at 50 s.
        assert_eq!(
            script.limits_until(80_000),
            [(0, 100), (50_000, 150), (80_000, 200)]
        );
    }
}
