//! `libvirt-hpcd`, the source-side agent: takes over migrations of marked domains that anybody began.
//!
//! ```text
//!   libvirt's events, a slow poll -> watch --+
//!   the hook's datagrams ---------> notices -+--> main loop --> one thread for each migration
//!   hpc-status, -release, -adopt -> control -+       |             look, claim, lease, drive, put back
//!   signals ----------------------> service -+       +--> log, service manager
//! ```

mod account;
mod adopt;
mod adopted;
pub mod args;
mod claim;
pub mod config;
pub mod control;
mod free;
mod hand;
pub mod log;
mod message;
mod reporter;
mod requests;
mod roster;
mod run;
#[cfg(test)]
mod script;
pub mod service;
pub mod signals;
mod socket;
mod status;
mod steer;
mod supervisor;
pub mod traces;
mod watch;

pub use run::main;
