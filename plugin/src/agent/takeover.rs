//! Whose migration it is, from when, and how it is steered: one thread and one connection for each migration.
//!
//! ```text
//!   claim: is the domain marked? -> memory_flow: is there a migration, and does its memory flow?
//!     -> ownership: does another controller steer it? -> steer: drive it, put the limits back, say how it went
//! ```
//! `leftover` clears the lease of a controller that has died, once its job is over. A "no" ends the thread with a verdict
//! ([`assignment`]), but for a migration that another controller steers: the thread
//! stands by. [`handle`] is what the main loop and the thread share.

mod announce;
pub(crate) mod assignment;
mod claim;
pub(crate) mod handle;
mod leftover;
mod memory_flow;
pub(crate) mod migration_thread;
mod ownership;
mod reporter;
#[cfg(test)]
mod scripted_job;
mod steer;
pub(crate) mod traces;
