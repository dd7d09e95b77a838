//! After a failure: where the domain is, asked afresh, and what can be done.

use std::thread;
use std::time::Duration;

use libvirt_hpc_control::sample::Settings;
use libvirt_hpc_libvirt::connect::Options;
use libvirt_hpc_libvirt::domain::DomainState;
use libvirt_hpc_libvirt::features::Version;
use libvirt_hpc_libvirt::stats::JobStats;
use libvirt_hpc_libvirt::{Connection, Domain, Error};

use crate::in_words;
use crate::migration::deadline::within;
use crate::migration::settings::{self, Restored, Set};

/// How long a host is given to answer: longer than [`settings::restore`] waits.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often a daemon that cannot be reached is tried again.
const RETRIES: u32 = 8;

/// The pause between two tries.
const RETRY: Duration = Duration::from_millis(500);

/// `VIR_DOMAIN_RUNNING`, libvirt's `include/libvirt/libvirt-domain.h`.
const RUNNING: u32 = 1;

/// `VIR_DOMAIN_PAUSED` with `VIR_DOMAIN_PAUSED_POSTCOPY_FAILED`, of the same file. libvirt keeps the job of
/// a broken post-copy.
const POSTCOPY_FAILED: DomainState = DomainState {
    state: 3,
    reason: 13,
};

/// One side, and how to reach it.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its URI; none leaves it to libvirt.
    pub uri: Option<String>,
    /// How to open a connection to it.
    pub options: Options,
    /// The domain's UUID.
    pub uuid: String,
}

/// What is to be undone, on the source.
#[derive(Clone, Copy, Debug)]
pub struct Undo {
    /// What this command has set.
    pub set: Set,
    /// What was there before.
    pub before: Settings,
}

/// What one side says of the domain.
#[derive(Clone, Debug)]
pub enum Found {
    /// It runs.
    Running,
    /// Its migration from here goes on.
    Migrating,
    /// It is there and does not run: paused, or something else.
    Stopped(DomainState),
    /// It is defined, and off.
    Off,
    /// It is not there.
    Absent,
    /// The side did not answer.
    Unknown(Option<Error>),
}

/// Asks a side, and has the settings put back where the domain is still active and does not migrate.
#[must_use]
pub fn ask(side: Side, undo: Option<Undo>) -> (Found, Option<Restored>) {
    within(PATIENCE, move || check(&side, undo)).unwrap_or((Found::Unknown(None), None))
}

fn check(side: &Side, undo: Option<Undo>) -> (Found, Option<Restored>) {
    let domain = match find(side) {
        Ok(domain) => domain,
        Err(error) if error.is_no_domain() => return (Found::Absent, None),
        Err(error) => return (Found::Unknown(Some(error)), None),
    };
    let restored = || undo.and_then(|undo| settings::restore(&domain, undo.set, undo.before).ok());
    if migrates_on(|| domain.job_stats(), || thread::sleep(RETRY)) {
        // The limits are those of the migration under way: it is not for this command to loosen them now.
        return match domain.state() {
            // Nothing goes by them after the switchover, and the rest of the job keeps them.
            Ok(state) if state == POSTCOPY_FAILED => (Found::Stopped(state), restored()),
            _ => (Found::Migrating, None),
        };
    }
    let restored = restored();
    let found = match domain.state() {
        Ok(state) if state.state == RUNNING => Found::Running,
        Ok(state) if state.is_off() => Found::Off,
        Ok(state) => Found::Stopped(state),
        Err(error) if error.is_no_domain() => Found::Absent,
        Err(error) => Found::Unknown(Some(error)),
    };
    (found, restored)
}

/// Whether a migration goes on from here. One that has just lost its client takes a moment to end.
fn migrates_on(mut job: impl FnMut() -> Result<JobStats, Error>, mut pause: impl FnMut()) -> bool {
    for _ in 0..RETRIES {
        if !job().is_ok_and(|job| job.is_outgoing_migration()) {
            return false;
        }
        pause();
    }
    true
}

/// Finds the domain on a new connection. A daemon that died is soon started again.
fn find(side: &Side) -> Result<Domain, Error> {
    let open = || Connection::open(side.uri.as_deref(), side.options);
    let mut connection = open();
    for _ in 0..RETRIES {
        if connection.is_ok() {
            break;
        }
        thread::sleep(RETRY);
        connection = open();
    }
    connection.and_then(|connection| Domain::lookup_by_uuid(&connection, &side.uuid))
}

