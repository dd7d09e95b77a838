//! The command ends before its migration, which goes on without it (`--p2p`): what it leaves behind.
//!
//! The agent of the host takes the migration over if there is one; it finds the lease as of a command that has died.
//! Where nobody will, the limits that stay must let it end: the ones of a law that waits would never.

use std::path::Path;
use std::time::Duration;

use libvirt_hpc_control::event::Cause;
use libvirt_hpc_control::guard::PAUSE_FIXED_MS;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_control::target::Target;

use crate::agent::api::{Reply, Request, SOCKET, client};
use crate::drive::{Mode, Observer};
use crate::in_words;
use crate::migration::deadline::within;
use crate::migration::recorder::Outlook;
use crate::migration::settings::{self, Set};
use crate::session::prepare::resolve::Resolved;
use crate::session::prepare::takeover::Takeover;
use crate::session::terminal::session_observer::SessionObserver;
use crate::session::terminal::signals;

/// How long the agent may take to say whether it will take over: whoever has sent the signal may soon send the next.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the next sync may find above the last one, where the remaining memory falls no more, per cent.
const MARGIN_PERCENT: u64 = 25;

/// Leaves the migration of `takeover` to itself, and says so. `has_lease`: an agent would know who controlled it.
pub(crate) fn leave(
    signal: i32,
    takeover: &mut Takeover,
    observer: &mut SessionObserver,
    resolved: &Resolved,
    has_lease: bool,
) {
    let name = takeover.domain.name().to_owned();
    let successor = has_lease && will_take_over(Path::new(SOCKET), takeover.domain.uuid());
    let recorder = observer.recorder();
    let (steers, set, outlook) = (recorder.steers(), recorder.set(), recorder.outlook());
    let set = (resolved.mode == Mode::Steer && steers).then(|| {
        let before = takeover.before;
        let limits = limits(before, &resolved.policy, set, outlook, successor);
        let watcher = &mut takeover.watcher;
        let found = watcher.call("virDomainMigrateGetMaxDowntime", settings::read);
        let limits = found.map_or(limits, |found| set.unless_changed(found, before, limits));
        (limits, apply(takeover, observer, limits))
    });
    let then = match (successor, set) {
        (true, _) => "and libvirt-hpcd takes it over: virsh-hpc hpc-status shows it".to_owned(),
        (false, Some((limits, Ok(())))) => format!(
            "under a downtime limit of {} and a speed limit of {}: virsh domjobinfo {name} shows it",
            in_words::span(Duration::from_millis(limits.downtime_ms)),
            in_words::speed(limits.speed_mib_per_s)
        ),
        (false, Some((_, Err(error)))) => format!(
            "under the limits it has now, because others could not be set ({error}): virsh domjobinfo {name} shows it"
        ),
        (false, None) => {
            format!("under the limits it has now: virsh domjobinfo {name} shows it")
        }
    };
    let signal = signals::name(signal);
    observer.console().warn(&format!(
        "{signal}: the migration of {name} goes on without this command, {then}, virsh domjobabort {name} ends it"
    ));
}

/// Whether the agent that listens on `socket` watches the domain.
fn will_take_over(socket: &Path, uuid: &str) -> bool {
    let (socket, domain) = (socket.to_owned(), Some(uuid.to_owned()));
    let asked = within(PATIENCE, move || {
        client::ask(&socket, &Request::Status { domain })
    });
    matches!(asked, Some(Ok(Reply::Status(status)))
        if !status.observe && status.domains.iter().any(|domain| domain.marked_by.is_some()))
}

fn apply(
    takeover: &mut Takeover,
    observer: &mut SessionObserver,
    limits: Settings,
) -> Result<(), String> {
    let target = Target {
        downtime_ms: u32::try_from(limits.downtime_ms).ok(),
        speed_mib_per_s: Some(limits.speed_mib_per_s),
        ..Target::NONE
    };
    let result = takeover.watcher.apply(&target);
    let at = takeover.watcher.now();
    match result {
        Ok(()) => {
            observer.outcome(at, &target, Ok(()));
            Ok(())
        }
        Err(error) => {
            observer.outcome(at, &target, Err(&error));
            Err(error.to_string())
        }
    }
}

/// The limits under which a migration goes on by itself: those that were there `before`, which plain virsh would have
/// had, or the longer pause that the law's threshold allows, or would allow in the end; within the policy. A
/// `successor` decides about that itself.
fn limits(
    before: Settings,
    policy: &Policy,
    set: Set,
    outlook: Outlook,
    successor: bool,
) -> Settings {
    let law_ms = match outlook.cause {
        _ if successor => None,
        // The remaining memory still falls, or it is not known whether it will: what is pending now is not what would
        // be.
        None | Some(Cause::FirstRound | Cause::Falling | Cause::Observing) => None,
        Some(Cause::Waiting | Cause::Quiet | Cause::Ceiling) => outlook
            .pause_ms
            .map(|ms| ms.saturating_add(ms.saturating_mul(MARGIN_PERCENT) / 100)),
        Some(_) => set.downtime_ms,
    };
    let downtime_ms = before.downtime_ms.max(law_ms.unwrap_or(0));
    let outranked = outlook.cause == Some(Cause::Deadline) && !successor;
    let fixed_ms = policy.pause_fixed_ms.unwrap_or(PAUSE_FIXED_MS);
    let longest_ms = policy
        .downtime_max_ms
        .map(|ms| ms.saturating_sub(fixed_ms).max(1));
    let most_ms = longest_ms.into_iter().chain(policy.limit_max_ms).min();
    Settings {
        downtime_ms: most_ms
            .filter(|_| !outranked)
            .map_or(downtime_ms, |most_ms| downtime_ms.min(most_ms.into())),
        speed_mib_per_s: policy.speed_max_mib_per_s.unwrap_or(before.speed_mib_per_s),
    }
}

#[cfg(test)]
mod tests;
