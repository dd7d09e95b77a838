//! A migration steered to its end, and what is done after it.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use libvirt_hpc_control::controller::Controller;
use libvirt_hpc_control::policy::Policy;
use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Settings};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::stats::JobStats;
use libvirt_hpc_libvirt::{Error, Watcher};

use super::config::Config;
use super::control::{Control, MarkedBy};
use super::free::Free;
use super::hand::{Hand, LetGo};
use super::message::Verdict;
use super::reporter::{LogVoice, Reporter, looked};
use super::traces;
use crate::clock;
use crate::drive::{self, Mode};
use crate::migration::bounds::Bounds;
use crate::migration::recorder::Recorder;
use crate::migration::settings::{self, Restored};
use crate::migration::tally::Tally;
use crate::trace::{Begin, ControllerName, End, FORMAT, Record, Versions, Writer};

/// How long the statistics of the end may take to arrive after the end itself.
const STATISTICS_PATIENCE: Duration = Duration::from_millis(500);

/// How often a migration is looked at that nobody is to steer.
const LOOK_IDLE: Duration = Duration::from_millis(500);

/// One migration, and all that belongs to it.
struct Steered<'a> {
    id: &'a DomainId,
    watcher: Watcher,
    free: Free,
    reporter: Reporter,
    hand: &'a Arc<Hand>,
    observe: bool,
}

