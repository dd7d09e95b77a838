//! The adapter to libvirt: connections, domains, migrations and their statistics.
//!
//! Control of a migration needs two connections: one for the blocking [`migrate::migrate`], one for
//! [`watcher::Watcher`]. A client library older than 10.0 can lose the wake-up of a second thread that calls on the
//! same connection, until the migration is over (`src/rpc/virnetclient.c`).
//!
//! Handles are the `virt` crate's. Calls that it lacks or gets wrong are in `ffi`, the only unsafe file. Only symbols
//! of libvirt 9.0 are linked; newer abilities are found at run time by [`features::Features`].

// What threads share. `make interleavings` has shuttle try every order of their steps.
#[cfg(not(all(test, shuttle)))]
extern crate std as threads;

#[cfg(all(test, shuttle))]
extern crate shuttle as threads;

pub mod connect;
pub mod dirty_rate;
pub mod domain;
pub mod error;
pub mod event;
mod faults;
pub mod features;
mod ffi;
pub mod host;
mod inbox;
pub mod init;
pub mod migrate;
pub mod pace;
pub mod parameter;
mod session;
pub mod settings;
pub mod stats;
pub mod subscription;
pub mod tracker;
pub mod watcher;
mod worker;

pub use connect::Connection;
pub use domain::Domain;
pub use error::Error;
pub use watcher::Watcher;
