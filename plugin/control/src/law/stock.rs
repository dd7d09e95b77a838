//! The law of doing nothing: QEMU stops the guest when the remaining memory fits the limit it was started with, 300 ms
//! (`DEFAULT_MIGRATE_SET_DOWNTIME`, QEMU `migration/options.c`). For observing, and to compare.

use super::{Decision, Law, Limit, View};
use crate::event::Cause;

/// Leaves everything to QEMU and libvirt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stock;

impl Law for Stock {
    fn name(&self) -> &'static str {
        "stock"
    }

    fn decide(&mut self, _: &View) -> Decision {
        Decision::limit(Limit::Leave, Cause::Observing)
    }
}
