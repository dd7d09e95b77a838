//! What is explored: who takes part, and with which bug.

use super::world::Budget;

/// A bug put in on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A lease is taken whether somebody holds it or not.
    LockIgnored,
    /// A lease is thought to be held for as long as there is a process of its holder's number.
    HolderJudgedByPid,
    /// A successor does not put the limits from before back.
    RestoreSkipped,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wiring {
    /// The command runs on the source as root, and can have the lease; else it is on another host.
    pub(crate) session_can_lease: bool,
    /// What happens from outside.
    pub(crate) budget: Budget,
    pub(crate) bug: Option<Bug>,
}
