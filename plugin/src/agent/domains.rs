//! Which domains are on this host, which of them are marked, and which migrate.
//!
//! [`watch`] asks libvirt and hears its events, on a thread of its own; [`roster`] remembers, for the main loop; [`adopted`]
//! keeps what `hpc-adopt` took.

pub(crate) mod active;
pub(crate) mod adopted;
pub(crate) mod roster;
pub(crate) mod watch;
