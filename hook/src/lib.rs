//! The hook's messages: the agent uses the same types, and logs the same way.
//!
//! Nothing here ever waits: libvirt waits for the hook, and a guest for libvirt.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod journal;
pub mod notice;
