//! The main loop's mind: what each message means, and which migrations are in hand.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use libvirt_hpc_libvirt::event::{DomainId, Event, EventKind};

use super::adopt::{self, Assignment};
use super::config::Config;
use super::hand::{Hand, LetGo};
use super::message::{Job, Message, Seen, Verdict};
use super::roster::Roster;
use super::watch::Watch;
use super::{adopted, traces};
use crate::clock;
use crate::in_words;
use crate::migration::lease;
use crate::trace::Versions;
use crate::version;

/// How long libvirt may say nothing, not even an event: six looks.
const SILENCE: Duration = Duration::from_secs(60);

/// Lifecycle events that leave a domain what it was: `VIR_DOMAIN_EVENT_SUSPENDED` and `_RESUMED`.
const PAUSES: [u32; 2] = [3, 4];

/// A migration in hand.
pub(super) struct InHand {
    pub(super) id: DomainId,
    pub(super) hand: Arc<Hand>,
}

/// The agent's state.
pub(super) struct Supervisor {
    pub(super) config: Arc<Config>,
    pub(super) roster: Roster,
    pub(super) in_hand: HashMap<String, InHand>,
    pub(super) lost: Option<String>,
    pub(super) looked_at: Option<Instant>,
    /// The last sign of life of libvirt's, or the beginning.
    heard_at: Instant,
    versions: Versions,
    pub(super) watch: Watch,
    send: Sender<Message>,
    leaving: bool,
}

impl Supervisor {
    /// Begins; threads of migrations answer to `send`.
    #[must_use]
    pub(super) fn new(config: Config, watch: Watch, send: Sender<Message>) -> Self {
        let agent = Self {
            config: Arc::new(config),
            roster: Roster::new(adopted::read()),
            in_hand: HashMap::new(),
            lost: None,
            looked_at: None,
            heard_at: clock::now(),
            versions: Versions {
                libvirt_hpc: version::OURS.to_owned(),
                ..Versions::default()
            },
            watch,
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

    /// Another configuration; migrations in hand keep the one they began with.
    pub(super) fn configure(&mut self, config: Config) {
        self.config = Arc::new(config);
        self.tell_interest();
        self.watch.look();
    }

    /// Lets go of every migration.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        for InHand { hand, .. } in self.in_hand.values() {
            hand.let_go(LetGo::Leaving);
        }
    }

    /// Whether nothing is in hand.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        self.in_hand.is_empty()
    }

    /// Takes a message; signals are the caller's.
    pub(super) fn hear(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.event(&event),
            Message::Looked(seen) => self.looked(seen),
            Message::Heard(seen) => self.heard(&seen),
            Message::Features(features) => self.versions = Versions::of(&features),
            Message::Lost(error) => self.lost(error.to_string()),
            Message::Notice(notice) => {
                log::debug!(
                    "the hook tells of {}: {} {}",
                    notice.domain,
                    notice.operation,
                    notice.sub_operation
                );
                self.watch.look();
            }
            Message::Request(request, reply) => self.answer(&request, &reply),
            Message::Ended { uuid, verdict } => self.ended(&uuid, verdict),
            Message::Signal(_) | Message::Broken(_) => {}
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
                self.watch.look();
            }
            EventKind::JobCompleted(_) => {}
        }
    }

    fn forget(&mut self, id: &DomainId) {
        self.roster.forget(&id.uuid);
        self.watch.forget(&id.uuid);
    }

    fn looked(&mut self, seen: Vec<Seen>) {
        let now = clock::now();
        let is_first = self.looked_at.replace(now).is_none();
        self.is_back(now, is_first, seen.len());
        let may_migrate = |uuid: &str| {
            let seen = seen.iter().find(|seen| seen.id.uuid == uuid);
            seen.is_some_and(|seen| seen.job != Job::Idle)
        };
        let swept = lease::sweep(lease::DIRECTORY.as_ref(), |uuid| {
            self.in_hand.contains_key(uuid) || may_migrate(uuid)
        });
        if let Err(error) = swept {
            log::debug!("leases cannot be swept: {error}");
        }
        self.roster.looked(seen.clone());
        self.consider_all(&seen);
    }

    /// A libvirt that answers is not lost, whichever of its domains does not.
    fn heard(&mut self, seen: &[Seen]) {
        self.is_back(clock::now(), false, seen.len());
        self.consider_all(seen);
    }

    fn is_back(&mut self, now: Instant, is_first: bool, active: usize) {
        self.heard_at = now;
        if self.lost.take().is_some() || is_first {
            log::info!("connected to {}: {active} active", self.config.uri);
        }
    }

    fn consider_all(&mut self, seen: &[Seen]) {
        for Seen { id, .. } in seen.iter().filter(|seen| seen.job == Job::MigrationOut) {
            if self.roster.is_of_interest(id, &self.config) {
                self.consider(id, false);
            }
        }
    }

    fn lost(&mut self, error: String) {
        if self.lost.is_none() {
            log::warn!("libvirt cannot be reached, trying on: {error}");
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
        if let Some(InHand { hand, .. }) = self.in_hand.get(&id.uuid) {
            if early {
                hand.first_iteration();
            }
            return;
        }
        if self.leaving {
            return;
        }
        let hand = Arc::new(Hand::new());
        let assignment = Assignment {
            id: id.clone(),
            config: Arc::clone(&self.config),
            adopted: self.roster.is_adopted(&id.uuid),
            early,
            versions: self.versions.clone(),
        };
        let (send, uuid) = (self.send.clone(), id.uuid.clone());
        let done = move |verdict| drop(send.send(Message::Ended { uuid, verdict }));
        match adopt::start(assignment, Arc::clone(&hand), done) {
            Ok(()) => {
                self.watch.in_hand(&id.uuid, true);
                let id = id.clone();
                self.in_hand.insert(id.uuid.clone(), InHand { id, hand });
            }
            Err(error) => log::error!("{}: no thread for its migration: {error}", id.name),
        }
    }

    fn ended(&mut self, uuid: &str, verdict: Verdict) {
        self.watch.in_hand(uuid, false);
        let Some(InHand { id, hand }) = self.in_hand.remove(uuid) else {
            return;
        };
        // What fails is tried again at the next look, not at once and for ever.
        let failed = matches!(verdict, Verdict::Failed(_));
        match verdict {
            Verdict::Failed(error) if error.is_gone() => {
                log::debug!("{}: gone before it was looked at: {error}", id.name);
            }
            Verdict::Failed(error) => {
                log::warn!("{}: its migration cannot be looked at: {error}", id.name);
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
        if hand.take_first_iteration() && !failed {
            self.consider(&id, true);
        } else if !failed {
            // The next migration may have begun meanwhile.
            self.watch.look();
        }
    }

    /// Removes old traces, on a thread of its own: a disk that hangs must not hang the agent.
    fn prune(&self) {
        let Some(traces) = self.config.traces.clone() else {
            return;
        };
        let open = self.in_hand.values().filter_map(|i| i.hand.status().trace);
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
