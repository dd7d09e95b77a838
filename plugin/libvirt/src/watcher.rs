//! Watches and sets one outgoing migration over a control connection.

use core::time::Duration;
use std::sync::Arc;

use libvirt_hpc_control::port::Job;
use libvirt_hpc_control::sample::{JobState, Sample, Settings};
use libvirt_hpc_control::target::{Action, Target};
use libvirt_hpc_control::time::Timestamp;

use crate::domain::{Domain, DomainState};
use crate::error::Error;
use crate::event::Event;
use crate::faults::FaultReader;
use crate::ffi;
use crate::inbox::Inbox;
use crate::session::Session;
use crate::settings::Speed;
use crate::stats::JobStats;
use crate::tracker::{Reading, Tracker, sample};
use crate::worker::Worker;

/// How long a call may take before the controller goes on without its answer. QEMU's monitor answers
/// within milliseconds, except while it stops the guest and sends the rest; a controller that is blind
/// for longer than this cannot keep a deadline, nor obey Ctrl-C as a user expects.
const CALL_DEADLINE: Duration = Duration::from_secs(3);

/// Ends the [`Job::wait`] of its watcher, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<Inbox>);

impl Waker {
    /// Ends the present wait, or the next one.
    pub fn wake(&self) {
        self.0.ring();
    }
}

/// The answers of one poll, all in one order to the thread that calls: an order costs two switches of threads, as much
/// as a call.
struct Answers {
    at: Timestamp,
    stats: JobStats,
    vcpu_time_ns: Option<u64>,
    state: DomainState,
    settings: Option<Settings>,
}

impl Answers {
    /// Polls; for the settings only if `with_settings` says so of the domain's state.
    fn of(domain: &Domain, with_settings: impl FnOnce(DomainState) -> bool) -> Result<Self, Error> {
        let stats = domain.job_stats()?;
        let at = ffi::now();
        let vcpu_time_ns = domain.vcpu_time_ns();
        let state = domain.state()?;
        let settings = if with_settings(state) {
            settings(domain)?
        } else {
            None
        };
        Ok(Self {
            at,
            stats,
            vcpu_time_ns,
            state,
            settings,
        })
    }
}

/// Downtime and speed limits; none if the job ended between two calls, as the next poll will show.
fn settings(domain: &Domain) -> Result<Option<Settings>, Error> {
    let downtime = domain.max_downtime_ms();
    let both = downtime.and_then(|downtime_ms| {
        let speed_mib_per_s = domain.max_speed_mib_per_s(Speed::Precopy)?;
        Ok(Settings {
            downtime_ms,
            speed_mib_per_s,
        })
    });
    match both {
        Err(error) if error.is_gone() => Ok(None),
        both => both.map(Some),
    }
}

/// The adapter's [`Job`]. Calls are made on a thread of its own, under a deadline; a lost connection is
/// opened again, with growing pauses, and the domain found by its UUID.
pub struct Watcher {
    worker: Worker<Session>,
    inbox: Arc<Inbox>,
    tracker: Tracker,
    last: Sample,
    stats: JobStats,
    done: Option<Action>,
    faults: FaultReader,
}

impl Watcher {
    /// Watches `domain`, whose connection must not be the one of the migrate call.
    ///
    /// # Errors
    /// When the driver has no events, or no thread can be started.
    pub fn new(domain: &Domain) -> Result<Self, Error> {
        let inbox = Arc::new(Inbox::default());
        let session = Session::new(domain.clone(), Arc::clone(&inbox))?;
        let worker = Worker::start(domain.name(), session)?;
        Ok(Self {
            worker,
            inbox,
            tracker: Tracker::default(),
            last: Sample::default(),
            stats: JobStats::default(),
            done: None,
            faults: FaultReader::default(),
        })
    }

    /// Watches the domain's next migration: the state of the last one is forgotten.
    pub fn watch_anew(&mut self) {
        self.inbox.forget();
        self.tracker = Tracker::default();
        self.tracker.not_before(ffi::now(), Duration::ZERO);
        self.last = Sample::default();
        self.stats = JobStats::default();
        self.done = None;
        self.faults = FaultReader::default();
    }

