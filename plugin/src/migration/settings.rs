//! Downtime and speed: what was there before is there again after a failure.

use std::thread;
use std::time::Duration;

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::target::Target;
use libvirt_hpc_libvirt::settings::Speed;
use libvirt_hpc_libvirt::{Domain, Error};
use serde::{Deserialize, Serialize};

/// How often libvirt is asked whether it has put things back itself: for three seconds, where it was seen
/// to take 0.7 s after an abort (its Confirm phase).
const TRIES: u32 = 30;

/// How often it is asked meanwhile.
const EVERY: Duration = Duration::from_millis(100);

/// What became of the settings.
#[derive(Clone, Debug)]
pub enum Restored {
    /// As before, without our doing.
    AsBefore,
    /// Put back by us.
    ByUs,
    /// Not as before, and why they could not be put back.
    Failed(Settings, Option<Error>),
}

/// What libvirt holds now.
///
/// # Errors
/// When it does not say: the domain may not run.
pub fn read(domain: &Domain) -> Result<Settings, Error> {
    Ok(Settings {
        downtime_ms: domain.max_downtime_ms()?,
        speed_mib_per_s: domain.max_speed_mib_per_s(Speed::Precopy)?,
    })
}

/// Waits for libvirt to put back what a controller has `set`, and does it itself if libvirt does not: `before` instead.
///
/// # Errors
/// When libvirt does not say what it holds.
pub fn restore(domain: &Domain, set: Set, before: Settings) -> Result<Restored, Error> {
    restore_through(set, before, TRIES, &mut |order| match order {
        None => read(domain),
        Some(settings) => self::set(domain, settings),
    })
}

/// What a controller has set last; none where it has set nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Set {
    /// The downtime limit, milliseconds.
    pub downtime_ms: Option<u64>,
    /// The speed limit, MiB/s.
    pub speed_mib_per_s: Option<u64>,
    /// The downtime limit that it was about to set, milliseconds: in force or not, where it died meanwhile or libvirt has
    /// not answered.
    pub next_downtime_ms: Option<u64>,
    /// The speed limit likewise, MiB/s.
    pub next_speed_mib_per_s: Option<u64>,
}

impl Set {
    /// A target is about to be carried out.
    pub fn intend(&mut self, target: &Target) {
        self.next_downtime_ms = target.downtime_ms.map(u64::from).or(self.next_downtime_ms);
        self.next_speed_mib_per_s = target.speed_mib_per_s.or(self.next_speed_mib_per_s);
    }

    /// A target was carried out.
    pub fn apply(&mut self, target: &Target) {
        if let Some(ms) = target.downtime_ms {
            (self.downtime_ms, self.next_downtime_ms) = (Some(ms.into()), None);
        }
        if let Some(mib) = target.speed_mib_per_s {
            (self.speed_mib_per_s, self.next_speed_mib_per_s) = (Some(mib), None);
        }
    }

    /// What a successor expects to be in force: what its predecessor set last, or was about to set if that was `found`.
    /// A downtime limit that none has set is the one of `before`; a speed limit may be the migrate call's instead. One
    /// that is as before was put back.
    #[must_use]
    pub fn in_force(&self, found: Option<Settings>, before: Settings) -> Target {
        let found_ms = found.map(|found| found.downtime_ms);
        let found_mib = found.map(|found| found.speed_mib_per_s);
        let is_next_ms = found_ms.is_some() && found_ms == self.next_downtime_ms;
        let is_next_mib = found_mib.is_some() && found_mib == self.next_speed_mib_per_s;
        let is_back_ms = is_next_ms || found_ms == Some(before.downtime_ms);
        let is_back_mib = is_next_mib || found_mib == Some(before.speed_mib_per_s);
        let downtime_ms = found_ms
            .filter(|_| is_back_ms)
            .or(self.downtime_ms)
            .unwrap_or(before.downtime_ms);
        Target {
            downtime_ms: u32::try_from(downtime_ms).ok(),
            speed_mib_per_s: found_mib.filter(|_| is_back_mib).or(self.speed_mib_per_s),
            ..Target::NONE
        }
    }

    /// Whether a controller has set this downtime limit, or was about to, milliseconds.
    #[must_use]
    pub fn has_downtime(&self, ms: u64) -> bool {
        [self.downtime_ms, self.next_downtime_ms].contains(&Some(ms))
    }

    fn has_speed(&self, mib: u64) -> bool {
        [self.speed_mib_per_s, self.next_speed_mib_per_s].contains(&Some(mib))
    }

    /// `found`, with what is still as the controller set it as `before`. Whatever else is there, somebody else put there:
    /// libvirt, a program or a user.
    #[must_use]
    pub fn undone(&self, found: Settings, before: Settings) -> Settings {
        let mut undone = found;
        if self.has_downtime(found.downtime_ms) {
            undone.downtime_ms = before.downtime_ms;
        }
        if self.has_speed(found.speed_mib_per_s) {
            undone.speed_mib_per_s = before.speed_mib_per_s;
        }
        undone
    }

