//! The watch over all domains of this host: events, and a slow poll as the truth.
//!
//! A thread of its own, so that a libvirt that hangs does not hang the agent. Events go straight to the main
//! loop; every look ends with [`Message::Looked`]. A connection that is lost is opened again, with growing
//! pauses, for ever.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libvirt_hpc_libvirt::connect::{KeepAlive, Options};
use libvirt_hpc_libvirt::event::{DomainId, Handler, Subscription};
use libvirt_hpc_libvirt::features::Features;
use libvirt_hpc_libvirt::{Connection, Domain, Error};

use super::message::{Job, Mark, Message, Seen};
use crate::clock;
use crate::migration::owner;

/// How often all domains are looked at, events or not: for the migrations whose events were lost with a
/// connection.
const POLL: Duration = Duration::from_secs(10);

/// How long after what asks for a look it is made: a hundred guests that start at once are one look, and
/// libvirt locks every domain for a list, which must not get into the way of a start.
const REST: Duration = Duration::from_millis(500);

/// How long what a domain's XML says is believed; a change is announced by an event, where libvirt has it.
const MARK_VALID: Duration = Duration::from_secs(60);

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
    in_hand: Arc<Mutex<HashSet<String>>>,
}

impl Watch {
    /// Begins. `send` takes what is found; a connection is opened in time.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(uri: String, send: Sender<Message>) -> std::io::Result<Self> {
        let (nudge, nudges) = mpsc::channel();
        let in_hand = Arc::new(Mutex::new(HashSet::new()));
        let thread = Thread {
            uri,
            send,
            bell: nudge.clone(),
            in_hand: Arc::clone(&in_hand),
            marks: HashMap::new(),
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
        Ok(Self { nudge, in_hand })
    }

    /// Asks for a look soon.
    pub(super) fn look(&self) {
        drop(self.nudge.send(Nudge::Look));
    }

    /// What the domain's XML says may have changed.
    pub(super) fn forget(&self, uuid: &str) {
        drop(self.nudge.send(Nudge::Forget(uuid.to_owned())));
    }

    /// Whether the domain's migration is in hand: then it is not asked about here, for a libvirt that waits
    /// for its QEMU would keep the look waiting.
    pub(super) fn in_hand(&self, uuid: &str, is: bool) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if is {
            in_hand.insert(uuid.to_owned());
        } else {
            in_hand.remove(uuid);
        }
    }
}

struct Thread {
    uri: String,
    send: Sender<Message>,
    bell: Sender<Nudge>,
    in_hand: Arc<Mutex<HashSet<String>>>,
    marks: HashMap<String, (Mark, Instant)>,
    pause: Option<Duration>,
    told: bool,
}

impl Thread {
    fn run(mut self, nudges: &Receiver<Nudge>) {
        let mut open: Option<(Connection, Subscription)> = None;
        loop {
            let looked = self.look(&mut open);
            let (message, wait) = match looked {
                Ok(seen) => {
                    self.pause = None;
                    (Message::Looked(seen), POLL)
                }
                Err(error) => {
                    open = None;
                    (Message::Lost(error), self.next_pause())
                }
            };
            if self.send.send(message).is_err() {
                return;
            }
            self.tell_features(open.as_ref().map(|(connection, _)| connection));
            self.wait(nudges, wait);
        }
    }

    /// Once for each connection, and after the first look: libvirt may have to start a QEMU to answer.
    fn tell_features(&mut self, connection: Option<&Connection>) {
        let Some(connection) = connection.filter(|_| !self.told) else {
            return;
        };
        self.told = true;
        match Features::of(connection) {
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
                self.marks.remove(&uuid);
            }
            next = nudges.try_recv().ok();
        }
    }

    fn look(&mut self, open: &mut Option<(Connection, Subscription)>) -> Result<Vec<Seen>, Error> {
        if open
            .as_ref()
            .is_none_or(|(connection, _)| !connection.is_alive())
        {
            *open = None;
            self.marks.clear();
            self.told = false;
            *open = Some(self.connect()?);
        }
        let Some((connection, _)) = open else {
            return Ok(Vec::new());
        };
        let domains = Domain::list_active(connection)?;
        self.marks
            .retain(|uuid, _| domains.iter().any(|domain| domain.uuid() == uuid));
        Ok(domains.iter().map(|domain| self.see(domain)).collect())
    }

    fn connect(&self) -> Result<(Connection, Subscription), Error> {
        let connection = Connection::open(Some(&self.uri), OPTIONS)?;
        let send = self.send.clone();
        let handler: Handler = Arc::new(move |event| drop(send.send(Message::Event(event))));
        let subscription = Subscription::new(&connection, None, &handler)?;
        let bell = self.bell.clone();
        connection.on_close(move |_| drop(bell.send(Nudge::Look)));
        Ok((connection, subscription))
    }

    /// Looks at one domain.
    fn see(&mut self, domain: &Domain) -> Seen {
        let id = DomainId {
            name: domain.name().to_owned(),
            uuid: domain.uuid().to_owned(),
        };
        let in_hand = self
            .in_hand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id.uuid);
        let mark = self.mark(domain);
        let stats = (!in_hand).then(|| domain.job_stats());
        let job = match stats {
            Some(Ok(stats)) if stats.is_outgoing_migration() => Job::MigrationOut,
            Some(Ok(_)) => Job::Idle,
            Some(Err(_)) | None => Job::Unknown,
        };
        Seen { id, mark, job }
    }

    fn mark(&mut self, domain: &Domain) -> Mark {
        let now = clock::now();
        if let Some((mark, at)) = self.marks.get(domain.uuid())
            && now.saturating_duration_since(*at) < MARK_VALID
        {
            return mark.clone();
        }
        let mark = match owner::policy(domain) {
            Err(_) => return Mark::Unknown,
            Ok(None) => Mark::None,
            Ok(Some(owned)) => Mark::Own {
                problem: owned.problems.into_iter().next(),
            },
        };
        self.marks
            .insert(domain.uuid().to_owned(), (mark.clone(), now));
        mark
    }
}
