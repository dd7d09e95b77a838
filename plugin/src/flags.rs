//! The command line of `virsh-hpc`: virsh's grammar, and what is added to it.
//!
//! ```text
//! argv -> globals -> words -> options --hpc-* | virsh's -> typed options -> checks -> MigrateRequest
//!           |          |                      |               |              |
//!           +----------+----------------------+---------------+--------------+--> the real virsh
//! ```
//! Only one `migrate` that virsh itself would accept is taken over. Everything else, and above all
//! everything virsh would refuse, goes to the real virsh, so that every message is virsh's own to
//! the letter. Nothing here loads libvirt or reads a file.
//!
//! Two programs ask. The front door ([`route`]) does not know the version of virsh and asks whether
//! *any* version would take the line for a migration; the session ([`parse`]) knows it, and asks for
//! exactly that version.
//!
//! | where | the question it answers |
//! |---|---|
//! | `route`, `invocation` | which way does a command line go? |
//! | `virsh` | how does virsh read a command line? |
//! | `migrate` | how are the options of `migrate` read, virsh's and `--hpc-*`? |
//! | `hpc` | which options and commands does virsh-hpc add, with which values? |
//! | `complete` | what may come next on a command line? |
//! | [`help`] | what does the help say? |

mod complete;
pub mod help;
mod hpc;
mod invocation;
mod migrate;
mod route;
mod virsh;

pub use complete::Completion;
pub use hpc::commands as hpc_commands;
pub use hpc::moment::Moment;
pub use hpc::options::HpcOptions;
pub use hpc::usage_error::UsageError;
pub use hpc::values::{Deadline, DeadlineAction, Ended, Job, ReplayLaw};
pub use invocation::{Invocation, Migrate};
pub use migrate::migrate_flags;
pub use migrate::option::{Opt, Position};
pub use migrate::request::{MigrateRequest, Timeout, TimeoutAction, Transport};
pub use migrate::table::MIGRATE_OPTIONS;
pub use route::{parse, route};
pub use virsh::globals::Globals;
pub use virsh::release::Virsh;

#[cfg(test)]
mod tests;