    /// What undoes it, as a target; none of a limit that another has set.
    #[must_use]
    pub fn back(&self, found: Settings, before: Settings) -> Target {
        let undone = self.undone(found, before);
        let is_changed = undone.downtime_ms != found.downtime_ms;
        let downtime_ms = u32::try_from(undone.downtime_ms).ok();
        Target {
            downtime_ms: downtime_ms.filter(|_| is_changed),
            speed_mib_per_s: Some(undone.speed_mib_per_s)
                .filter(|&mib| mib != found.speed_mib_per_s),
            ..Target::NONE
        }
    }

    /// What is `wanted`, but for a limit that another has set: that is as `found`.
    #[must_use]
    pub fn unless_changed(&self, found: Settings, before: Settings, wanted: Settings) -> Settings {
        let (ms, mib) = (found.downtime_ms, found.speed_mib_per_s);
        let mut limits = found;
        if self.has_downtime(ms) || ms == before.downtime_ms {
            limits.downtime_ms = wanted.downtime_ms;
        }
        if self.has_speed(mib) || mib == before.speed_mib_per_s {
            limits.speed_mib_per_s = wanted.speed_mib_per_s;
        }
        limits
    }
}

/// Undoes what is still as the controller set it; `ask` reads, or sets and then reads. What was there during the job need not be
/// what was there before it: a bandwidth given to the migrate call counts for the job alone.
///
/// At once: libvirt puts back what was changed during the job, but not what was set in its last instants, and
/// the next migration, which may follow soon, takes what it finds for what was meant.
///
/// # Errors
/// When libvirt does not say what it holds.
pub fn undo(
    set: Set,
    before: Settings,
    ask: &mut dyn FnMut(Option<Settings>) -> Result<Settings, Error>,
) -> Result<Restored, Error> {
    let found = ask(None)?;
    Ok(replace(found, set.undone(found, before), ask))
}

fn restore_through(
    set: Set,
    before: Settings,
    tries: u32,
    ask: &mut dyn FnMut(Option<Settings>) -> Result<Settings, Error>,
) -> Result<Restored, Error> {
    let mut found = ask(None)?;
    for _ in 0..tries {
        if found == set.undone(found, before) {
            break;
        }
        thread::sleep(EVERY);
        found = ask(None)?;
    }
    Ok(replace(found, set.undone(found, before), ask))
}

/// Has libvirt hold `wanted` instead of what was `found`.
fn replace(
    found: Settings,
    wanted: Settings,
    ask: &mut dyn FnMut(Option<Settings>) -> Result<Settings, Error>,
) -> Restored {
    if found == wanted {
        return Restored::AsBefore;
    }
    match ask(Some(wanted)) {
        Ok(after) if after == wanted => Restored::ByUs,
        Ok(after) => Restored::Failed(after, None),
        Err(error) => Restored::Failed(found, Some(error)),
    }
}

