//! `virsh-hpc` before it is the session: what it leaves to virsh, what it hands on, and what it completes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod completion;
mod door;
mod drawn_lines;
mod forward;
mod grammar;
mod same_as_virsh;
mod transparent;