/// Steers.
pub(super) fn run(
    id: &DomainId,
    config: &Config,
    watcher: Watcher,
    mut free: Free,
    marked_by: MarkedBy,
    versions: Versions,
    hand: &Arc<Hand>,
) -> Verdict {
    if config.observe {
        free.holding.bounds = free.holding.bounds.without_actions();
    }
    let before: Settings = free.holding.settings_before.into();
    let trace = trace(config, id, hand);
    let tally = Tally::new(Some(before.downtime_ms));
    let recorder = Recorder::new(LogVoice(id.name.clone()), trace, tally);
    let mut reporter = Reporter::new(
        recorder,
        Arc::clone(hand),
        id.name.clone(),
        free.holding.settings_before,
    );
    reporter
        .recorder()
        .record(&begin(id, &free, config.observe, versions));
    announce(id, &free, marked_by, config.observe);
    let mut steered = Steered {
        id,
        watcher,
        free,
        reporter,
        hand,
        observe: config.observe,
    };
    steered.write_lease();
    if steered.free.holding.released.is_none() && steered.drive() == drive::End::Job {
        return steered.settle();
    }
    if steered.hand.leaves() || !steered.follow() {
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
        self.hand.update(|status| status.control = control);
        let Bounds {
            policy,
            slowdown_ppm,
            law,
        } = self.free.holding.bounds;
        let mut controller = Controller::new(law.build(slowdown_ppm), Policy::from(&policy));
        // The first look is due now, not after a wait.
        self.watcher.waker().wake();
        let end = drive::drive(
            &mut self.watcher,
            &mut controller,
            &mut self.reporter,
            mode,
            &**self.hand,
        );
        if end == drive::End::Call {
            self.let_go();
        }
        end
    }

    /// Leaves the migration as if we had never been there.
    fn let_go(&mut self) {
        let before = self.free.holding.settings_before;
        if !self.observe && self.hand.status().target.is_some() {
            let target = Target {
                downtime_ms: u32::try_from(before.downtime_ms).ok(),
                speed_mib_per_s: Some(before.speed_mib_per_s),
                action: None,
            };
            if let Err(error) = self.watcher.apply(&target) {
                let name = &self.id.name;
                log::warn!("{name}: its limits could not be put back: {error}");
            }
        }
        if self.hand.ordered() == Some(LetGo::Asked) {
            log::info!(
                "{}: released by hpc-release, its migration goes on under the limits of before",
                self.id.name
            );
            self.free.holding.released = Some("hpc-release".to_owned());
            self.write_lease();
        }
    }

    /// What a successor must know.
    fn write_lease(&mut self) {
        let Some(lease) = &mut self.free.lease else {
            return;
        };
        if let Err(error) = lease.write(&self.free.holding) {
            let name = &self.id.name;
            log::warn!(
                "{name}: its lease cannot be written, a successor will know nothing: {error}"
            );
        }
    }

    /// The migration is over: sees to it that all is as before, and says how it went.
    fn settle(mut self) -> Verdict {
        let completed = self.watcher.final_stats(STATISTICS_PATIENCE);
        let settings = match completed {
            Some(_) => None,
            None => self.put_back(),
        };
        self.tell(completed.as_ref(), settings.as_ref());
        if let Some(lease) = self.free.lease {
            lease.end();
        }
        Verdict::Over
    }

    /// Follows a migration that nobody is to steer; false if the agent leaves before its end.
    fn follow(&mut self) -> bool {
        if let Some(why) = self.free.holding.released.clone() {
            self.hand
                .update(|status| status.control = Control::Released(why));
        }
        loop {
            if self.hand.leaves() {
                return false;
            }
            self.watcher.wait(LOOK_IDLE);
            if let Ok(sample) = self.watcher.sample(false) {
                self.hand.update(|status| looked(status, &sample));
                if sample.state == JobState::Ended {
                    return true;
                }
            }
        }
    }

    /// After a failure: libvirt puts back what was changed while memory flowed, a moment later; what it does
    /// not, we do.
    fn put_back(&mut self) -> Option<Restored> {
        if self.observe {
            return None;
        }
        let before: Settings = self.free.holding.settings_before.into();
        let watcher = &mut self.watcher;
        let restored = settings::restore_by(before, &mut |order| {
            watcher.call("virDomainMigrateSetMaxDowntime", move |domain| {
                // The next migration has begun: libvirt has done its part before that.
                if domain.job_stats()?.job_type.is_running() {
                    return Ok(before);
                }
                match order {
                    None => settings::read(domain),
                    Some(settings) => settings::set(domain, settings),
                }
            })
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

    fn tell(&mut self, completed: Option<&JobStats>, settings: Option<&Restored>) {
        let name = &self.id.name;
        let recorder = self.reporter.recorder();
        let mut total = Duration::from_millis(recorder.last().elapsed_ms);
        if let Some(stats) = completed {
            total = stats.time_elapsed_ms.map_or(total, Duration::from_millis);
            recorder.tally().completed(stats);
            log::info!("{}", recorder.tally().report(name, total));
        } else if settings.is_some() {
            log::info!("{name}: its migration failed or was aborted, it is still here");
        } else {
            log::info!("{name}: its migration is over");
        }
        match settings {
            Some(Restored::ByUs) => log::info!("{name}: its limits were put back"),
            Some(Restored::Failed(found, error)) => log::warn!(
                "{name}: its limits are not as before (downtime {} ms, speed {} MiB/s){}",
                found.downtime_ms,
                found.speed_mib_per_s,
                error
                    .as_ref()
                    .map_or_else(String::new, |e| format!(": {e}"))
            ),
            Some(Restored::AsBefore) | None => {}
        }
        let totals = recorder.tally().totals(total);
        recorder.record(&Record::End(End {
            moved: completed.is_some(),
            error: None,
            totals,
        }));
    }
}

fn announce(id: &DomainId, free: &Free, marked_by: MarkedBy, observe: bool) {
    let name = &id.name;
    let why = match marked_by {
        MarkedBy::Domain => "marked in its XML",
        MarkedBy::Site => "named by agent.toml",
        MarkedBy::Adoption => "adopted by hpc-adopt",
    };
    let before = free.holding.settings_before;
    let limits = format!(
        "downtime {} ms, speed {} MiB/s before",
        before.downtime_ms, before.speed_mib_per_s
    );
    match &free.holding.released {
        Some(reason) => log::warn!("{name}: its migration is left alone: {reason}"),
        None if observe => log::info!("{name}: watching its migration ({why}; {limits})"),
        None => log::info!("{name}: steering its migration ({why}; {limits})"),
    }
}

fn trace(config: &Config, id: &DomainId, hand: &Hand) -> Option<Writer<File>> {
    let wanted = config.traces.as_ref()?;
    match traces::create(wanted, &id.name, &id.uuid, clock::wall()) {
        Ok((path, file)) => {
            hand.update(|status| status.trace = Some(path.display().to_string()));
            Some(Writer::new(file))
        }
        Err(error) => {
            let (name, directory) = (&id.name, wanted.directory.display());
            log::warn!("{name}: no trace is written, {directory} does not take one: {error}");
            None
        }
    }
}

fn begin(id: &DomainId, free: &Free, observe: bool, versions: Versions) -> Record {
    let bounds = free.holding.bounds;
    Record::Begin(Box::new(Begin {
        format: FORMAT,
        versions,
        domain: id.name.clone(),
        uuid: id.uuid.clone(),
        controller: ControllerName::LibvirtHpcd,
        destination: None,
        flags: None,
        policy: bounds.policy,
        slowdown_ppm: bounds.slowdown_ppm,
        law: bounds.law,
        observe,
        settings_before: Some(free.holding.settings_before),
    }))
}