/// Sets both, and reads them.
///
/// # Errors
/// When libvirt refuses one, or does not say what it holds.
pub fn set(domain: &Domain, wanted: Settings) -> Result<Settings, Error> {
    domain.set_max_downtime_ms(wanted.downtime_ms)?;
    domain.set_max_speed_mib_per_s(Speed::Precopy, wanted.speed_mib_per_s)?;
    read(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Settings = Settings {
        downtime_ms: 300,
        speed_mib_per_s: 7,
    };
    const OURS: Settings = Settings {
        downtime_ms: 777,
        speed_mib_per_s: 7,
    };

    fn refusal() -> Error {
        Error::NulByte {
            what: "a test".to_owned(),
        }
    }

    /// Each answer in turn; what was ordered comes back too.
    fn ask(answers: &[Result<Settings, Error>]) -> (Result<Restored, Error>, Vec<Settings>) {
        let mut left = answers.iter().cycle();
        let mut orders = Vec::new();
        let set = Set {
            downtime_ms: Some(OURS.downtime_ms),
            ..Set::default()
        };
        let result = restore_through(set, BEFORE, 0, &mut |order| {
            orders.extend(order);
            left.next().cloned().unwrap_or_else(|| Err(refusal()))
        });
        (result, orders)
    }

    #[test]
    fn nothing_is_set_that_is_as_before() {
        let (result, orders) = ask(&[Ok(BEFORE)]);
        assert!(matches!(result, Ok(Restored::AsBefore)) && orders.is_empty());
    }

    #[test]
    fn what_another_has_set_stays_after_a_failure_and_when_control_is_left() {
        let external = Settings {
            downtime_ms: 50,
            speed_mib_per_s: 77,
        };
        let (result, orders) = ask(&[Ok(external)]);
        assert!(matches!(result, Ok(Restored::AsBefore)) && orders.is_empty());
        let set = Set {
            downtime_ms: Some(OURS.downtime_ms),
            ..Set::default()
        };
        assert_eq!(set.back(external, BEFORE), Target::NONE);
        assert_eq!(set.back(OURS, BEFORE).downtime_ms, Some(300));
        let wanted = Settings {
            downtime_ms: 900,
            speed_mib_per_s: 9,
        };
        assert_eq!(set.unless_changed(external, BEFORE, wanted), external);
        assert_eq!(set.unless_changed(OURS, BEFORE, wanted), wanted);
    }

    #[test]
    fn what_libvirt_forgets_is_put_back_and_checked() {
        let (result, orders) = ask(&[Ok(OURS), Ok(BEFORE)]);
        assert!(matches!(result, Ok(Restored::ByUs)));
        assert_eq!(orders, [BEFORE]);
        let (result, _) = ask(&[Ok(OURS), Ok(OURS)]);
        assert!(matches!(result, Ok(Restored::Failed(OURS, None))));
    }

    /// Its Confirm phase takes a while.
    #[test]
    fn libvirt_is_asked_again_until_it_has_put_back_what_it_does() {
        let set = Set {
            downtime_ms: Some(OURS.downtime_ms),
            ..Set::default()
        };
        let mut answers = [OURS, BEFORE].into_iter();
        let mut orders = Vec::new();
        let restored = restore_through(set, BEFORE, 1, &mut |order| {
            orders.extend(order);
            answers.next().ok_or_else(refusal)
        });
        assert!(matches!(restored, Ok(Restored::AsBefore)), "{restored:?}");
        assert!(orders.is_empty(), "{orders:?}");
    }

    #[test]
    fn of_two_limits_each_is_undone_or_kept_for_itself() {
        let set = Set {
            downtime_ms: Some(777),
            speed_mib_per_s: Some(5),
            ..Set::default()
        };
        let limits = |downtime_ms, speed_mib_per_s| Settings {
            downtime_ms,
            speed_mib_per_s,
        };
        let target = |downtime_ms, speed_mib_per_s| Target {
            downtime_ms,
            speed_mib_per_s,
            ..Target::NONE
        };
        for (found, back) in [
            (limits(777, 5), target(Some(300), Some(7))),
            (limits(777, 99), target(Some(300), None)),
            (limits(50, 5), target(None, Some(7))),
            (limits(50, 99), Target::NONE),
            (BEFORE, Target::NONE),
        ] {
            assert_eq!(set.back(found, BEFORE), back, "{found:?}");
        }
        let wanted = limits(900, 9);
        for (found, kept) in [
            (limits(777, 5), wanted),
            (BEFORE, wanted),
            (limits(777, 99), limits(900, 99)),
            (limits(50, 5), limits(50, 9)),
        ] {
            assert_eq!(set.unless_changed(found, BEFORE, wanted), kept, "{found:?}");
        }
    }

    #[test]
    fn only_what_is_still_ours_is_undone() {
        let set = Set {
            downtime_ms: Some(777),
            ..Set::default()
        };
        // The job ran under 7 MiB/s, which was the migrate call's; libvirt is back at no limit.
        let after = |downtime_ms| Settings {
            downtime_ms,
            speed_mib_per_s: 1000,
        };
        assert_eq!(set.undone(after(777), BEFORE), after(300));
        assert_eq!(set.undone(after(300), BEFORE), after(300));
        assert_eq!(set.undone(after(50), BEFORE), after(50), "another's");
        let mut orders = Vec::new();
        let restored = undo(set, BEFORE, &mut |order| {
            orders.extend(order);
            Ok(after(300))
        });
        assert!(matches!(restored, Ok(Restored::AsBefore)) && orders.is_empty());
    }

    #[test]
    fn what_was_about_to_be_set_when_its_controller_died_is_ours_where_it_is_found() {
        let target = |downtime_ms, speed_mib_per_s| Target {
            downtime_ms,
            speed_mib_per_s,
            ..Target::NONE
        };
        let mut set = Set::default();
        assert_eq!(set.in_force(None, BEFORE), target(Some(300), None));
        set.intend(&target(Some(10), None));
        set.apply(&target(Some(10), None));
        set.intend(&target(Some(20), Some(5)));
        let found = |downtime_ms, speed_mib_per_s| Settings {
            downtime_ms,
            speed_mib_per_s,
        };
        // The speed is set first; then it died.
        assert_eq!(set.undone(found(10, 5), BEFORE), BEFORE);
        assert_eq!(set.undone(found(20, 5), BEFORE), BEFORE);
        assert_eq!(set.undone(found(777, 77), BEFORE), found(777, 77));
        let expects = |downtime_ms, speed| set.in_force(Some(found(downtime_ms, speed)), BEFORE);
        assert_eq!(expects(10, 5), target(Some(10), Some(5)));
        assert_eq!(expects(20, 5), target(Some(20), Some(5)));
        assert_eq!(expects(300, 7), target(Some(300), Some(7)), "put back");
        assert_eq!(expects(777, 77), target(Some(10), None), "another's");
        set.apply(&target(Some(20), Some(5)));
        assert_eq!(set.undone(found(10, 5), BEFORE), found(10, 7));
    }

    #[test]
    fn a_refusal_is_told() {
        let (result, _) = ask(&[Ok(OURS), Err(refusal())]);
        assert!(matches!(result, Ok(Restored::Failed(OURS, Some(_)))));
        let (result, orders) = ask(&[Err(refusal())]);
        assert!(result.is_err() && orders.is_empty());
    }
}
