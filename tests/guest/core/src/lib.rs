//! The common part of both test guests, on Linux and without: memory that knows its content, the workloads over it,
//! kernels that compute, and the heartbeat line that both sides read. Needs an allocator, no operating system; time is
//! an argument.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod beat;
pub mod config;
pub mod kernel;
pub mod memory;
pub mod pace;
pub mod program;
pub mod progress;
pub mod team;
pub mod workload;
