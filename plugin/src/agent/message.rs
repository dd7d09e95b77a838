//! All that the main loop hears.

use std::sync::mpsc::SyncSender;

use libvirt_hpc_hook::notice::Notice;
use libvirt_hpc_libvirt::event::Event;
use libvirt_hpc_libvirt::features::Features;
use libvirt_hpc_libvirt::{Error, event::DomainId};

use super::control::{Reply, Request};
use super::signals::Signal;

/// One thing.
#[derive(Debug)]
pub(super) enum Message {
    /// An event of libvirt's.
    Event(Event),
    /// All active domains, asked for.
    Looked(Vec<Seen>),
    /// libvirt answers, but has not said which domains are active; what is known of those that were.
    Heard(Vec<Seen>),
    /// What libvirt and QEMU are, on a new connection.
    Features(Features),
    /// libvirt cannot be reached, or does not answer.
    Lost(Error),
    /// The hook's datagram.
    Notice(Notice),
    /// A user's request, and where the reply goes.
    Request(Request, SyncSender<Reply>),
    /// A thread has died that the agent cannot do without; its name.
    Broken(&'static str),
    /// A signal.
    Signal(Signal),
    /// The thread of a migration has ended.
    Ended {
        /// The domain's UUID.
        uuid: String,
        /// With what.
        verdict: Verdict,
    },
}

/// An active domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Which.
    pub(super) id: DomainId,
    /// What its own XML says.
    pub(super) mark: Mark,
    /// Its job.
    pub(super) job: Job,
}

/// What a domain is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Nothing that is ours to look at.
    Idle,
    /// A migration from here is under way.
    MigrationOut,
    /// libvirt did not say, or was not asked: the domain is not ours, or its migration is in hand.
    Unknown,
}

/// What a domain's own XML says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    None,
    /// libvirt does not say.
    Unknown,
    /// It is marked.
    Own {
        /// What is wrong with its policy, if something is.
        problem: Option<String>,
    },
}

/// How the thread of a migration ended.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// The domain is not to be controlled.
    Unmarked,
    /// There was no migration: a save, a dump, or too late.
    NoMigration,
    /// The migration is over.
    Over,
    /// The agent leaves; the migration goes on without it.
    Left,
    /// The domain could not be looked at.
    Failed(Error),
    /// The thread has died of a mistake of ours.
    Died,
}
