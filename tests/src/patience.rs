//! Limits runs of the control loop in virtual time.

use std::cell::Cell;

use libvirt_hpc_plugin::drive::Orders;

/// Gives no orders; ends the run after so many polls.
pub struct Patience(Cell<u32>);

impl Patience {
    /// Waits for `polls` polls.
    #[must_use]
    pub const fn of(polls: u32) -> Self {
        Self(Cell::new(polls))
    }
}

impl Orders for Patience {
    fn over(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }

    fn abort(&self) -> bool {
        false
    }
}