/// What to tell the user; `there` is none if the destination was not asked.
#[must_use]
pub fn tell(
    domain: &str,
    here: &Found,
    there: Option<&Found>,
    destination: Option<Version>,
    restored: Option<&Restored>,
) -> String {
    let place = match (here, there) {
        (Found::Running, _) => format!("{domain} runs on, here"),
        (Found::Migrating, _) => format!(
            "the migration of {domain} goes on without this command, under the limits it has now: virsh \
             domjobinfo {domain} shows it, virsh domjobabort {domain} ends it"
        ),
        (Found::Stopped(state), _) if state.is_postcopy() => split(domain, destination),
        (Found::Off | Found::Absent, Some(Found::Running)) => {
            format!("{domain} runs on the destination: do not start it here")
        }
        (Found::Stopped(state), _) => format!(
            "{domain} is here and does not run (state {}, reason {}): make sure that it does not run on \
             the destination, then virsh resume {domain}",
            state.state, state.reason
        ),
        (Found::Unknown(error), _) => {
            let why = error
                .as_ref()
                .map_or_else(|| "no answer".to_owned(), ToString::to_string);
            format!(
                "it is not known where {domain} runs ({why}): ask both hosts with virsh domstate \
                 {domain} before it is started anywhere"
            )
        }
        (Found::Off | Found::Absent, _) => format!(
            "{domain} does not run here: look for it on the destination (virsh domstate {domain}) \
             before it is started anywhere"
        ),
    };
    match restored.map(told) {
        Some(settings) => format!("{place}; {settings}"),
        None => place,
    }
}

/// The first libvirt of those whose daemon crashes on the destination when a broken post-copy is resumed, and the first
/// that does not any more (libvirt NEWS, 11.4.0). With 11.3.0 it did so each time, with `--p2p` and when it was started
/// again, too.
const CRASHES: [Version; 2] = [Version::new(11, 2, 0), Version::new(11, 4, 0)];

/// What to do where both hosts have a part of the guest.
fn split(domain: &str, destination: Option<Version>) -> String {
    let resume = "restore the link, then virsh migrate --postcopy --postcopy-resume with the same destination";
    let [first, mended] = CRASHES;
    let what = match destination {
        Some(version) if (first..mended).contains(&version) => format!(
            "do not resume it yet, because the destination's libvirt {version} crashes when that is done: upgrade it to {mended} \
             or later, {resume}"
        ),
        Some(_) => resume.to_owned(),
        None => format!(
            "{resume}, if its libvirt is not 11.2 or 11.3, which crash when that is done: upgrade those first"
        ),
    };
    format!("{domain} is split between both hosts by a broken post-copy: {what}")
}

fn told(restored: &Restored) -> String {
    match restored {
        Restored::AsBefore => "its downtime and speed limits are as before".to_owned(),
        Restored::ByUs => "its downtime and speed limits were put back".to_owned(),
        Restored::Failed(found, error) => {
            let why = error
                .as_ref()
                .map(|error| format!(" ({error})"))
                .unwrap_or_default();
            let downtime = in_words::span(Duration::from_millis(found.downtime_ms));
            let speed = in_words::speed(found.speed_mib_per_s);
            format!(
                "its limits could not be put back{why} and are now downtime {downtime}, speed {speed}: see virsh \
                 migrate-setmaxdowntime and migrate-setspeed"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use libvirt_hpc_libvirt::stats::{JobType, MIGRATION_OUT};

    use super::*;

    #[test]
    fn every_place_has_its_advice() {
        let stopped = Found::Stopped(DomainState {
            state: 3,
            reason: 2,
        });
        let off = Found::Off;
        for (here, there, said) in [
            (&Found::Running, None, "vm runs on, here"),
            (&Found::Migrating, None, "virsh domjobabort vm"),
            (&Found::Stopped(POSTCOPY_FAILED), None, "--postcopy-resume"),
            (&off, Some(&Found::Running), "do not start it here"),
            (&off, Some(&Found::Absent), "before it is started anywhere"),
            (&Found::Absent, None, "before it is started anywhere"),
            (&stopped, None, "then virsh resume vm"),
            (&Found::Unknown(None), None, "no answer"),
        ] {
            let line = tell("vm", here, there, None, None);
            assert!(line.contains(said), "{line}");
        }
    }

    #[test]
    fn nobody_is_told_to_resume_what_crashes_the_destination() {
        let said = |version| tell("vm", &Found::Stopped(POSTCOPY_FAILED), None, version, None);
        for (minor, release, crashes) in [(1, 9, false), (2, 0, true), (3, 2, true), (4, 0, false)]
        {
            let line = said(Some(Version::new(11, minor, release)));
            assert_eq!(line.contains("do not resume it yet"), crashes, "{line}");
            assert!(line.contains("--postcopy-resume"), "{line}");
        }
        let line = said(None);
        assert!(
            line.contains("if its libvirt is not 11.2 or 11.3"),
            "{line}"
        );
    }

    #[test]
    fn a_migration_that_does_not_end_goes_on() {
        let out = || JobStats {
            job_type: JobType::Unbounded,
            operation: Some(MIGRATION_OUT),
            ..JobStats::default()
        };
        assert!(migrates_on(|| Ok(out()), || ()));
        let mut left = vec![JobStats::default(), out(), out()].into_iter();
        assert!(!migrates_on(
            || Ok(left.next_back().unwrap_or_default()),
            || ()
        ));
        assert!(!migrates_on(|| Ok(JobStats::default()), || ()));
    }

    #[test]
    fn settings_are_told_where_they_were_checked() {
        let told = |restored| tell("vm", &Found::Running, None, None, Some(&restored));
        assert!(
            told(Restored::AsBefore).ends_with("here; its downtime and speed limits are as before")
        );
        let found = Settings {
            downtime_ms: 777,
            speed_mib_per_s: 2,
        };
        let failed = told(Restored::Failed(found, None));
        assert!(failed.contains("777 ms, speed 2 MiB/s"), "{failed}");
    }
}
