//! `virsh-hpc` and `libvirt-hpcd`.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`flags`], [`forward`] | what does a command line ask for, and how does the real virsh get it? |
//! | [`session`] | what do `virsh-hpc migrate` and the commands `hpc-*` do? |
//! | [`agent`] | how does `libvirt-hpcd` take over the migrations of others? |
//! | [`drive`], [`laws`] | how is a migration controlled, and by which law? |
//! | [`migration`] | what do command and agent share: lease, policy, limits, records? |
//! | [`notify`] | who else is told of a migration, and when? |
//! | [`trace`], [`replay`], [`plot`] | what is recorded, and how is it decided and drawn again? |
//! | [`report`] | how did a recorded migration fare, and why? |
//! | [`estimate`] | what will a migration meet and cost? |
//! | [`in_words`], [`harmless`], [`backlog`], [`clock`], [`version`] | how is it said, what others wrote shown, written without waiting, timed? |
#![forbid(unsafe_code)]
// They panic where a stream takes nothing: a full disk behind stderr must not cost a migration.
#![deny(clippy::print_stdout, clippy::print_stderr)]

// What threads share. `make interleavings` has shuttle try every order of their steps.
#[cfg(not(all(test, shuttle)))]
extern crate std as threads;

#[cfg(all(test, shuttle))]
extern crate shuttle as threads;

pub mod agent;
pub mod backlog;
pub mod clock;
pub mod drive;
pub mod estimate;
pub mod flags;
pub mod forward;
pub mod harmless;
pub mod in_words;
pub mod laws;
pub mod migration;
pub mod notify;
pub mod plot;
pub mod replay;
pub mod report;
pub mod session;
pub mod trace;
pub mod version;
