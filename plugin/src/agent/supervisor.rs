//! What the main loop makes of each message, and which migrations have a thread.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use libvirt_hpc_libvirt::event::{DomainId, Event, EventKind};

use super::domains::active::{ActiveDomain, Job};
use super::domains::adopted;
use super::domains::roster::Roster;
use super::domains::watch::{Finding, Watch};
use super::message::Message;
use super::metrics::Publisher;
use super::process::config::Config;
use super::takeover::assignment::{Assignment, Verdict};
use super::takeover::handle::MigrationHandle;
use super::takeover::{migration_thread, traces};
use crate::clock;
use crate::in_words;
use crate::migration::handover::release::ReleaseCause;
use crate::migration::lease;
use crate::notify::Followers;
use crate::trace::Versions;
use crate::version;

mod measure;
mod requests;
mod status;

/// How long libvirt may say nothing, not even an event: six polls.
const SILENCE: Duration = Duration::from_secs(60);

/// Lifecycle events that leave a domain what it was: `VIR_DOMAIN_EVENT_SUSPENDED` and `_RESUMED`.
const PAUSES: [u32; 2] = [3, 4];

/// A migration that has a thread.
pub(super) struct TakenMigration {
    pub(super) id: DomainId,
    pub(super) handle: Arc<MigrationHandle>,
}

/// The agent's state.
pub(super) struct Supervisor {
    pub(super) config: Arc<Config>,
    pub(super) roster: Roster,
    pub(super) migrations: HashMap<String, TakenMigration>,
    pub(super) lost: Option<String>,
    pub(super) polled_at: Option<Instant>,
    /// The last sign of life of libvirt's, or the beginning.
    heard_at: Instant,
    versions: Versions,
    pub(super) followers: Followers,
    pub(super) watch: Watch,
    pub(super) metrics: Publisher,
    /// When a snapshot was last handed over; none if one is due.
    pub(super) published_at: Option<Instant>,
    send: Sender<Message>,
    leaving: bool,
}

impl Supervisor {
    /// Begins; threads of migrations answer to `send`, and tell `followers`.
    #[must_use]
    pub(super) fn new(
        config: Config,
        watch: Watch,
        metrics: Publisher,
        send: Sender<Message>,
        followers: Followers,
    ) -> Self {
        let agent = Self {
            config: Arc::new(config),
            roster: Roster::new(adopted::read()),
            migrations: HashMap::new(),
            lost: None,
            polled_at: None,
            heard_at: clock::now(),
            versions: Versions {
                libvirt_hpc: version::OURS.to_owned(),
                ..Versions::default()
            },
            followers,
            watch,
            metrics,
            published_at: None,
            send,
            leaving: false,
        };
        agent.tell_interest();
        agent
    }

    /// The watch is to know whom to ask about.
    pub(super) fn tell_interest(&self) {
        self.watch.set_interest(&self.config, self.roster.adopted());
    }

    /// libvirt's connection URI.
    #[must_use]
    pub(super) fn uri(&self) -> &str {
        &self.config.uri
    }

    /// Another configuration; migrations that have a thread keep the one they began with.
    pub(super) fn configure(&mut self, config: Config) {
        self.config = Arc::new(config);
        self.published_at = None;
        self.tell_interest();
        self.watch.poll();
    }

