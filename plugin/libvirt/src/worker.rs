//! A thread that makes the calls, so that a call that hangs does not hang its caller.

use core::time::Duration;
use std::sync::Arc;

use libvirt_hpc_control::time::Timestamp;
use threads::sync::atomic::{AtomicBool, Ordering};
use threads::sync::mpsc::{self, Receiver, Sender};
use threads::thread;

use crate::error::Error;
use crate::ffi;

type Work<S> = Box<dyn FnOnce(&mut S) + Send>;

/// The state shared by the caller and the thread.
#[derive(Default)]
pub(crate) struct Ticket {
    abandoned: AtomicBool,
    finished: AtomicBool,
}

impl Ticket {
    /// Whether nobody waits any more: work not yet begun must not begin.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

/// Marks the work as finished, however it ended.
struct Finish(Arc<Ticket>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.finished.store(true, Ordering::Release);
    }
}

struct Outstanding {
    call: &'static str,
    since: Timestamp,
    ticket: Arc<Ticket>,
}

/// Owns an `S` on a thread of its own, where all work with it, its end included, is done.
pub(crate) struct Worker<S> {
    work: Sender<Work<S>>,
    domain: String,
    outstanding: Option<Outstanding>,
}

impl<S: Send + 'static> Worker<S> {
    /// Starts the thread; `domain` is for messages.
    pub(crate) fn start(domain: &str, mut state: S) -> Result<Self, Error> {
        let (work, orders) = mpsc::channel::<Work<S>>();
        thread::Builder::new()
            .name("libvirt-calls".to_owned())
            .spawn(move || orders.iter().for_each(|order| order(&mut state)))
            .map_err(|cause| Error::Thread {
                name: "libvirt call",
                cause: cause.to_string(),
            })?;
        Ok(Self {
            work,
            domain: domain.to_owned(),
            outstanding: None,
        })
    }

    /// The domain of the messages.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Runs `run`, which makes `call`, on the thread, and waits for it no longer than `deadline`.
    ///
    /// # Errors
    /// `run`'s own, or [`Error::NotAnswering`]: now, or at once while an earlier call is outstanding.
    pub(crate) fn call<T: Send + 'static>(
        &mut self,
        call: &'static str,
        deadline: Duration,
        run: impl FnOnce(&mut S, &Ticket) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.settle()?;
        let since = ffi::now();
        let ticket = Arc::new(Ticket::default());
        let finish = Finish(Arc::clone(&ticket));
        let (reply, answer) = mpsc::sync_channel(1);
        let order = move |state: &mut S| {
            let result = run(state, &finish.0);
            // Nobody may be waiting any more: then the answer is of no use.
            drop(finish);
            drop(reply.send(result));
        };
        // If the thread died of a panic, `order` and with it `reply` are dropped: no answer either.
        drop(self.work.send(Box::new(order)));
        if let Ok(result) = answer.recv_timeout(deadline) {
            return result;
        }
        ticket.abandoned.store(true, Ordering::Release);
        self.outstanding = Some(Outstanding {
            call,
            since,
            ticket,
        });
        Err(self.not_answering(call, since))
    }

    /// Runs `run` on the thread without waiting for it, and returns where its answer will be; none while a call is
    /// outstanding. The next call waits for its end.
    pub(crate) fn post<T: Send + 'static>(
        &mut self,
        run: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Option<Receiver<T>> {
        self.settle().ok()?;
        let (reply, answer) = mpsc::sync_channel(1);
        let order = move |state: &mut S| drop(reply.send(run(state)));
        drop(self.work.send(Box::new(order)));
        Some(answer)
    }

    /// Forgets an outstanding call that has ended meanwhile.
    fn settle(&mut self) -> Result<(), Error> {
        match &self.outstanding {
            Some(Outstanding {
                call,
                since,
                ticket,
            }) if !ticket.finished.load(Ordering::Acquire) => Err(self.not_answering(call, *since)),
            _ => {
                self.outstanding = None;
                Ok(())
            }
        }
    }

    fn not_answering(&self, call: &'static str, since: Timestamp) -> Error {
        Error::NotAnswering {
            call,
            domain: self.domain.clone(),
            waited: ffi::now().since(since),
        }
    }
}

