//! `virsh-hpc` and `libvirt-hpcd`.
#![forbid(unsafe_code)]

pub mod agent;
pub mod backlog;
pub mod clock;
pub mod drive;
pub mod flags;
pub mod forward;
pub mod laws;
pub mod migration;
pub mod plot;
pub mod replay;
pub mod session;
pub mod text;
pub mod trace;
pub mod version;
