//! Limits that somebody else changes: theirs count, unless the policy says that ours do.

use super::Controller;
use crate::event::{Event, Publisher, Release};
use crate::law::Law;
use crate::sample::{Sample, Settings};
use crate::target::Target;

impl<L: Law> Controller<L> {
    /// What is set at last, if somebody has changed a limit and that ends control.
    pub(super) fn yields(
        &mut self,
        sample: &Sample,
        publisher: &mut dyn Publisher,
    ) -> Option<Target> {
        let (found, last) = self.changed_by_hand(sample)?;
        if let (
            true,
            Release::ByHand {
                downtime_ms,
                speed_mib_per_s,
            },
        ) = (self.guard.insists(), found)
        {
            self.in_force = Target::NONE;
            let event = Event::Insisted {
                downtime_ms,
                speed_mib_per_s,
            };
            publisher.publish(sample.at, event);
            return None;
        }
        self.parting = last;
        self.release(sample.at, found, publisher);
        Some(last)
    }

    /// Compares what libvirt holds with what was set; the first reading tells what was there. Where one of
    /// the two was changed by hand, the other is ours no longer: it is put back as it was found.
    fn changed_by_hand(&mut self, sample: &Sample) -> Option<(Release, Target)> {
        let found = sample.settings?;
        let before = *self.settings_before.get_or_insert(found);
        let Settings {
            downtime_ms,
            speed_mib_per_s,
        } = found;
        let downtime = self
            .in_force
            .downtime_ms
            .is_some_and(|ms| u64::from(ms) != downtime_ms);
        let speed = self
            .in_force
            .speed_mib_per_s
            .is_some_and(|mib| mib != speed_mib_per_s);
        if !downtime && !speed {
            self.in_force.speed_mib_per_s = Some(speed_mib_per_s);
            return None;
        }
        let back = Settings {
            downtime_ms: if downtime {
                downtime_ms
            } else {
                before.downtime_ms
            },
            speed_mib_per_s: if speed {
                speed_mib_per_s
            } else {
                before.speed_mib_per_s
            },
        };
        let last = Target {
            downtime_ms: u32::try_from(back.downtime_ms)
                .ok()
                .filter(|_| back.downtime_ms != downtime_ms),
            speed_mib_per_s: Some(back.speed_mib_per_s).filter(|&mib| mib != speed_mib_per_s),
            ..Target::NONE
        };
        Some((
            Release::ByHand {
                downtime_ms,
                speed_mib_per_s,
            },
            last,
        ))
    }
}
