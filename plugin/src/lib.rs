//! `virsh-hpc`.
#![forbid(unsafe_code)]

pub mod clock;
pub mod drive;
pub mod flags;
pub mod forward;
pub mod laws;
pub mod plot;
pub mod replay;
pub mod session;
pub mod text;
pub mod trace;
pub mod version;
