//! The contract of a law: from what is known of a migration to how much may be left when the guest
//! stops.

mod adaptive;
mod foresight;
mod look;
mod reservation;
mod stock;

pub use adaptive::{Adaptive, Slowdown};
pub use stock::Stock;

use crate::estimate::{Phases, Round};
use crate::event::Cause;

/// What a law may know at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The round that has just ended, if this look is the first after a sync.
    pub round: Option<Round>,
    /// The bandwidth of pre-copy, bytes per second; zero while unknown.
    pub bytes_per_s: u64,
    /// What is left of the last sync, bytes: true right after one alone.
    pub remaining_bytes: u64,
    /// What the guest's processors show of its phases, if they have been busy and idle by turns so far.
    pub phases: Option<Phases>,
    /// With a round: whether the guest was idle throughout, where that is known.
    pub idle_round: Option<bool>,
}

/// What a law wants: QEMU may stop the guest as soon as a sync finds no more than this left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Bytes; none leaves QEMU's own limit as it is.
    pub accept_bytes: Option<u64>,
    /// Why.
    pub cause: Cause,
}

/// A control law. It sees samples in order, and nothing else: same input, same output.
pub trait Law {
    /// The name in traces and options.
    fn name(&self) -> &'static str;

    /// Decides at one look.
    fn decide(&mut self, view: &View) -> Decision;
}