    /// Ends this watcher's wait from elsewhere: at a signal, or the end of the migrate call.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.inbox))
    }

    /// The watched job began `at` that time, as seen earlier. Without this, libvirt's age at the first sample counts,
    /// which is by a clock that may have stepped.
    pub fn began(&mut self, at: Timestamp) {
        self.tracker.began(at);
    }

    /// The watched job has not begun before that time, when there was none, and since when the wall clock was set forward by
    /// so much: the job is no older, whatever libvirt says, which goes by that clock.
    pub fn not_before(&mut self, at: Timestamp, set_forward: Duration) {
        self.tracker.not_before(at, set_forward);
    }

    /// The statistics behind the last sample that was read.
    #[must_use]
    pub fn stats(&self) -> &JobStats {
        &self.stats
    }

    /// The final statistics, the real downtime among them, of a migration that has succeeded. libvirt
    /// sends them just after the guest has stopped here, where a transient one can then not be asked;
    /// this waits for them no longer than `at_most`. Of a failed migration there are none. The time elapsed is by a clock
    /// that does not step.
    #[must_use]
    pub fn final_stats(&self, at_most: Duration) -> Option<JobStats> {
        let (stats, at) = self.inbox.completed(at_most)?;
        Some(self.tracker.complete(at, stats))
    }

    /// The events since the last call, oldest first; the oldest are lost if that is long ago.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.inbox.take_events()
    }

    /// Makes a `call` of the caller's own on the control connection, under the same deadline.
    ///
    /// # Errors
    /// The call's own, or that libvirt does not answer or cannot be reached.
    pub fn call<T: Send + 'static>(
        &mut self,
        call: &'static str,
        run: impl FnOnce(&Domain) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let domain = self.worker.domain().to_owned();
        self.worker
            .call(call, CALL_DEADLINE, move |session, ticket| {
                let found = session.domain()?;
                if ticket.is_abandoned() {
                    // Finding it took too long: the order must not be carried out now.
                    return Err(Error::NotAnswering {
                        call,
                        domain,
                        waited: CALL_DEADLINE,
                    });
                }
                run(found)
            })
    }

    fn read(&mut self, settings: bool) -> Result<Sample, Error> {
        let suspended = self.tracker.is_suspended();
        let asked = settings && matches!(self.last.state, JobState::Setup | JobState::Precopy);
        let answers = self.call("virDomainGetJobStats", move |domain| {
            Answers::of(domain, |state| {
                asked && (suspended || !state.is_paused_for_migration()) && !state.is_postcopy()
            })
        });
        match answers {
            Ok(answers) => {
                let seen = self.present(answers.at, answers.stats, answers.state);
                Ok(Sample {
                    vcpu_time_ns: answers.vcpu_time_ns,
                    settings: answers.settings.filter(|_| seen.state != JobState::Ended),
                    ..seen
                })
            }
            Err(error) if error.is_gone() => Ok(self.gone()),
            Err(error) => self.silent(error),
        }
    }

    fn present(&mut self, at: Timestamp, stats: JobStats, domain: DomainState) -> Sample {
        let state = self.tracker.observe(Reading::Present(&stats, domain));
        if state == JobState::Ended {
            // The job's statistics are gone with it: the last ones are used.
            return self.ended(at);
        }
        let sync_at = stats
            .memory_iteration
            .and_then(|iteration| self.inbox.sync_at(iteration));
        let elapsed = self.tracker.elapsed(at, &stats);
        let read = Sample {
            sync_at,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            ..sample(at, state, &stats)
        };
        self.stats = stats;
        read
    }

    fn gone(&mut self) -> Sample {
        self.tracker.observe(Reading::Gone);
        self.ended(ffi::now())
    }

    fn ended(&self, at: Timestamp) -> Sample {
        Sample {
            at,
            state: JobState::Ended,
            settings: None,
            ..self.last
        }
    }

    /// No answer: expected while QEMU stops the guest, if an event has announced that.
    fn silent(&self, error: Error) -> Result<Sample, Error> {
        match self.inbox.phase() {
            Some(state @ (JobState::Switchover | JobState::Postcopy))
                if error.is_not_answering() && self.last.state != JobState::Setup =>
            {
                Ok(Sample {
                    at: ffi::now(),
                    state,
                    settings: None,
                    ..self.last
                })
            }
            _ => Err(error),
        }
    }

    /// Whether the counters of faults are useful: from the beginning of the job on, or the faults up to the first
    /// reading would be missed, and until the guest stops.
    fn counts_faults(&self) -> bool {
        self.stats.is_outgoing_migration()
            && matches!(self.last.state, JobState::Setup | JobState::Precopy)
    }

    fn act(&mut self, action: Action) -> Result<(), Error> {
        match action {
            Action::Abort => self.call("virDomainAbortJob", Domain::abort_job),
            Action::StartPostcopy => {
                self.call("virDomainMigrateStartPostCopy", Domain::start_postcopy)
            }
            Action::Suspend => {
                self.tracker.suspended();
                self.call("virDomainSuspend", Domain::suspend)
            }
        }
    }
}

