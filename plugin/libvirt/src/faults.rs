//! The guest's page faults, looked at beside the job: nobody waits for the answer.

use std::sync::mpsc::{Receiver, TryRecvError};

use libvirt_hpc_control::sample::Faults;
use libvirt_hpc_control::time::Timestamp;

use crate::domain::Domain;
use crate::ffi;
use crate::pace::Pace;
use crate::session::Session;
use crate::worker::Worker;

/// What one look has brought, and when.
#[derive(Clone, Copy, Debug)]
struct Look {
    began: Timestamp,
    ended: Timestamp,
    pages: Option<u64>,
}

impl Look {
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

/// Looks at the counters now and then.
#[derive(Debug, Default)]
pub(crate) struct FaultLooks {
    pace: Pace,
    under_way: Option<Receiver<Look>>,
    read: Option<Faults>,
}

impl FaultLooks {
    /// Begins a look if one is due and none is under way. To be called when nothing is to be ordered for a while: an order
    /// waits for the look's end.
    pub(crate) fn begin(&mut self, worker: &mut Worker<Session>) {
        self.settle();
        if self.under_way.is_some() || !self.pace.is_due(ffi::now()) {
            return;
        }
        self.under_way = worker.post(|session| Look::at(session.domain().ok()));
    }

    /// What the last look has read; none if that was taken already.
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
            Ok(look) => {
                self.pace
                    .looked(look.began, look.ended, look.pages.is_some());
                self.read = look.faults();
                self.under_way = None;
            }
            Err(TryRecvError::Disconnected) => self.under_way = None,
            Err(TryRecvError::Empty) => {}
        }
    }
}
