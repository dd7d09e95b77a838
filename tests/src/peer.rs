//! A peer's own cases: what the tests of libvirt's users ask of `virsh migrate`, asked of virsh and of virsh-hpc in turn.
//!
//! The cases are tables of facts in `tests/peer/*.toml`: names, options, preconditions and expected states of
//! autotest/tp-libvirt. Each is run twice, on a marked guest in the same state: once every `virsh` is virsh,
//! once virsh-hpc. What can be seen of it must be the same.
//!
//! ```text
//!   tests/peer/*.toml -> case -> run (rig: restore, before, migrate + during, after) -> Seen, twice
//!                                     compare(Seen, Seen) -> Verdict -> page (docs/virsh-cases.md)
//! ```

mod case;
mod certificates;
mod page;
mod run;
mod seen;
mod stage;

pub use case::{Case, Difference, Family, LeftOut, Outcome, families, left_out};
pub use page::{Compared, Verdict, page};
pub use run::Stand;
pub use seen::{Aspect, Seen};
pub use stage::Step;
