//! Ganeti: `MIGRATION_BANDWIDTH`, `MIGRATION_DOWNTIME` and `_MIGRATION_STATUS` in
//! `lib/hypervisor/hv_kvm` and `lib/constants` (commit c35736d).

use std::time::Duration;

use libvirt_hpc_control::target::Action;

use crate::peer::{Knobs, Moment, Peer, Poll};

/// `migration_bandwidth`, default, MiB/s.
const SPEED_MIB_PER_S: u64 = 32;

/// `migration_downtime`, default, milliseconds.
const DOWNTIME_MS: u32 = 30;

/// How often it asks.
const POLL: Duration = Duration::from_secs(1);

/// Switches to post-copy from that count of syncs on, if `postcopy-ram` is among the capabilities.
const POSTCOPY_SYNCS: u64 = 2;

/// Two settings, and post-copy after the first round where the owner enables it. It never ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ganeti {
    postcopy: bool,
    poll: Poll,
}

impl Ganeti {
    pub(crate) fn new(postcopy: bool) -> Self {
        Self {
            postcopy,
            poll: Poll::default(),
        }
    }
}

impl Peer for Ganeti {
    fn poll(&mut self, now: &Moment<'_>, knobs: &mut Knobs) {
        knobs.set_downtime(DOWNTIME_MS);
        knobs.speed_mib_per_s = Some(SPEED_MIB_PER_S);
        let due = self.poll.is_due(now.clock, POLL);
        if due && self.postcopy && now.sample().iteration >= POSTCOPY_SYNCS {
            knobs.action = Some(Action::StartPostcopy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    #[test]
    fn two_settings_and_post_copy_where_enabled() {
        let mut script = Script::of("ganeti");
        assert_eq!(script.limits_until(60_000), [(0, 30)]);
        assert_eq!(
            (script.speed_mib_per_s(), script.first_action()),
            (Some(32), None)
        );
        let mut postcopy = Script::of("ganeti=postcopy").iteration_every_ms(2_500);
        assert_eq!(
            postcopy.first_action(),
            Some((3_000, Action::StartPostcopy))
        );
    }
}
