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

/// A downtime limit, milliseconds, that is set when more iterations than that have passed.
type Limit = (u64, u32);

/// Taken one by one after the limits, whatever has passed.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// `setDowntime`, milliseconds.
    Downtime(u32),
    /// `postcopy`
    Postcopy,
    /// `abort`
    Abort,
}

use Last::{Abort, Downtime, Postcopy};

const SHORT: [Limit; 5] = [(1, 150), (2, 200), (3, 300), (4, 400), (6, 500)];
const LONG: [Limit; 5] = [(1, 400), (2, 500), (3, 700), (4, 1000), (6, 1500)];
const LEGACY: [Limit; 5] = [(1, 104), (2, 120), (3, 189), (4, 500), (42, 500)];

/// A policy's initial limit, milliseconds, its later ones, and its last steps.
const fn schedule(policy: OvirtPolicy) -> (u32, &'static [Limit], &'static [Last]) {
    match policy {
        OvirtPolicy::Minimal => (100, &SHORT, &[Abort]),
        OvirtPolicy::Suspend => (100, &SHORT, &[Downtime(5000), Abort]),
        OvirtPolicy::Postcopy => (100, &[(1, 150), (2, 200)], &[Postcopy, Abort]),
        OvirtPolicy::VeryLarge => (300, &LONG, &[Downtime(5000), Abort]),
        OvirtPolicy::Legacy => (101, &LEGACY, &[Abort]),
    }
}

/// Steps by the count of iterations, at most one per poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ovirt {
    init_ms: u32,
    limits: &'static [Limit],
    last: &'static [Last],
    poll: Poll,
    /// `initial_iteration` and `last_iteration`.
    iterations: Option<(u64, u64)>,
}

impl Ovirt {
    pub(crate) fn new(policy: OvirtPolicy) -> Self {
        let (init_ms, limits, last) = schedule(policy);
        Self {
            init_ms,
            limits,
            last,
            poll: Poll::from(POLL),
            iterations: None,
        }
    }

    /// Takes the first remaining step if it is due, and drops it whether it succeeds or not.
    fn next(&mut self, passed: u64, knobs: &mut Knobs) {
        if let Some((&(iterations, limit_ms), rest)) = self.limits.split_first() {
            if passed > iterations {
                self.limits = rest;
                knobs.set_downtime(limit_ms);
            }
            return;
        }
        let Some((step, rest)) = self.last.split_first() else {
            return;
        };
        self.last = rest;
        match *step {
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
        for (policy, limits_ms, action) in [
            (
                "minimal",
                &[100, 150, 200, 300, 400, 500][..],
                Action::Abort,
            ),
            (
                "suspend",
                &[100, 150, 200, 300, 400, 500, 5000],
                Action::Abort,
            ),
            ("postcopy", &[100, 150, 200], Action::StartPostcopy),
            (
                "very-large",
                &[300, 400, 500, 700, 1000, 1500, 5000],
                Action::Abort,
            ),
        ] {
            let times_ms = [0].into_iter().chain((20_000..).step_by(10_000));
            let limits = times_ms.zip(limits_ms.iter().copied()).collect();
            let end_ms = limits_ms.len() as u64 * 10_000 + 10_000;
            let found = run(&format!("ovirt-{policy}"));
            assert_eq!(found, (limits, Some((end_ms, action))), "{policy}");
        }
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
        let end = Some((110_000, Action::Abort));
        assert_eq!(run("ovirt-legacy"), (legacy, end));
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
