//! The main loop's mind: what each message means, and which migrations are in hand.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Instant;

use libvirt_hpc_libvirt::Error;
use libvirt_hpc_libvirt::event::{DomainId, Event, EventKind};

use super::adopt::{self, Assignment};
use super::config::Config;
use super::control::{Reply, Request};
use super::hand::{Hand, LetGo};
use super::message::{Message, Seen, Verdict};
use super::roster::Roster;
use super::watch::Watch;
use super::{adopted, status, traces};
use crate::clock;
use crate::migration::lease;
use crate::trace::Versions;
use crate::version;

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
    pub(super) lost: Option<Error>,
    pub(super) looked_at: Option<Instant>,
    versions: Versions,
    watch: Watch,
    send: Sender<Message>,
    leaving: bool,
}

impl Supervisor {
    /// Begins; threads of migrations answer to `send`.
    #[must_use]
    pub(super) fn new(config: Config, watch: Watch, send: Sender<Message>) -> Self {
        Self {
            config: Arc::new(config),
            roster: Roster::new(adopted::read()),
            in_hand: HashMap::new(),
            lost: None,
            looked_at: None,
            versions: Versions {
                libvirt_hpc: version::OURS.to_owned(),
                ..Versions::default()
            },
            watch,
            send,
            leaving: false,
        }
    }

    /// libvirt's connection URI.
    #[must_use]
    pub(super) fn uri(&self) -> &str {
        &self.config.uri
    }

