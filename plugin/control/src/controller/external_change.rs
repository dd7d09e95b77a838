//! External changes of the limits: they end control, unless the policy insists on the law's downtime limit.

use super::Controller;
use crate::event::{Event, Publisher, Release};
use crate::law::Law;
use crate::policy::speed_limit;
use crate::sample::{Sample, Settings};
use crate::target::Target;

/// Which limits differ from those set last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changed {
    downtime: bool,
    speed: bool,
}

impl<L: Law> Controller<L> {
    /// The last target, if an external change ends control. The first reading shows the limits from before control.
    pub(super) fn yields(
        &mut self,
        sample: &Sample,
        publisher: &mut dyn Publisher,
    ) -> Option<Target> {
        let found = sample.settings?;
        let before = *self.settings_before.get_or_insert(found);
        let changed = self.changes_found(found);
        if changed.downtime || changed.speed {
            if !self.guard.insists() {
                return Some(self.yield_control(sample, changed, (found, before), publisher));
            }
            self.insist(sample, changed, found, publisher);
        }
        self.in_force.speed_mib_per_s = Some(found.speed_mib_per_s);
        None
    }

    /// Compares libvirt's limits with those in force.
    fn changes_found(&self, found: Settings) -> Changed {
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

    /// Sets the downtime limit again, because a manager's timer moves it. A speed limit is taken as an order: no
    /// manager moves it by a timer, and one that begins slowly raises it once.
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

    /// Ends control. The limit that was not changed externally is restored as found.
    fn yield_control(
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
            postcopy_speed_mib_per_s: self.postcopy_speed.to_restore(),
            ..Target::NONE
        };
        self.to_restore = back;
        let why = Release::ExternalChange {
            downtime_ms: found.downtime_ms,
            speed_mib_per_s: found.speed_mib_per_s,
        };
        self.release(sample.at, why, publisher);
        back
    }
}
