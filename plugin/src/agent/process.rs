//! How the process runs.

pub mod args;
pub mod config;
pub mod log;
pub mod service;
pub mod signals;
pub(crate) mod socket;
