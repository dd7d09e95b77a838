//! Apache CloudStack on KVM: `LibvirtMigrateCommandWrapper` and `AgentProperties` (commits 013e3e9, 08bfced).
//!
//! All three settings are off as published: the law is then stock.

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::name::CloudStack;
use crate::peer::{Knobs, Moment, Peer};

/// `sleeptime >= 1000`: the moment from which it tries to set the downtime.
const DOWNTIME_AFTER: Duration = Duration::from_secs(1);

/// Three settings, each by the clock. It polls every 100 ms, which is each of our samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloudStackLaw {
    set: CloudStack,
}

impl CloudStackLaw {
    pub(crate) const fn new(set: CloudStack) -> Self {
        Self { set }
    }
}

impl Peer for CloudStackLaw {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        let past = |ms: Option<u64>| ms.is_some_and(|ms| now.clock > Duration::from_millis(ms));
        if let Some(ms) = self.set.downtime_ms
            && now.clock >= DOWNTIME_AFTER
        {
            knobs.set_downtime(ms);
        }
        if past(self.set.wait_ms) {
            knobs.action = Some(Action::Abort);
        } else if past(self.set.pause_after_ms) {
            knobs.action = Some(Action::Suspend);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn as_published_it_does_nothing() {
        let mut script = Script::of("cloudstack");
        assert_eq!(
            (script.limits_until(10_000), script.first_action()),
            (vec![], None)
        );
    }

    #[test]
    fn each_setting_has_its_time() {
        let mut script = Script::of("cloudstack=1.5s,60s,90s");
        assert_eq!(script.limits_until(60_000), [(1_000, 1500)]);
        assert_eq!(script.first_action(), Some((60_100, Action::Suspend)));
        assert_eq!(
            Script::of("cloudstack=off,off,90s").first_action(),
            Some((90_100, Action::Abort))
        );
    }
}
