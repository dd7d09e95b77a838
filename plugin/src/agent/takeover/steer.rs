//! A migration steered to its end, and what is done after it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Settings};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_control::time::Timestamp;
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::{Domain, Error, Watcher};

use super::announce;
use super::assignment::{Assignment, Verdict};
use super::handle::MigrationHandle;
use super::ownership::Ownership;
use super::reporter::{LogMessages, Reporter, update_status};
use super::traces;
use crate::agent::api::{Control, MarkedBy};
use crate::agent::process::config::Config;
use crate::clock;
use crate::drive::{self, Mode};
use crate::migration::bounds::Bounds;
use crate::migration::deadline::within;
use crate::migration::handover::release::ReleaseCause;
use crate::migration::lease::{HeldLease, LeaseRecord};
use crate::migration::recorder::Recorder;
use crate::migration::settings::{self, Restored, Set};
use crate::migration::tally::Tally;
use crate::trace::Trace;

/// How long the statistics of the end may take to arrive after the end itself.
const STATISTICS_PATIENCE: Duration = Duration::from_millis(500);

/// How long, and how often, the limits from before are tried when the agent releases a migration: longer than a call of
/// libvirt's may take, shorter than the main loop waits for it (`main_loop::LEAVING_PATIENCE`).
const BACK_PATIENCE: Duration = Duration::from_secs(6);
const BACK_EVERY: Duration = Duration::from_millis(200);

/// How long a disk may take to begin a trace: the migration goes on meanwhile.
const TRACE_PATIENCE: Duration = Duration::from_millis(500);

/// How often a migration is polled that nobody is to steer.
const POLL_IDLE: Duration = Duration::from_millis(500);

/// One migration, and all that belongs to it.
struct Steered<'a> {
    id: &'a DomainId,
    watcher: Watcher,
    record: LeaseRecord,
    expected: Target,
    reporter: Reporter,
    handle: &'a Arc<MigrationHandle>,
    observe: bool,
}

/// Steers.
pub(crate) fn run(
    assignment: &Assignment,
    mut watcher: Watcher,
    ownership: Ownership,
    marked_by: MarkedBy,
    handle: &Arc<MigrationHandle>,
) -> Verdict {
    let (id, config) = (&assignment.id, &*assignment.config);
    let Ownership {
        lease,
        mut record,
        expected,
        flowed_at,
    } = ownership;
    record.bounds = record.bounds.insisting(config.insist);
    if config.observe {
        record.bounds = record.bounds.without_actions();
    }
    if let Some(began_ns) = record.job_began_ns {
        watcher.began(Timestamp::from_nanos(began_ns));
    }
    let before: Settings = record.settings_before.into();
    let trace = trace(config, id, handle);
    // Under a speed limit of the owner's the link is not what virsh would have had.
    let policy = record.bounds.policy;
    let same_link = policy.speed_max_mib_per_s.is_none() || policy.speed_is_order;
    let tally = Tally::new(same_link.then_some(before.downtime_ms));
    let recorder = Recorder::new(LogMessages(id.name.clone()), trace, tally);
    let mut reporter = Reporter::new(
        recorder,
        Arc::clone(handle),
        id.name.clone(),
        record.settings_before,
        assignment.counters.begun(record.bounds.law, config.observe),
    );
    reporter.recorder().record(&announce::begin(
        id,
        &record,
        config.observe,
        assignment.versions.clone(),
    ));
    announce::announce(id, &record, marked_by, config.observe);
    let herald = announce::herald(id, config.observe, assignment.followers.clone());
    reporter.recorder().tell_others(herald);
    if let Some(lease) = lease {
        let (held_lease, written) = HeldLease::begin(lease, record.clone());
        reporter.recorder().hold(held_lease);
        if let Err(error) = written {
            let name = &id.name;
            log::warn!(
                "{name}: its lease cannot be written, and a successor would not know the limits from before: {error}"
            );
        }
    }
    let mut steered = Steered {
        id,
        watcher,
        record,
        expected,
        reporter,
        handle,
        observe: config.observe,
    };
    if steered.record.released.is_none() {
        let age = steered.watcher.now().since(flowed_at);
        steered.reporter.counted().taken(age);
    }
    if steered.record.released.is_none() && steered.drive() == drive::End::Job {
        return steered.settle();
    }
    let is_released = steered.record.released.is_some();
    if is_released && !steered.observe && steered.record.set != Set::default() {
        // The predecessor that ended control may have died before it had put its limits back.
        steered.put_limits_back();
    }
    if steered.handle.leaves() || !steered.follow() {
        log::info!("{}: its migration goes on without the agent", id.name);
        return Verdict::Left;
    }
    steered.settle()
}

