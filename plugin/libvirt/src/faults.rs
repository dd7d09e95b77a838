//! The guest's page faults, read in parallel to the job: nobody waits for the answer.

use libvirt_hpc_control::sample::Faults;
use libvirt_hpc_control::time::Timestamp;
use threads::sync::mpsc::{Receiver, TryRecvError};

use crate::domain::Domain;
use crate::ffi;
use crate::pace::Pace;
use crate::session::Session;
use crate::worker::Worker;

/// The result of one reading, and its time.
#[derive(Clone, Copy, Debug)]
struct Reading {
    began: Timestamp,
    ended: Timestamp,
    pages: Option<u64>,
}

impl Reading {
    fn at(domain: Option<&Domain>) -> Self {
        let began = ffi::now();
        let pages = domain.and_then(Domain::page_faults);
        Self {
            began,
            ended: ffi::now(),
            pages,
        }
    }

    /// The counters, read in the middle of the call as far as one can know.
    fn faults(&self) -> Option<Faults> {
        let at = self.began.after(self.ended.since(self.began) / 2);
        self.pages.map(|pages| Faults { at, pages })
    }
}

/// Reads the counters from time to time.
#[derive(Debug, Default)]
pub(crate) struct FaultReader {
    pace: Pace,
    under_way: Option<Receiver<Reading>>,
    read: Option<Faults>,
}

impl FaultReader {
    /// Begins a reading if one is due and none is under way. To be called when no order will be given for a while: an
    /// order waits for its end.
    pub(crate) fn begin(&mut self, worker: &mut Worker<Session>) {
        self.settle();
        if self.under_way.is_some() || !self.pace.is_due(ffi::now()) {
            return;
        }
        self.under_way = worker.post(|session| Reading::at(session.domain().ok()));
    }

    /// The result of the last reading; none if that was taken already.
    pub(crate) fn take(&mut self) -> Option<Faults> {
        self.settle();
        self.read.take()
    }

    /// Takes the answer in, if there is one.
    fn settle(&mut self) {
        let Some(answer) = &self.under_way else {
            return;
        };
        match answer.try_recv() {
            Ok(reading) => {
                self.pace
                    .finished(reading.began, reading.ended, reading.pages.is_some());
                self.read = reading.faults();
                self.under_way = None;
            }
            Err(TryRecvError::Disconnected) => self.under_way = None,
            Err(TryRecvError::Empty) => {}
        }
    }
}
