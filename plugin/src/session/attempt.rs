//! One attempt at the migrate call, while it runs.
//!
//! | module | what |
//! |---|---|
//! | [`call`] | the call itself, on a thread and a connection of its own |
//! | `who_controls` | this command, or the agent on the source's host |
//! | `session_orders` | what ends the control loop: the call's end, the user's abort |
//! | `trace_header` | the first record of the trace |
//! | `others` | who else is told of the migration |
//! | `fallback` | another attempt without what a host has refused |

pub mod call;
pub(super) mod fallback;
pub(super) mod others;
pub(super) mod session_orders;
pub(super) mod trace_header;
pub(super) mod who_controls;
