//! Who waits for a run of the control loop in virtual time.

use std::cell::Cell;

use libvirt_hpc_plugin::drive::Orders;

/// Nobody orders anything; after so many looks the patience is over.
pub struct Patience(Cell<u32>);

impl Patience {
    /// Waits for `looks` looks.
    #[must_use]
    pub const fn of(looks: u32) -> Self {
        Self(Cell::new(looks))
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
