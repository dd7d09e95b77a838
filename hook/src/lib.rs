//! The hook's parts: what libvirt calls it with, the domain it reads, and its messages. The agent uses the same types,
//! and logs the same way.
//!
//! Nothing here ever waits: libvirt waits for the hook, and a guest for libvirt.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod call;
pub mod domain;
mod excerpt;
pub mod journal;
pub mod notice;
