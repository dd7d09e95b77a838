//! What `virsh-hpc` and the agent have in common: one migration under control, whoever began it.
//!
//! | module | what |
//! |---|---|
//! | [`lease`] | one controller for one job, on one host |
//! | [`bounds`] | the owner's policy as the controller's bounds |
//! | [`handover`] | who controls it where two could, and what a successor takes over |
//! | [`owner`], [`site`] | the policy in a domain's XML, and that of all domains |
//! | [`recorder`] | the trace and the tally of one migration, and what is odd about it |
//! | [`settings`] | what was set before, put back |

pub mod bounds;
pub mod deadline;
pub mod guest;
pub mod handover;
pub mod lease;
pub mod notice;
pub mod owner;
pub mod pause;
pub mod recorder;
pub mod settings;
pub mod site;
pub mod tally;