/// A setting that comes after the end is not missed: the next sample tells the end.
fn unless_gone(set: Result<(), Error>) -> Result<(), Error> {
    match set {
        Err(error) if error.is_gone() => Ok(()),
        set => set,
    }
}

impl Job for Watcher {
    type Error = Error;

    fn now(&self) -> Timestamp {
        ffi::now()
    }

    fn sample(&mut self, settings: bool) -> Result<Sample, Error> {
        let mut read = self.read(settings)?;
        read.faults = self.faults.take();
        self.last = read;
        Ok(read)
    }

    fn apply(&mut self, target: &Target) -> Result<(), Error> {
        if let Some(limit) = target.speed_mib_per_s {
            let set = self.call("virDomainMigrateSetMaxSpeed", move |domain| {
                domain.set_max_speed_mib_per_s(Speed::Precopy, limit)
            });
            unless_gone(set)?;
        }
        if let Some(limit) = target.downtime_ms.map(u64::from) {
            let set = self.call("virDomainMigrateSetMaxDowntime", move |domain| {
                domain.set_max_downtime_ms(limit)
            });
            unless_gone(set)?;
        }
        if let Some(bytes) = target.compression_cache_bytes {
            let set = self.call("virDomainMigrateSetCompressionCache", move |domain| {
                domain.set_compression_cache_bytes(bytes)
            });
            unless_gone(set)?;
        }
        if let Some(limit) = target.postcopy_speed_mib_per_s {
            let set = self.call("virDomainMigrateSetMaxSpeed", move |domain| {
                domain.set_max_speed_mib_per_s(Speed::Postcopy, limit)
            });
            unless_gone(set)?;
        }
        // An action that has been taken is not taken twice: libvirt would refuse it.
        if let Some(action) = target.action.filter(|action| self.done != Some(*action)) {
            self.act(action)?;
            self.done = Some(action);
        }
        Ok(())
    }

    fn wait(&mut self, at_most: Duration) {
        // All orders have been given, and none will follow before the next poll.
        if self.counts_faults() {
            self.faults.begin(&mut self.worker);
        }
        self.inbox.wait(at_most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32) -> Result<(), Error> {
        Err(Error::Refused {
            call: "virDomainMigrateSetMaxDowntime",
            domain: Some("vm".to_owned()),
            code,
            origin: virt_sys::VIR_FROM_QEMU,
            message: "a test".to_owned(),
        })
    }

    #[test]
    fn only_an_end_excuses_a_setting() {
        assert!(unless_gone(refused(virt_sys::VIR_ERR_NO_DOMAIN)).is_ok());
        assert!(unless_gone(refused(virt_sys::VIR_ERR_OPERATION_INVALID)).is_ok());
        assert!(unless_gone(refused(virt_sys::VIR_ERR_OPERATION_FAILED)).is_err());
    }
}
