//! The watch over all domains of this host: events, and a slow poll as the truth.
//!
//! A thread of its own, so that a libvirt that hangs does not hang the agent. Events go straight to the main
//! loop; every look ends with [`Message::Looked`], or with [`Message::Heard`] where libvirt did not say all. A connection
//! that is lost is opened again, with growing pauses, for ever.

mod look;
mod questions;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use libvirt_hpc_libvirt::connect::{KeepAlive, Options};
use libvirt_hpc_libvirt::event::{Handler, Subscription};
use libvirt_hpc_libvirt::{Connection, Error};

use super::config::Config;
use super::message::Message;
use crate::migration::lease;
use look::{Interest, Look, Looked};
use questions::Questions;

/// How often all domains are looked at, events or not: for the migrations whose events were lost with a
/// connection.
const POLL: Duration = Duration::from_secs(10);

/// How long after what asks for a look it is made: a hundred guests that start at once are one look, and
/// libvirt locks every domain for a list, which must not get into the way of a start.
const REST: Duration = Duration::from_millis(500);

/// The first pause after a failed connection, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// libvirt's own defaults for a daemon's clients (`keepalive_interval`, `keepalive_count`, `libvirtd.conf`).
pub(super) const OPTIONS: Options = Options {
    keepalive: Some(KeepAlive {
        interval_s: 5,
        count: 5,
        required: false,
    }),
    read_only: false,
};

enum Nudge {
    Look,
    Forget(String),
}

/// The watch, to be asked for a look.
#[derive(Clone)]
pub(super) struct Watch {
    nudge: Sender<Nudge>,
    interest: Arc<Mutex<Interest>>,
}

impl Watch {
    /// Begins. `send` takes what is found; a connection is opened in time.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(uri: String, send: Sender<Message>) -> std::io::Result<Self> {
        let (nudge, nudges) = mpsc::channel();
        let interest = Arc::new(Mutex::new(Interest::default()));
        let (source, bell) = (uri.clone(), nudge.clone());
        let questions = Questions::new(
            move || Connection::open(Some(&source), OPTIONS),
            move || drop(bell.send(Nudge::Look)),
        );
        let thread = Thread {
            uri,
            send,
            bell: nudge.clone(),
            interest: Arc::clone(&interest),
            look: Look::new(questions),
            pause: None,
            told: false,
        };
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                let broken = thread.send.clone();
                let run = AssertUnwindSafe(|| thread.run(&nudges));
                if catch_unwind(run).is_err() {
                    drop(broken.send(Message::Broken("watch")));
                }
            })?;
        Ok(Self { nudge, interest })
    }

    /// Asks for a look soon.
    pub(super) fn look(&self) {
        drop(self.nudge.send(Nudge::Look));
    }

    /// What the domain's XML says may have changed.
    pub(super) fn forget(&self, uuid: &str) {
        drop(self.nudge.send(Nudge::Forget(uuid.to_owned())));
    }

    /// Which domains are ours though their XML does not say so.
    pub(super) fn set_interest(&self, config: &Arc<Config>, adopted: &BTreeSet<String>) {
        let mut interest = self.interest();
        interest.config = Arc::clone(config);
        interest.adopted.clone_from(adopted);
    }

    /// Whether the domain's migration is in hand: then it is not asked about here.
    pub(super) fn in_hand(&self, uuid: &str, is: bool) {
        let in_hand = &mut self.interest().in_hand;
        if is {
            in_hand.insert(uuid.to_owned());
        } else {
            in_hand.remove(uuid);
        }
    }

    fn interest(&self) -> MutexGuard<'_, Interest> {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that looks at nothing.
    #[cfg(test)]
    pub(super) fn blind() -> Self {
        Self {
            nudge: mpsc::channel().0,
            interest: Arc::default(),
        }
    }
}

struct Thread {
    uri: String,
    send: Sender<Message>,
    bell: Sender<Nudge>,
    interest: Arc<Mutex<Interest>>,
    look: Look<Connection>,
    pause: Option<Duration>,
    told: bool,
}

impl Thread {
    fn run(mut self, nudges: &Receiver<Nudge>) {
        let mut open: Option<(Connection, Subscription)> = None;
        loop {
            let (message, wait) = match self.look(&mut open) {
                Ok(looked) => {
                    self.pause = None;
                    (said(looked), POLL)
                }
                Err(error) => {
                    open = None;
                    (Some(Message::Lost(error)), self.next_pause())
                }
            };
            if message.is_some_and(|message| self.send.send(message).is_err()) {
                return;
            }
            if open.is_some() {
                self.tell_features();
            }
            self.wait(nudges, wait);
        }
    }

    /// Once for each connection, and after the first look.
    fn tell_features(&mut self) {
        if self.told {
            return;
        }
        let Some(features) = self.look.features() else {
            return;
        };
        self.told = true;
        match features {
            Ok(features) => drop(self.send.send(Message::Features(features))),
            Err(error) => log::debug!("libvirt does not say what it is: {error}"),
        }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause.map_or(PAUSES.0, |last| (last * 2).min(PAUSES.1));
        *self.pause.insert(pause)
    }

    /// Waits for a nudge, and takes all that have come.
    fn wait(&mut self, nudges: &Receiver<Nudge>, at_most: Duration) {
        let mut next = nudges.recv_timeout(at_most).ok();
        if next.is_some() {
            thread::sleep(REST);
        }
        while let Some(nudge) = next {
            if let Nudge::Forget(uuid) = nudge {
                self.look.forget(&uuid);
            }
            next = nudges.try_recv().ok();
        }
    }

    fn look(&mut self, open: &mut Option<(Connection, Subscription)>) -> Result<Looked, Error> {
        if open
            .as_ref()
            .is_none_or(|(connection, _)| !connection.is_alive())
        {
            *open = None;
            self.look.begin_anew();
            self.told = false;
            *open = Some(self.connect()?);
        }
        let interest = {
            let shared = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
            shared.clone()
        };
        self.look.run(&interest, lease::DIRECTORY.as_ref())
    }

    /// The connection that events come over: nothing is asked on it.
    fn connect(&self) -> Result<(Connection, Subscription), Error> {
        let connection = Connection::open(Some(&self.uri), OPTIONS)?;
        let send = self.send.clone();
        let handler: Handler = Arc::new(move |event| drop(send.send(Message::Event(event))));
        let subscription = Subscription::new(&connection, None, &handler)?;
        let bell = self.bell.clone();
        connection.on_close(move |_| drop(bell.send(Nudge::Look)));
        Ok((connection, subscription))
    }
}

/// What the main loop is told; nothing while libvirt says nothing, which the main loop notices.
fn said(looked: Looked) -> Option<Message> {
    match looked {
        Looked::All(seen) => Some(Message::Looked(seen)),
        Looked::Some(seen) => Some(Message::Heard(seen)),
        Looked::Nothing => None,
    }
}
