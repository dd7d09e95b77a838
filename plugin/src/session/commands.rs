//! The commands `hpc-*` that ask libvirt or the agent; `hpc-replay` and `hpc-help` ask neither.

pub mod hpc_agent;
pub mod hpc_policy;
