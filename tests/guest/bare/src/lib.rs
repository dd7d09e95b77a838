//! A test guest without an operating system. KVM that runs user mode natively and emulates kernel
//! mode (`kvm_pvm`) boots no stock Linux; this guest lives in user mode and starts in half a second.
//!
//! COM1 is its console, COM2 its heartbeat. See [`libvirt_hpc_guest_core::config`] for the command
//! line.

#![no_std]

extern crate alloc;

mod checker;
pub mod clock;
mod crew;
pub mod guest;
mod heart;
pub mod line;
pub mod machine;
