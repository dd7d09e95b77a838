//! The law without a feature gate: no limit is set, and the end comes by the clock.

use libvirt_hpc_control::target::Action;

use crate::name::Permit;
use crate::peer::{Knobs, Moment};

/// `progressTimeout`, default, seconds.
const PROGRESS_S: u64 = 150;

/// Its memory of one migration. Whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Legacy {
    permit: Permit,
    acceptable_s: u64,
    paused: bool,
    remaining_bytes: Option<u64>,
    progress_s: u64,
}

impl Legacy {
    pub(super) const fn new(acceptable_s: u64, permit: Permit) -> Self {
        Self {
            permit,
            acceptable_s,
            paused: false,
            remaining_bytes: None,
            progress_s: 0,
        }
    }

    pub(super) fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        let elapsed_s = now.clock.as_secs();
        let remaining = now.sample().remaining_bytes;
        let before = self.remaining_bytes.replace(remaining);
        if before.is_none_or(|before| remaining < before) {
            self.progress_s = elapsed_s;
        }
        let late = elapsed_s > self.acceptable_s;
        if late && self.permit.disruption() && !self.paused {
            if self.permit.postcopy() {
                knobs.action = Some(Action::StartPostcopy);
                return;
            }
            self.acceptable_s *= 2;
            self.paused = true;
            knobs.action = Some(Action::Suspend);
        } else if late || elapsed_s - self.progress_s > PROGRESS_S {
            knobs.action = Some(Action::Abort);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    /// 2.1 GB count as 3: 450 s. The remaining memory falls at every second poll.
    fn script(law: &str) -> Script {
        let remaining = |at_ms: u64| 1_000_000_000 - at_ms / 400 % 2 * 1_000_000;
        Script::of(law)
            .memory_bytes(2_100_000_000)
            .remaining(remaining)
    }

    #[test]
    fn after_150_s_a_gb_it_pauses_switches_to_post_copy_or_aborts() {
        for (law, action) in [
            ("kubevirt-legacy", Action::Suspend),
            ("kubevirt-legacy=postcopy", Action::StartPostcopy),
            ("kubevirt-legacy=nothing", Action::Abort),
        ] {
            // 451 whole seconds are more than 450; polls come every 0.4 s.
            assert_eq!(script(law).first_action(), Some((451_200, action)), "{law}");
            assert_eq!(script(law).limits_until(460_000), [], "no limit is set");
        }
    }

    #[test]
    fn a_paused_guest_has_as_long_again() {
        let mut script = script("kubevirt-legacy");
        let expected = [(451_200, Action::Suspend), (901_200, Action::Abort)];
        assert_eq!(script.actions_until(910_000), expected);
    }

    #[test]
    fn without_progress_between_two_polls_it_aborts_after_150_s() {
        let mut script = script("kubevirt-legacy").remaining(|_| 1_000_000_000);
        assert_eq!(script.first_action(), Some((151_200, Action::Abort)));
    }
}
