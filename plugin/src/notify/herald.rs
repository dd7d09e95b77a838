//! What of all that happens to a migration others are told.

use std::time::{Duration, SystemTime};

use libvirt_hpc_control::event::{Cause, Event};
use libvirt_hpc_control::target::{Action, Target};

use super::followers::Followers;
use super::notification::{About, Happened, Notification, VERSION};
use super::tellers::Tellers;
use crate::clock;
use crate::in_words;

/// Tells of one migration.
#[derive(Debug)]
pub struct Herald {
    about: About,
    tellers: Option<Tellers>,
    followers: Followers,
    /// Why the limits were set that are on their way.
    setting: Option<Cause>,
    /// Whether the guest may pause, as others were told.
    is_allowed: bool,
}

impl Herald {
    /// Tells through `tellers`, if their thread could be started, and to `followers`.
    #[must_use]
    pub const fn new(about: About, tellers: Option<Tellers>, followers: Followers) -> Self {
        Self {
            about,
            tellers,
            followers,
            setting: None,
            is_allowed: false,
        }
    }

    /// Hears what the controller published.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Decided { cause, .. } if !switches_over(*cause) => self.is_allowed = false,
            Event::Targeted { cause, .. } => {
                self.setting = Some(*cause);
                self.is_allowed &= switches_over(*cause);
            }
            _ => {}
        }
    }

    /// A target is in force, `elapsed_ms` into the job: the first of a switchover is told.
    pub fn applied(&mut self, target: &Target, elapsed_ms: u64, pause_expected_ms: Option<u64>) {
        let Some(cause) = self.setting.take().filter(|cause| switches_over(*cause)) else {
            return;
        };
        if self.is_allowed || self.about.observe || target.action == Some(Action::Abort) {
            return;
        }
        self.is_allowed = true;
        let happened = Happened::SwitchoverAllowed {
            cause: in_words::cause(cause).to_owned(),
            pause_expected_ms,
            downtime_limit_ms: target.downtime_ms,
        };
        self.tell(happened, elapsed_ms);
    }

    /// Tells that something happened, `elapsed_ms` into the job.
    pub fn tell(&mut self, happened: Happened, elapsed_ms: u64) {
        let since_1970 = clock::wall().duration_since(SystemTime::UNIX_EPOCH);
        let at_unix_ms = since_1970.map_or(0, |since| since.as_millis());
        let notification = Notification {
            version: VERSION,
            happened,
            about: self.about.clone(),
            at_unix_ms: u64::try_from(at_unix_ms).unwrap_or(u64::MAX),
            elapsed_ms,
        };
        self.followers.publish(&notification);
        if let (Some(tellers), Ok(line)) = (&mut self.tellers, notification.line()) {
            tellers.hand_over(&line);
        }
    }

    /// Waits until all programs have run, no longer than `at_most`; what runs then is killed.
    pub fn end(&mut self, at_most: Duration) {
        if let Some(tellers) = &mut self.tellers {
            tellers.end(at_most);
        }
    }
}

/// Whether limits that are set for this reason let QEMU stop the guest.
const fn switches_over(cause: Cause) -> bool {
    cause.stops() || matches!(cause, Cause::Deadline | Cause::Order)
}
