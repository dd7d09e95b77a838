//! Limits that somebody else changes: theirs count, unless the policy says that our downtime limit does.

use super::Controller;
use crate::event::{Event, Publisher, Release};
use crate::law::Law;
use crate::policy::speed_limit;
use crate::sample::{Sample, Settings};
use crate::target::Target;

/// Which limits are not as they were left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changed {
    downtime: bool,
    speed: bool,
}

impl<L: Law> Controller<L> {
    /// What is set at last, if somebody has changed a limit and that ends control. The first reading tells what was
    /// there.
    pub(super) fn yields(
        &mut self,
        sample: &Sample,
        publisher: &mut dyn Publisher,
    ) -> Option<Target> {
        let found = sample.settings?;
        let before = *self.settings_before.get_or_insert(found);
        let changed = self.changed_by_hand(found);
        if changed.downtime || changed.speed {
            if !self.guard.insists() {
                return Some(self.give_way(sample, changed, (found, before), publisher));
            }
            self.insist(sample, changed, found, publisher);
        }
        self.in_force.speed_mib_per_s = Some(found.speed_mib_per_s);
        None
    }

    /// Compares what libvirt holds with what was set.
    fn changed_by_hand(&self, found: Settings) -> Changed {
        let Target {
            downtime_ms,
            speed_mib_per_s,
            ..
        } = self.in_force;
        Changed {
            downtime: downtime_ms.is_some_and(|ms| u64::from(ms) != found.downtime_ms),
            speed: speed_mib_per_s
                .is_some_and(|mib| speed_limit(mib) != speed_limit(found.speed_mib_per_s)),
        }
    }

    /// The downtime limit is set again, for a manager's clock moves it. A speed is nobody's clock: a manager that begins
    /// slowly raises it once, and whoever sets one means it.
    fn insist(
        &mut self,
        sample: &Sample,
        changed: Changed,
        found: Settings,
        publisher: &mut dyn Publisher,
    ) {
        let Settings {
            downtime_ms,
            speed_mib_per_s,
        } = found;
        if changed.downtime {
            self.in_force.downtime_ms = None;
            let event = Event::Insisted {
                downtime_ms,
                speed_mib_per_s,
            };
            publisher.publish(sample.at, event);
        }
        if changed.speed {
            self.guard.order_speed(speed_mib_per_s);
            publisher.publish(sample.at, Event::SpeedOrdered { speed_mib_per_s });
        }
    }

    /// Ends control. Where one of the two was changed by hand, the other is ours no longer: it is put back as it was
    /// found.
    fn give_way(
        &mut self,
        sample: &Sample,
        changed: Changed,
        (found, before): (Settings, Settings),
        publisher: &mut dyn Publisher,
    ) -> Target {
        let downtime_ms = u32::try_from(before.downtime_ms).ok();
        let back = Target {
            downtime_ms: downtime_ms
                .filter(|_| !changed.downtime && before.downtime_ms != found.downtime_ms),
            speed_mib_per_s: Some(before.speed_mib_per_s)
                .filter(|&mib| !changed.speed && mib != found.speed_mib_per_s),
            postcopy_speed_mib_per_s: self.postcopy_speed.parting(),
            ..Target::NONE
        };
        self.parting = back;
        let why = Release::ByHand {
            downtime_ms: found.downtime_ms,
            speed_mib_per_s: found.speed_mib_per_s,
        };
        self.release(sample.at, why, publisher);
        back
    }
}
