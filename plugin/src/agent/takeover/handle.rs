//! What the main loop and the thread of a migration share: orders one way, the status the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use libvirt_hpc_libvirt::watcher::Waker;

use crate::agent::api::MigrationStatus;
use crate::drive::Orders;
use crate::migration::handover::release::ReleaseCause;

struct State {
    ordered: Option<ReleaseCause>,
    waker: Option<Waker>,
    first_iteration: bool,
    status: MigrationStatus,
}

/// One migration.
pub(crate) struct MigrationHandle(Mutex<State>);

impl MigrationHandle {
    /// Nothing is known yet.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            ordered: None,
            waker: None,
            first_iteration: false,
            status: MigrationStatus::UNKNOWN,
        }))
    }

    /// Has the thread release it. Leaving outranks what was asked for.
    pub(crate) fn release(&self, why: ReleaseCause) {
        let mut state = self.state();
        state.ordered = Some(why.after(state.ordered));
        if let Some(waker) = &state.waker {
            waker.wake();
        }
    }

    /// What was ordered.
    #[must_use]
    pub(crate) fn ordered(&self) -> Option<ReleaseCause> {
        self.state().ordered
    }

    /// The agent leaves.
    #[must_use]
    pub(crate) fn leaves(&self) -> bool {
        self.ordered() == Some(ReleaseCause::Leaving)
    }

    /// Whose wait ends with an order.
    pub(crate) fn attach(&self, waker: Waker) {
        self.state().waker = Some(waker);
    }

    /// The event of a first iteration has come since the thread was sent: memory begins to flow, of the migration that it
    /// waits for, or of the next one while it still settles the last.
    pub(crate) fn first_iteration(&self) {
        let mut state = self.state();
        state.first_iteration = true;
        if let Some(waker) = &state.waker {
            waker.wake();
        }
    }

    /// Whether that event has come since this was last asked.
    pub(crate) fn take_first_iteration(&self) -> bool {
        std::mem::take(&mut self.state().first_iteration)
    }

    /// How the migration is.
    #[must_use]
    pub(crate) fn status(&self) -> MigrationStatus {
        self.state().status.clone()
    }

    /// Says how it is.
    pub(crate) fn update(&self, change: impl FnOnce(&mut MigrationStatus)) {
        change(&mut self.state().status);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MigrationHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl Orders for MigrationHandle {
    fn over(&self) -> bool {
        self.ordered().is_some()
    }

    /// The agent aborts nothing of its own accord; the policy's deadline may.
    fn abort(&self) -> bool {
        false
    }
}
