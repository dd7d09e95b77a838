//! After the migrate call: what the user is told, and under which limits the migration goes on.
//!
//! | module | what |
//! |---|---|
//! | `failure` | the call failed: libvirt's words, and why it was aborted |
//! | [`domain_location`] | where the domain is then, its limits put back, and what can be done |
//! | `guest_clock` | the clock of a guest that has moved, set by its agent (`--hpc-sync-time`) |
//! | `leave_running` | the command ends first: the limits under which the migration goes on |

pub mod domain_location;
pub(super) mod failure;
pub(super) mod guest_clock;
pub(super) mod leave_running;
