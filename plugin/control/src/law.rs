//! The contract of a law: from what is known of a migration to how much may be left when the guest
//! stops.

mod adaptive;
#[cfg(test)]
mod counted;
mod differences;
mod foresight;
mod look;
mod postcopy;
mod reservation;
mod rounds_ahead;
mod slowdown;
mod stock;

pub use adaptive::Adaptive;
pub use differences::Differences;
pub(crate) use postcopy::postcopy_pause;
pub use postcopy::{FETCH_PPM, Fetch};
pub use slowdown::Slowdown;
pub use stock::Stock;

use crate::estimate::{Phases, Round, Sent, Writes};
use crate::event::Cause;
use crate::sample::Sample;
use crate::target::Action;

/// What a law may know at one look.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The round that has just ended, if this look is the first after a sync.
    pub round: Option<Round>,
    /// The bandwidth of pre-copy, bytes per second on the wire; zero while unknown.
    pub bytes_per_s: u64,
    /// What the round under way has sent so far.
    pub in_round: Sent,
    /// What is sent of a byte of memory that is left, parts per million; zero where it is sent whole. All else that is left
    /// is told as what is sent of it.
    pub sent_ppm: u64,
    /// What was left before is no measure of what is left now: differences have begun to tell.
    pub anew: bool,
    /// The look itself, for laws that go by a clock, or by what libvirt reports.
    pub sample: Sample,
    /// What the guest's processors show of its phases, if they have been busy and idle by turns so far.
    pub phases: Option<Phases>,
    /// What the guest writes, as KVM counts it; nothing where it does not.
    pub writes: Writes,
    /// With a round: whether the guest was idle throughout, where that is known.
    pub idle_round: Option<bool>,
    /// Whether going over to post-copy is out of the question: libvirt refused it, or the policy rules it out.
    pub postcopy_ruled_out: bool,
    /// What post-copy would meet.
    pub fetch: Fetch,
}

/// When QEMU may stop the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As it was started: QEMU's own limit stays.
    Leave,
    /// As soon as a sync finds no more than so many bytes left.
    Bytes(u64),
    /// As soon as QEMU reckons with a pause of so many milliseconds, in its own terms: what the laws set
    /// that know no memory.
    Millis(u32),
}

/// What a law wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When the guest may stop.
    pub limit: Limit,
    /// The highest speed while the guest runs, MiB/s; none leaves it.
    pub speed_mib_per_s: Option<u64>,
    /// A step that cannot be taken back.
    pub action: Option<Action>,
    /// Why.
    pub cause: Cause,
}

impl Decision {
    /// Only a limit.
    #[must_use]
    pub const fn limit(limit: Limit, cause: Cause) -> Self {
        Self {
            limit,
            speed_mib_per_s: None,
            action: None,
            cause,
        }
    }

    /// The guest may stop when no more than `bytes` are left.
    #[must_use]
    pub const fn accept(bytes: u64, cause: Cause) -> Self {
        Self::limit(Limit::Bytes(bytes), cause)
    }

    /// The bytes that are accepted, if that is what the law says.
    #[must_use]
    pub const fn accept_bytes(&self) -> Option<u64> {
        match self.limit {
            Limit::Bytes(bytes) => Some(bytes),
            Limit::Leave | Limit::Millis(_) => None,
        }
    }
}

/// A control law. It sees samples in order, and nothing else: same input, same output.
pub trait Law {
    /// The name in traces and options.
    fn name(&self) -> &'static str;

    /// Decides at one look.
    fn decide(&mut self, view: &View) -> Decision;
}
