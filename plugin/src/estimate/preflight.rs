//! What will refuse or hurt a migration, from facts about both hosts.
//!
//! | where | the question it answers |
//! |---|---|
//! | `facts` | what was asked of libvirt and the hosts? |
//! | `finding` | what can be wrong, how bad is it, and what helps? |
//! | here | which of that is so? |
//!
//! What libvirt does not answer is no finding: it is listed as not known.

mod facts;
mod finding;
mod judge;
#[cfg(test)]
mod tests;

pub use facts::{Cpu, Destination, Facts, Reached, RunState, Source, Storage, StoredDisk};
pub use finding::{Finding, Severity};
pub use judge::findings;
