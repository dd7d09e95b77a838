//! Who controls a migration when there may be two who could, and what a successor takes over.
//!
//! These are the decisions alone, as functions of what was found: no clock, no file, no libvirt. Command and agent call
//! them, and so does the model that checks all interleavings of the two (`docs/lease-model.md`).
//!
//! | module | the question it answers |
//! |---|---|
//! | [`search`] | does another controller show, that cannot be seen by its lease? To the command |
//! | [`steady`] | do the limits of a migration found in its midst stay? To the agent |
//! | [`succession`] | what does whoever takes a lease write into it? |
//! | [`release`] | what is done when control is ended from outside? |

pub mod release;
pub mod search;
pub mod steady;
pub mod succession;
