//! The two sides of a test guest: the program inside it (`libvirt-hpc-guest`) and the listener on the host
//! (`rig-listen`). They share the heartbeat line of [`beat`].

pub use libvirt_hpc_guest_core::{beat, config, kernel, memory, pace, progress, team, workload};

pub mod curve;
pub mod delay;
pub mod fit;
pub mod hpcc;
pub mod listen;
pub mod priority;
pub mod program;
pub mod report;
