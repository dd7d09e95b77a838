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

/// Waits for libvirt to put `before` back, and does it itself if libvirt does not.
///
/// # Errors
/// When libvirt does not say what it holds.
pub fn restore(domain: &Domain, before: Settings) -> Result<Restored, Error> {
    restore_through(before, TRIES, &mut |order| match order {
        None => read(domain),
        Some(settings) => set(domain, settings),
    })
}

/// What a controller has set last; none where it has set nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Set {
    /// The downtime limit, milliseconds.
    pub downtime_ms: Option<u64>,
    /// The speed limit, MiB/s.
    pub speed_mib_per_s: Option<u64>,
}

impl Set {
    /// A target was carried out.
    pub fn apply(&mut self, target: &Target) {
        self.downtime_ms = target.downtime_ms.map(u64::from).or(self.downtime_ms);
        self.speed_mib_per_s = target.speed_mib_per_s.or(self.speed_mib_per_s);
    }

    /// `found`, with what is still as the controller set it as `before`. Whatever else is there, somebody else put there:
    /// libvirt, a program or a user.
    #[must_use]
    pub fn undone(&self, found: Settings, before: Settings) -> Settings {
        let mut undone = found;
        if self.downtime_ms == Some(found.downtime_ms) {
            undone.downtime_ms = before.downtime_ms;
        }
        if self.speed_mib_per_s == Some(found.speed_mib_per_s) {
            undone.speed_mib_per_s = before.speed_mib_per_s;
        }
        undone
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
    before: Settings,
    tries: u32,
    ask: &mut dyn FnMut(Option<Settings>) -> Result<Settings, Error>,
) -> Result<Restored, Error> {
    let mut found = ask(None)?;
    for _ in 0..tries {
        if found == before {
            break;
        }
        thread::sleep(EVERY);
        found = ask(None)?;
    }
    Ok(replace(found, before, ask))
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
        let result = restore_through(BEFORE, 0, &mut |order| {
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
    fn what_libvirt_forgets_is_put_back_and_checked() {
        let (result, orders) = ask(&[Ok(OURS), Ok(BEFORE)]);
        assert!(matches!(result, Ok(Restored::ByUs)));
        assert_eq!(orders, [BEFORE]);
        let (result, _) = ask(&[Ok(OURS), Ok(OURS)]);
        assert!(matches!(result, Ok(Restored::Failed(OURS, None))));
    }

    #[test]
    fn only_what_is_still_ours_is_undone() {
        let set = Set {
            downtime_ms: Some(777),
            speed_mib_per_s: None,
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
    fn a_refusal_is_told() {
        let (result, _) = ask(&[Ok(OURS), Err(refusal())]);
        assert!(matches!(result, Ok(Restored::Failed(OURS, Some(_)))));
        let (result, orders) = ask(&[Err(refusal())]);
        assert!(result.is_err() && orders.is_empty());
    }
}
