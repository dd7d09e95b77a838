//! The hook's messages: the agent uses the same types, and logs the same way.
//!
//! Nothing here ever waits: libvirt waits for the hook, and a guest for libvirt.
#![forbid(unsafe_code)]

pub mod journal;
pub mod notice;