impl Steered<'_> {
    fn drive(&mut self) -> drive::End {
        let (mode, control) = if self.observe {
            (Mode::Observe, Control::Observing)
        } else {
            (Mode::Steer, Control::Steering)
        };
        self.handle.update(|status| status.control = control);
        let Bounds {
            policy,
            slowdown_ppm,
            law,
        } = self.record.bounds;
        let before = self.record.settings_before.into();
        let mut controller = Controller::new(law.build(slowdown_ppm), Policy::from(&policy))
            .after(before, self.expected);
        // The first poll is due now, not after a wait.
        self.watcher.waker().wake();
        let end = drive::drive(
            &mut self.watcher,
            &mut controller,
            &mut self.reporter,
            mode,
            &**self.handle,
        );
        if end == drive::End::Call {
            self.release();
        }
        end
    }

    /// Leaves the migration as it would be without the agent, unless an external change has ended control already.
    fn release(&mut self) {
        let steers = self.handle.status().control == Control::Steering;
        let back = !steers || self.put_limits_back();
        if !self.handle.ordered().is_some_and(ReleaseCause::is_for_good) {
            return;
        }
        let (name, why) = (&self.id.name, "hpc-release was asked for");
        match (steers, back) {
            (true, true) => {
                log::info!("{name}: {why}: its migration goes on under the limits from before");
            }
            (true, false) => log::warn!(
                "{name}: {why}, but libvirt refuses the limits from before: set them yourself (virsh \
                 migrate-setmaxdowntime, migrate-setspeed)"
            ),
            (false, _) => log::info!("{name}: {why}"),
        }
        self.record.released = Some(why.to_owned());
        self.reporter.recorder().release(why);
    }

    /// The limits from before, tried again for as long as the agent may take to leave. Whether they are set,
    /// or the migration is over.
    fn put_limits_back(&mut self) -> bool {
        let since = self.watcher.now();
        loop {
            match self.try_limits_back() {
                Ok(()) => return true,
                // There are no limits any more.
                Err(error) if error.is_gone() => return true,
                Err(error) if self.watcher.now().since(since) >= BACK_PATIENCE => {
                    let name = &self.id.name;
                    log::warn!("{name}: its limits could not be put back: {error}");
                    return false;
                }
                Err(_) => thread::sleep(BACK_EVERY),
            }
        }
    }

    /// Puts back what is still as its controllers have set it, not what another has set since the last poll.
    fn try_limits_back(&mut self) -> Result<(), Error> {
        let before = self.record.settings_before.into();
        let set = self.reporter.recorder().set();
        let found = self
            .watcher
            .call("virDomainMigrateGetMaxDowntime", settings::read)?;
        let target = Target {
            postcopy_speed_mib_per_s: self.record.bounds.postcopy_speed_before(),
            ..set.back(found, before)
        };
        if target != Target::NONE {
            self.watcher.apply(&target)?;
            self.reporter.recorder().applied(&target);
        }
        Ok(())
    }

    /// The migration is over: sees to it that all is as before, and says how it went.
    fn settle(mut self) -> Verdict {
        let moved = self.watcher.final_stats(Duration::ZERO).is_some();
        let settings = if moved { None } else { self.put_back() };
        // A domain that is still here has failed, most likely, and its next migration may begin any time.
        let patience = match settings {
            Some(_) => STATISTICS_PATIENCE / 10,
            None => STATISTICS_PATIENCE,
        };
        let completed = self.watcher.final_stats(patience);
        let end = announce::tell(
            &self.id.name,
            self.reporter.recorder(),
            completed.as_ref(),
            settings.as_ref(),
        );
        self.reporter.counted().ended(&end);
        self.reporter.recorder().end_lease();
        Verdict::Over
    }

    /// Follows a migration that nobody is to steer; false if the agent leaves before its end.
    fn follow(&mut self) -> bool {
        if let Some(why) = self.record.released.clone() {
            self.handle
                .update(|status| status.control = Control::Released(why));
        }
        loop {
            if self.handle.leaves() {
                return false;
            }
            self.watcher.wait(POLL_IDLE);
            if let Ok(sample) = self.watcher.sample(false) {
                self.handle.update(|status| update_status(status, &sample));
                if sample.state == JobState::Ended {
                    return true;
                }
            }
        }
    }

    /// After a failure. A domain that has moved has no settings, and says so.
    fn put_back(&mut self) -> Option<Restored> {
        if self.observe {
            return None;
        }
        let before: Settings = self.record.settings_before.into();
        let set = self.reporter.recorder().set();
        let watcher = &mut self.watcher;
        let restored = settings::undo(set, before, &mut |order| {
            // The next migration has begun, and what is set is its own.
            let job = watcher.call("virDomainGetJobStats", Domain::job_stats)?;
            match order {
                _ if job.job_type.is_running() => Ok(before),
                None => watcher.call("virDomainMigrateGetMaxDowntime", settings::read),
                Some(wanted) => watcher.call("virDomainMigrateSetMaxDowntime", move |domain| {
                    settings::set(domain, wanted)
                }),
            }
        });
        restored
            .inspect_err(|error| self.cannot_put_back(error))
            .ok()
    }

    fn cannot_put_back(&self, error: &Error) {
        // A domain that is gone has no settings.
        if !error.is_no_domain() && !error.is_operation_invalid() {
            let name = &self.id.name;
            log::warn!("{name}: whether its limits are as before is not known: {error}");
        }
    }
}

fn trace(config: &Config, id: &DomainId, handle: &MigrationHandle) -> Option<Trace> {
    let wanted = config.traces.as_ref()?;
    let (place, of) = (wanted.clone(), id.clone());
    let created = within(TRACE_PATIENCE, move || -> io::Result<_> {
        let (path, file) = traces::create(&place, &of.name, &of.uuid, clock::wall())?;
        Ok((path, Trace::into_file(file)?))
    });
    let late = || Err(io::Error::from(io::ErrorKind::TimedOut));
    match created.unwrap_or_else(late) {
        Ok((path, trace)) => {
            handle.update(|status| status.trace = Some(path.display().to_string()));
            Some(trace)
        }
        Err(error) => {
            let (name, directory) = (&id.name, wanted.directory.display());
            log::warn!("{name}: no trace is written, because {directory} takes none: {error}");
            None
        }
    }
}
