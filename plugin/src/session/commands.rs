//! The commands `hpc-*` that ask libvirt or the agent, or report on traces; `hpc-replay` and `hpc-help` do neither.

pub mod hpc_agent;
pub mod hpc_estimate;
pub mod hpc_history;
pub mod hpc_policy;
pub mod hpc_report;
