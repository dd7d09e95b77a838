//! Questions to libvirt, of which one that is not answered delays no other.
//!
//! A thread with a connection of its own asks them one after the other. One that takes too long is left alone with its
//! thread and its connection, for on one connection a daemon answers no more than five calls at a time, and a client
//! library before libvirt 10.0 may lose the answer of the second. The next question has others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use libvirt_hpc_libvirt::Error;
use threads::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use threads::sync::{Mutex, MutexGuard, PoisonError};
use threads::thread;

/// How long an answer is waited for: libvirt has it within milliseconds, unless the domain is in the middle of a start,
/// an end or a device, or the host is busy.
const PATIENCE: Duration = Duration::from_millis(500);

/// So many questions about domains at most are left without an answer at a time; others are not asked then. Each keeps one
/// of the daemon's workers, which are twenty unless its configuration says otherwise (`max_workers`).
const OUTSTANDING: usize = 16;

/// So many of them about domains that were late before: they must not keep the others from being asked.
const OUTSTANDING_LATE: usize = 8;

/// What is asked.
pub(super) trait Session: Sized + Send + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Whether it can still be asked.
    fn is_alive(&self) -> bool;
}

type Order<S> = Box<dyn FnOnce(&mut Option<S>) + Send>;
type Answered<S> = Result<<S as Session>::Answer, Error>;
type Open<S> = Arc<dyn Fn() -> Result<S, Error> + Send + Sync>;

/// Asks.
pub(super) struct Questions<S: Session> {
    open: Open<S>,
    bell: Arc<dyn Fn() + Send + Sync>,
    worker: Option<Sender<Order<S>>>,
    outstanding: HashMap<String, Receiver<Answered<S>>>,
    /// Answers that have come late; none where the question's thread has died.
    late: HashMap<String, Option<Answered<S>>>,
}