    /// Releases every migration.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        for TakenMigration { handle, .. } in self.migrations.values() {
            handle.release(ReleaseCause::Leaving);
        }
    }

    /// Whether no migration has a thread.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        self.migrations.is_empty()
    }

    /// Takes a message; signals are the caller's.
    pub(super) fn hear(&mut self, message: Message) {
        match message {
            Message::Watch(finding) => self.find(finding),
            Message::Notice(notice) => {
                log::debug!(
                    "the hook tells of {}: {} {}",
                    notice.domain,
                    notice.operation,
                    notice.sub_operation
                );
                self.watch.poll();
            }
            Message::Request(request, reply) => self.answer(&request, &reply),
            Message::Ended { uuid, verdict } => self.ended(&uuid, verdict),
            Message::Signal(_) => {}
        }
    }

    fn find(&mut self, finding: Finding) {
        match finding {
            Finding::Event(event) => self.event(&event),
            Finding::Active(domains) => self.active(domains),
            Finding::Known(domains) => self.known(&domains),
            Finding::Features(features) => self.versions = Versions::of(&features),
            Finding::Lost(error) => self.lost(error.to_string()),
            // The main loop's, as signals are.
            Finding::Died => {}
        }
    }

    fn event(&mut self, event: &Event) {
        let id = &event.domain;
        self.heard_at = clock::now();
        match event.kind {
            EventKind::Iteration(iteration) => {
                if self.roster.is_of_interest(id, &self.config) {
                    self.consider(id, iteration <= 1);
                }
            }
            // What its XML says may be another's by now.
            EventKind::MetadataChanged => self.forget(id),
            EventKind::Lifecycle { event, .. } => {
                if !PAUSES.contains(&event) {
                    self.forget(id);
                }
                self.watch.poll();
            }
            EventKind::JobCompleted(_) => {}
        }
    }

    fn forget(&mut self, id: &DomainId) {
        self.roster.forget(&id.uuid);
        self.watch.forget(&id.uuid);
    }

    fn active(&mut self, domains: Vec<ActiveDomain>) {
        let now = clock::now();
        let is_first = self.polled_at.replace(now).is_none();
        self.is_back(now, is_first, domains.len());
        let leases = Path::new(lease::DIRECTORY);
        let is_active = |uuid: &str| domains.iter().any(|seen| seen.id.uuid == uuid);
        let swept = lease::sweep(leases, |uuid| {
            self.migrations.contains_key(uuid) || is_active(uuid)
        });
        if let Err(error) = swept {
            log::debug!("leases cannot be swept: {error}");
        }
        self.roster.polled(domains.clone());
        self.consider_all(&domains);
        // An active domain may still have the limits that a controller has left with its lease.
        for ActiveDomain { id, job, .. } in &domains {
            if *job == Job::Idle && lease::exists(leases, &id.uuid) {
                self.consider(id, false);
            }
        }
    }

    /// A libvirt that answers is not lost, whichever of its domains does not.
    fn known(&mut self, domains: &[ActiveDomain]) {
        self.is_back(clock::now(), false, domains.len());
        self.consider_all(domains);
    }

    fn is_back(&mut self, now: Instant, is_first: bool, active: usize) {
        self.heard_at = now;
        if self.lost.take().is_some() || is_first {
            log::info!("connected to {}: {active} active", self.config.uri);
        }
    }

    fn consider_all(&mut self, domains: &[ActiveDomain]) {
        for ActiveDomain { id, .. } in domains.iter().filter(|seen| seen.job == Job::MigrationOut) {
            if self.roster.is_of_interest(id, &self.config) {
                self.consider(id, false);
            }
        }
    }

    fn lost(&mut self, error: String) {
        if self.lost.is_none() {
            log::warn!("libvirt cannot be reached, trying again: {error}");
        }
        self.lost = Some(error);
    }

    /// Notices a libvirt that neither answers nor fails.
    pub(super) fn tick(&mut self, now: Instant) {
        let silence = now.saturating_duration_since(self.heard_at);
        if self.lost.is_none() && silence >= SILENCE {
            self.lost(format!(
                "it has not answered for {}",
                in_words::span(silence)
            ));
        }
    }

    /// Sends a thread to a domain that seems to migrate, unless one is there; `early` if its memory begins
    /// to flow just now.
    pub(super) fn consider(&mut self, id: &DomainId, early: bool) {
        if let Some(TakenMigration { handle, .. }) = self.migrations.get(&id.uuid) {
            if early {
                handle.first_iteration();
            }
            return;
        }
        if self.leaving {
            return;
        }
        let handle = Arc::new(MigrationHandle::new());
        let assignment = Assignment {
            id: id.clone(),
            config: Arc::clone(&self.config),
            adopted: self.roster.is_adopted(&id.uuid),
            early,
            idle_at: self.roster.idle_at(&id.uuid),
            versions: self.versions.clone(),
            counters: self.metrics.counters().clone(),
            followers: self.followers.clone(),
        };
        let (send, uuid) = (self.send.clone(), id.uuid.clone());
        let done = move |verdict| drop(send.send(Message::Ended { uuid, verdict }));
        match migration_thread::start(assignment, Arc::clone(&handle), done) {
            Ok(()) => {
                self.watch.set_taken(&id.uuid, true);
                let id = id.clone();
                self.migrations
                    .insert(id.uuid.clone(), TakenMigration { id, handle });
            }
            Err(error) => log::error!("{}: no thread for its migration: {error}", id.name),
        }
    }

    fn ended(&mut self, uuid: &str, verdict: Verdict) {
        self.watch.set_taken(uuid, false);
        self.published_at = None;
        let Some(TakenMigration { id, handle }) = self.migrations.remove(uuid) else {
            return;
        };
        // What fails is tried again at the next poll, not at once and for ever.
        let failed = matches!(verdict, Verdict::Failed(_));
        match verdict {
            Verdict::Failed(error) if error.is_gone() => {
                log::debug!("{}: gone before libvirt could say more: {error}", id.name);
            }
            Verdict::Failed(error) => {
                log::warn!(
                    "{}: libvirt does not report its migration: {error}",
                    id.name
                );
            }
            Verdict::Died => log::error!(
                "{}: the thread of its migration has died; another takes it",
                id.name
            ),
            Verdict::Unmarked | Verdict::NoMigration | Verdict::Over | Verdict::Left => {
                log::debug!("{}: {verdict:?}", id.name);
            }
        }
        self.prune();
        if handle.take_first_iteration() && !failed {
            self.consider(&id, true);
        } else if !failed {
            // The next migration may have begun meanwhile.
            self.watch.poll();
        }
    }

    /// Removes old traces, on a thread of its own: a disk that hangs must not hang the agent.
    fn prune(&self) {
        let Some(traces) = self.config.traces.clone() else {
            return;
        };
        let open = self
            .migrations
            .values()
            .filter_map(|i| i.handle.status().trace);
        let open = open.map(Into::into).collect();
        let prune = move || {
            if let Err(error) = traces::prune(&traces, &open, clock::wall()) {
                log::warn!("old traces cannot be removed: {error}");
            }
        };
        let started = thread::Builder::new().name("prune".to_owned()).spawn(prune);
        if let Err(error) = started {
            log::warn!("old traces are not removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
