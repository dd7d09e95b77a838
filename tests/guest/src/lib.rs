//! The two sides of a test guest: what computes inside it (`libvirt-hpc-guest`) and what listens
//! to it on the host (`rig-listen`). They share the heartbeat line of [`beat`].

pub mod beat;
pub mod config;
pub mod curve;
pub mod delay;
pub mod fit;
pub mod hpcc;
pub mod kernel;
pub mod listen;
pub mod memory;
pub mod pace;
pub mod priority;
pub mod program;
pub mod progress;
pub mod report;
pub mod team;
pub mod workload;