impl<S: Session> Questions<S> {
    /// Asks over what `open` opens. `bell` is rung when an answer comes that is no longer waited for: it is had by asking
    /// again.
    pub(super) fn new(
        open: impl Fn() -> Result<S, Error> + Send + Sync + 'static,
        bell: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            open: Arc::new(open),
            bell: Arc::new(bell),
            worker: None,
            outstanding: HashMap::new(),
            late: HashMap::new(),
        }
    }

    /// Takes the answers that have come late, for the questions of the round that now begins. One that the round before had
    /// no question for is forgotten: its domain is gone, or of no interest any more.
    pub(super) fn collect(&mut self) {
        self.late.clear();
        let late = &mut self.late;
        self.outstanding.retain(|about, answer| {
            let answered = answer.try_recv();
            let is_open = matches!(answered, Err(TryRecvError::Empty));
            if !is_open {
                late.insert(about.clone(), answered.ok());
            }
            is_open
        });
    }

    /// Whether a question was not answered in time, or its answer has come and nobody has asked since.
    pub(super) fn is_late(&self, about: &str) -> bool {
        self.outstanding.contains_key(about) || self.late.contains_key(about)
    }

    /// What `run` answers `about` a domain; none if it has not answered yet. Then the question stays, and is not asked
    /// again until its answer is [collected](Self::collect).
    pub(super) fn ask(
        &mut self,
        about: &str,
        run: impl FnOnce(&S) -> Answered<S> + Send + 'static,
    ) -> Option<Answered<S>> {
        let most = self.outstanding.len() >= OUTSTANDING;
        self.ask_unless(most, about, run)
    }

    /// The same about a domain that was late before.
    pub(super) fn ask_late(
        &mut self,
        about: &str,
        run: impl FnOnce(&S) -> Answered<S> + Send + 'static,
    ) -> Option<Answered<S>> {
        let most = self.outstanding.len() >= OUTSTANDING_LATE;
        self.ask_unless(most, about, run)
    }

    /// The same about libvirt itself, however many domains do not answer: they must not pass for a libvirt that is gone.
    pub(super) fn ask_libvirt(
        &mut self,
        about: &'static str,
        run: impl FnOnce(&S) -> Answered<S> + Send + 'static,
    ) -> Option<Answered<S>> {
        self.ask_unless(false, about, run)
    }

    fn ask_unless(
        &mut self,
        most: bool,
        about: &str,
        run: impl FnOnce(&S) -> Answered<S> + Send + 'static,
    ) -> Option<Answered<S>> {
        if let Some(answered) = self.late.remove(about) {
            return answered;
        }
        if most || self.outstanding.contains_key(about) {
            return None;
        }
        self.begin(about, run)
    }

    /// Forgets all that was asked: libvirt is another.
    pub(super) fn forget(&mut self) {
        self.worker = None;
        self.outstanding.clear();
        self.late.clear();
    }

    fn begin(
        &mut self,
        about: &str,
        run: impl FnOnce(&S) -> Answered<S> + Send + 'static,
    ) -> Option<Answered<S>> {
        let (reply, answer) = mpsc::sync_channel(1);
        let given_up = Arc::new(GivenUp::default());
        let (open, bell, late) = (
            Arc::clone(&self.open),
            Arc::clone(&self.bell),
            Arc::clone(&given_up),
        );
        let order = move |session: &mut Option<S>| {
            let answered = opened(session, &open).and_then(run);
            if late.send(&reply, answered) {
                bell();
            }
        };
        self.send(Box::new(order))?;
        match answer.recv_timeout(PATIENCE) {
            Ok(answered) => Some(answered),
            Err(RecvTimeoutError::Timeout) => {
                self.worker = None;
                let answered = given_up.give_up(&answer);
                if answered.is_none() {
                    self.outstanding.insert(about.to_owned(), answer);
                }
                answered
            }
            // The thread has died: a defect that was reported, and the next question has another.
            Err(RecvTimeoutError::Disconnected) => {
                self.worker = None;
                None
            }
        }
    }

    fn send(&mut self, order: Order<S>) -> Option<()> {
        if self.worker.is_none() {
            let (worker, orders) = mpsc::channel::<Order<S>>();
            let work = move || {
                let mut session = None;
                orders.iter().for_each(|order| order(&mut session));
            };
            thread::Builder::new()
                .name("questions".to_owned())
                .spawn(work)
                .ok()?;
            self.worker = Some(worker);
        }
        self.worker.as_ref()?.send(order).ok()
    }
}

/// Whether an answer is no longer waited for. It is sent, and given up, under one lock: of two flags, each of which one
/// thread sets before it reads the other's, both may be missed, and nobody would ring.
#[derive(Default)]
struct GivenUp(Mutex<bool>);

impl GivenUp {
    /// Sends the answer; whether nobody waits for it.
    fn send<T>(&self, reply: &SyncSender<T>, answer: T) -> bool {
        let given_up = self.lock();
        // Whoever asked may have forgotten it.
        drop(reply.send(answer));
        *given_up
    }

    /// Gives up waiting, unless the answer has come.
    fn give_up<T>(&self, answer: &Receiver<T>) -> Option<T> {
        let mut given_up = self.lock();
        *given_up = true;
        answer.try_recv().ok()
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session, opened again if it was lost.
fn opened<'a, S: Session>(session: &'a mut Option<S>, open: &Open<S>) -> Result<&'a S, Error> {
    match session.take().filter(S::is_alive) {
        Some(alive) => Ok(session.insert(alive)),
        None => Ok(session.insert(open()?)),
    }
}

#[cfg(all(test, shuttle))]
mod interleavings;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_nobody_waits_for_is_rung_for() {
        let given_up = GivenUp::default();
        let (reply, answer) = mpsc::sync_channel(1);
        assert!(!given_up.send(&reply, 1), "waited for");
        assert_eq!(given_up.give_up(&answer), Some(1), "it has just come");
        assert!(given_up.send(&reply, 2), "late");
        assert_eq!(answer.try_recv(), Ok(2));
        assert_eq!(given_up.give_up(&answer), None);
    }
}
