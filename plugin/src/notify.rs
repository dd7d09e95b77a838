//! What others are told of a migration: before the pause, after the arrival, and at failure.
//!
//! ```text
//!   control loop --> Herald: what happened? --> one line of JSON --> Tellers: a thread with a bounded queue --> programs
//!                                                          +--> Followers: a bounded queue for each of hpc-status --follow
//! ```
//! The control loop hands a line over and never waits: a queue that is full loses it.

mod directory;
mod followers;
mod herald;
mod notification;
mod program;
mod tellers;

pub use followers::{Followers, Subscription};
pub use herald::Herald;
pub use notification::{About, Happened, Notification, VERSION};
pub use program::PATIENCE as PROGRAM_PATIENCE;
pub use tellers::{Programs, Tellers};

#[cfg(test)]
mod tests;
