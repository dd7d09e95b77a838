//! External changes of the limits: they end control, unless the policy insists on the law's downtime limit.

use super::Controller;
use crate::event::{Event, Publisher, Release};
use crate::in_force::{Changed, Found};
use crate::law::Law;
use crate::sample::{Sample, Settings};
use crate::target::Target;

impl<L: Law> Controller<L> {
    /// The last target, if an external change ends control.
    pub(super) fn yields(
        &mut self,
        sample: &Sample,
        publisher: &mut dyn Publisher,
    ) -> Option<Target> {
        let found = sample.settings?;
        match self.in_force.find(found, self.guard.insists()) {
            Found::AsSet => None,
            Found::Insist(changed) => {
                self.insist(sample, changed, found, publisher);
                None
            }
            Found::Yield(back) => Some(self.yield_control(sample, found, back, publisher)),
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
        found: Settings,
        back: Target,
        publisher: &mut dyn Publisher,
    ) -> Target {
        let back = Target {
            postcopy_speed_mib_per_s: self.postcopy_speed.to_restore(),
            ..back
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