#[cfg(all(test, shuttle))]
mod interleavings;

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, mpsc};

    use super::Worker;
    use crate::error::Error;

    const SOON: Duration = Duration::from_millis(1);
    const LATE: Duration = Duration::from_secs(600);

    fn refusal() -> Error {
        Error::NulByte {
            what: "a test".to_owned(),
        }
    }

    #[test]
    fn answers_and_refusals_come_back() {
        let mut worker = Worker::start("guest", 1_u32).expect("a thread");
        let sum = worker.call("add", LATE, |state, _| {
            *state += 1;
            Ok(*state)
        });
        assert_eq!(sum.expect("an answer"), 2);
        let refused: Result<(), Error> = worker.call("refuse", LATE, |_, _| Err(refusal()));
        assert!(matches!(refused, Err(Error::NulByte { .. })));
    }

    #[test]
    fn a_hung_call_is_given_up_then_others_fail_at_once_until_it_answers() {
        let mut worker = Worker::start("guest", ()).expect("a thread");
        let (release, wait) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        let made = Arc::new(AtomicU32::new(0));
        let hung: Result<(), Error> = worker.call("hang", SOON, move |(), ticket| {
            wait.recv().unwrap_or_default();
            ended.send(ticket.is_abandoned()).unwrap_or_default();
            Ok(())
        });
        let error = hung.expect_err("given up");
        assert!(
            matches!(error, Error::NotAnswering { call: "hang", .. }),
            "{error}"
        );
        let count = Arc::clone(&made);
        let second: Result<(), Error> = worker.call("second", LATE, move |(), _| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        assert!(
            matches!(second, Err(Error::NotAnswering { call: "hang", .. })),
            "not queued"
        );
        drop(release);
        assert!(
            end.recv().expect("it ended"),
            "it was told that nobody waits"
        );
        while worker.call("third", LATE, |(), _| Ok(())).is_err() {
            std::thread::yield_now();
        }
        assert_eq!(
            made.load(Ordering::Relaxed),
            0,
            "what was refused never runs"
        );
    }

    #[test]
    fn posted_work_is_not_waited_for_and_the_next_call_comes_after_it() {
        let mut worker = Worker::start("guest", 1_u32).expect("a thread");
        let (release, wait) = mpsc::channel::<()>();
        let answer = worker.post(move |state| {
            wait.recv().unwrap_or_default();
            *state += 1;
            *state
        });
        let answer = answer.expect("no call is outstanding");
        assert!(answer.try_recv().is_err(), "under way");
        drop(release);
        let after = worker.call("after", LATE, |state, _| Ok(*state));
        assert_eq!(after.expect("an answer"), 2);
        assert_eq!(answer.recv(), Ok(2));
    }

    #[test]
    fn nothing_is_posted_while_a_call_hangs() {
        let mut worker = Worker::start("guest", ()).expect("a thread");
        let (release, wait) = mpsc::channel::<()>();
        let hung: Result<(), Error> = worker.call("hang", SOON, move |(), _| {
            wait.recv().unwrap_or_default();
            Ok(())
        });
        assert!(hung.is_err() && worker.post(|()| ()).is_none());
        drop(release);
    }

    #[test]
    fn a_panic_on_the_thread_is_an_error_here() {
        let mut worker = Worker::start("guest", ()).expect("a thread");
        let first: Result<(), Error> = worker.call("panic", LATE, |(), _| panic!("on purpose"));
        assert!(first.is_err());
        let second: Result<(), Error> = worker.call("after", LATE, |(), _| Ok(()));
        assert!(second.expect_err("no thread").is_not_answering());
    }
}
