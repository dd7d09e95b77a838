//! The watch over all domains of this host: libvirt's events, and a poll of all active domains, for events may be lost.
//!
//! It has a thread of its own, so that a libvirt that hangs does not hang the agent. A connection that is lost is opened
//! again, with growing delays, for ever.

mod poll;
mod questions;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use libvirt_hpc_libvirt::connect::{KeepAlive, Options};
use libvirt_hpc_libvirt::event::{Event, Handler};
use libvirt_hpc_libvirt::features::Features;
use libvirt_hpc_libvirt::subscription::Subscription;
use libvirt_hpc_libvirt::{Connection, Error};

use super::active::ActiveDomain;
use crate::agent::process::config::Config;
use crate::migration::lease;
use poll::{Interest, Poll, Polled};
use questions::Questions;

/// How often all domains are polled, events or not: for the migrations whose events were lost with a connection.
const EVERY: Duration = Duration::from_secs(10);

/// The delay before a poll that is asked for: a hundred guests that start at once are one poll, and libvirt locks every
/// domain for a list, which must not get into the way of a start.
const REST: Duration = Duration::from_millis(500);

/// The first pause after a failed connection, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// libvirt's own defaults for a daemon's clients (`keepalive_interval`, `keepalive_count`, `libvirtd.conf`).
pub(crate) const OPTIONS: Options = Options {
    keepalive: Some(KeepAlive {
        interval_s: 5,
        count: 5,
        required: false,
    }),
    read_only: false,
};

/// What the watch finds.
#[derive(Debug)]
pub(crate) enum Finding {
    /// An event of libvirt's.
    Event(Event),
    /// All active domains.
    Active(Vec<ActiveDomain>),
    /// libvirt answers, but has not said which domains are active; what it says of those that were.
    Known(Vec<ActiveDomain>),
    /// What libvirt and QEMU are, on a new connection.
    Features(Features),
    /// libvirt cannot be reached, or does not answer.
    Lost(Error),
    /// The watch's thread has panicked.
    Died,
}

/// Takes what is found; false once nobody listens.
type Listener = Arc<dyn Fn(Finding) -> bool + Send + Sync>;

enum Nudge {
    Poll,
    Forget(String),
}

/// The watch, to be asked for a poll.
#[derive(Clone)]
pub(crate) struct Watch {
    nudge: Sender<Nudge>,
    interest: Arc<Mutex<Interest>>,
}

impl Watch {
    /// Begins. `listener` takes what is found, and is false once nobody listens; a connection is opened in time.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(
        uri: String,
        listener: impl Fn(Finding) -> bool + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (nudge, nudges) = mpsc::channel();
        let interest = Arc::new(Mutex::new(Interest::default()));
        let (source, bell) = (uri.clone(), nudge.clone());
        let questions = Questions::new(
            move || Connection::open(Some(&source), OPTIONS),
            move || drop(bell.send(Nudge::Poll)),
        );
        let thread = Thread {
            uri,
            listener: Arc::new(listener),
            bell: nudge.clone(),
            interest: Arc::clone(&interest),
            poll: Poll::new(questions),
            pause: None,
            told: false,
        };
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                let listener = Arc::clone(&thread.listener);
                let run = AssertUnwindSafe(|| thread.run(&nudges));
                if catch_unwind(run).is_err() {
                    listener(Finding::Died);
                }
            })?;
        Ok(Self { nudge, interest })
    }

    /// Asks for a poll soon.
    pub(crate) fn poll(&self) {
        drop(self.nudge.send(Nudge::Poll));
    }

    /// What the domain's XML says may have changed.
    pub(crate) fn forget(&self, uuid: &str) {
        drop(self.nudge.send(Nudge::Forget(uuid.to_owned())));
    }

    /// Which domains count as marked though their XML does not say so.
    pub(crate) fn set_interest(&self, config: &Arc<Config>, adopted: &BTreeSet<String>) {
        let mut interest = self.interest();
        interest.config = Arc::clone(config);
        interest.adopted.clone_from(adopted);
    }

    /// Whether a thread has the domain's migration: then libvirt is not asked about the domain here.
    pub(crate) fn set_taken(&self, uuid: &str, is: bool) {
        let taken = &mut self.interest().taken;
        if is {
            taken.insert(uuid.to_owned());
        } else {
            taken.remove(uuid);
        }
    }

    fn interest(&self) -> MutexGuard<'_, Interest> {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of how many domains a thread has the migration.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.interest().taken.len()
    }

    /// One that watches nothing.
    #[cfg(test)]
    pub(crate) fn blind() -> Self {
        Self {
            nudge: mpsc::channel().0,
            interest: Arc::default(),
        }
    }
}

struct Thread {
    uri: String,
    listener: Listener,
    bell: Sender<Nudge>,
    interest: Arc<Mutex<Interest>>,
    poll: Poll<Connection>,
    pause: Option<Duration>,
    told: bool,
}

impl Thread {
    fn run(mut self, nudges: &Receiver<Nudge>) {
        let mut open: Option<(Connection, Subscription)> = None;
        loop {
            let (finding, wait) = match self.poll(&mut open) {
                Ok(polled) => {
                    self.pause = None;
                    (finding(polled), EVERY)
                }
                Err(error) => {
                    open = None;
                    (Some(Finding::Lost(error)), self.next_pause())
                }
            };
            if finding.is_some_and(|finding| !(self.listener)(finding)) {
                return;
            }
            if open.is_some() {
                self.tell_features();
            }
            self.wait(nudges, wait);
        }
    }

    /// Once for each connection, and after the first poll.
    fn tell_features(&mut self) {
        if self.told {
            return;
        }
        let Some(features) = self.poll.features() else {
            return;
        };
        self.told = true;
        match features {
            Ok(features) => {
                (self.listener)(Finding::Features(features));
            }
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
                self.poll.forget(&uuid);
            }
            next = nudges.try_recv().ok();
        }
    }

    fn poll(&mut self, open: &mut Option<(Connection, Subscription)>) -> Result<Polled, Error> {
        if open
            .as_ref()
            .is_none_or(|(connection, _)| !connection.is_alive())
        {
            *open = None;
            self.poll.begin_anew();
            self.told = false;
            *open = Some(self.connect()?);
        }
        let interest = {
            let shared = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
            shared.clone()
        };
        self.poll.run(&interest, lease::DIRECTORY.as_ref())
    }

    /// The connection that events come over: nothing is asked on it.
    fn connect(&self) -> Result<(Connection, Subscription), Error> {
        let connection = Connection::open(Some(&self.uri), OPTIONS)?;
        let listener = Arc::clone(&self.listener);
        let handler: Handler = Arc::new(move |event| {
            listener(Finding::Event(event));
        });
        let subscription = Subscription::new(&connection, None, &handler)?;
        let bell = self.bell.clone();
        connection.on_close(move |_| drop(bell.send(Nudge::Poll)));
        Ok((connection, subscription))
    }
}

/// Nothing while libvirt says nothing, which the main loop notices.
fn finding(polled: Polled) -> Option<Finding> {
    match polled {
        Polled::All(domains) => Some(Finding::Active(domains)),
        Polled::Some(domains) => Some(Finding::Known(domains)),
        Polled::Nothing => None,
    }
}