    /// Another configuration; migrations in hand keep the one they began with.
    pub(super) fn configure(&mut self, config: Config) {
        self.config = Arc::new(config);
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
            Message::Features(features) => self.versions = Versions::of(&features),
            Message::Lost(error) => self.lost(error),
            Message::Notice(notice) => {
                log::debug!(
                    "the hook tells of {}: {} {}",
                    notice.domain,
                    notice.operation,
                    notice.sub_operation
                );
                self.watch.look();
            }
            Message::Request(request, reply) => self.request(&request, &reply),
            Message::Ended { uuid, verdict } => self.ended(&uuid, verdict),
            Message::Signal(_) => {}
        }
    }

    fn event(&mut self, event: &Event) {
        let id = &event.domain;
        match event.kind {
            EventKind::Iteration(_) if self.roster.is_of_interest(id, &self.config) => {
                self.consider(id);
            }
            EventKind::MetadataChanged => {
                self.roster.forget(&id.uuid);
                self.watch.forget(&id.uuid);
            }
            EventKind::Lifecycle { .. } => self.watch.look(),
            EventKind::Iteration(_) | EventKind::JobCompleted(_) => {}
        }
    }

    fn looked(&mut self, seen: Vec<Seen>) {
        if self.lost.take().is_some() || self.looked_at.is_none() {
            log::info!("connected to {}: {} active", self.config.uri, seen.len());
        }
        self.looked_at = Some(clock::now());
        let migrates: Vec<_> = seen.iter().filter(|seen| seen.migrates).collect();
        let swept = lease::sweep(lease::DIRECTORY.as_ref(), |uuid| {
            self.in_hand.contains_key(uuid) || migrates.iter().any(|seen| seen.id.uuid == uuid)
        });
        if let Err(error) = swept {
            log::debug!("leases cannot be swept: {error}");
        }
        let found: Vec<_> = migrates.iter().map(|seen| seen.id.clone()).collect();
        self.roster.looked(seen);
        for id in found {
            if self.roster.is_of_interest(&id, &self.config) {
                self.consider(&id);
            }
        }
    }

    fn lost(&mut self, error: Error) {
        if self.lost.is_none() {
            log::warn!("libvirt cannot be reached, trying on: {error}");
        }
        self.lost = Some(error);
    }

    /// Sends a thread to a domain that seems to migrate, unless one is there.
    fn consider(&mut self, id: &DomainId) {
        if self.leaving || self.in_hand.contains_key(&id.uuid) {
            return;
        }
        let hand = Arc::new(Hand::new());
        let assignment = Assignment {
            id: id.clone(),
            config: Arc::clone(&self.config),
            adopted: self.roster.is_adopted(&id.uuid),
            versions: self.versions.clone(),
        };
        let (send, uuid) = (self.send.clone(), id.uuid.clone());
        let done = move |verdict| drop(send.send(Message::Ended { uuid, verdict }));
        match adopt::start(assignment, Arc::clone(&hand), done) {
            Ok(()) => {
                self.watch.in_hand(&id.uuid, true);
                let in_hand = InHand {
                    id: id.clone(),
                    hand,
                };
                self.in_hand.insert(id.uuid.clone(), in_hand);
            }
            Err(error) => log::error!("{}: no thread for its migration: {error}", id.name),
        }
    }

    fn ended(&mut self, uuid: &str, verdict: Verdict) {
        self.watch.in_hand(uuid, false);
        let Some(InHand { id, .. }) = self.in_hand.remove(uuid) else {
            return;
        };
        match verdict {
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
        if let Some(traces) = &self.config.traces {
            let open = self.in_hand.values().filter_map(|i| i.hand.status().trace);
            let open = open.map(Into::into).collect();
            if let Err(error) = traces::prune(traces, &open, clock::wall()) {
                log::warn!("old traces cannot be removed: {error}");
            }
        }
        // The next migration may have begun meanwhile.
        self.watch.look();
    }

    fn request(&mut self, request: &Request, reply: &SyncSender<Reply>) {
        let answer = match request {
            Request::Status { domain } => status::of(self, domain.as_deref()),
            Request::Release { domain } => self.release(domain),
            Request::Adopt { domain } => self.adopt(domain),
        };
        // Whoever asked may have gone.
        drop(reply.try_send(answer));
    }

    fn release(&mut self, name: &str) -> Reply {
        let found = self.roster.find(name).map(|seen| seen.id.clone());
        let in_hand = self
            .in_hand
            .values()
            .find(|i| i.id.name == name || i.id.uuid == name);
        let id = match (in_hand, found) {
            (Some(in_hand), _) => in_hand.id.clone(),
            (None, Ok(id)) => id,
            (None, Err(unknown)) => return refused(&unknown),
        };
        let disowned = self.roster.disown(&id.uuid);
        self.save_adopted();
        let name = &id.name;
        let message = match (self.in_hand.get(&id.uuid), disowned) {
            (Some(in_hand), _) => {
                in_hand.hand.let_go(LetGo::Asked);
                format!("{name}: its migration goes on under the limits of before")
            }
            (None, true) => format!("{name}: no longer adopted"),
            (None, false) => {
                return Reply::Refused {
                    message: format!(
                        "{name} is not being migrated and was not adopted: nothing to let go of"
                    ),
                };
            }
        };
        Reply::Done { message }
    }

    fn adopt(&mut self, name: &str) -> Reply {
        let seen = match self.roster.find(name) {
            Ok(seen) => seen.clone(),
            Err(unknown) => return refused(&unknown),
        };
        let name = &seen.id.name;
        let news = self.roster.adopt(&seen.id.uuid);
        self.save_adopted();
        self.watch.look();
        let message = if self.in_hand.contains_key(&seen.id.uuid) {
            format!("{name}: adopted; its migration under way stays in the hands it is in")
        } else if news {
            format!("{name}: adopted, until virsh-hpc hpc-release {name} or the host's restart")
        } else {
            format!("{name}: was adopted already")
        };
        if seen.migrates {
            self.consider(&seen.id);
        }
        Reply::Done { message }
    }

    fn save_adopted(&self) {
        if let Err(error) = adopted::write(self.roster.adopted()) {
            log::warn!("a restart will forget what was adopted: {error}");
        }
    }
}

fn refused(reason: &dyn std::fmt::Display) -> Reply {
    Reply::Refused {
        message: reason.to_string(),
    }
}
