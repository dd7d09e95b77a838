//! The contract of a law: from the state of a migration to a threshold, below which the guest may stop.

mod adaptive;
#[cfg(test)]
mod counted;
mod forecast;
mod observed;
mod postcopy;
mod reservation;
mod rounds_ahead;
mod slowdown;
mod stock;
mod xbzrle;

pub use adaptive::Adaptive;
pub(crate) use postcopy::postcopy_pause;
pub use postcopy::{FETCH_PPM, Fetch};
pub use slowdown::Slowdown;
pub use stock::Stock;
pub use xbzrle::WithXbzrle;

use crate::estimate::{CheckedPrior, Phases, Round, Sent, Writes};
use crate::event::Cause;
use crate::sample::Sample;
use crate::target::Action;

/// The input of a law at one sample.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The round that has just ended, if this sample is the first after a sync.
    pub round: Option<Round>,
    /// The bandwidth of pre-copy, bytes per second on the wire; zero while unknown.
    pub bytes_per_s: u64,
    /// The data sent so far in the present round.
    pub in_round: Sent,
    /// Bytes on the wire per byte of remaining memory, parts per million; zero if it is sent whole. All other
    /// remainders are given in bytes on the wire.
    pub sent_ppm: u64,
    /// XBZRLE has begun to compress: earlier remainders are no measure of this one.
    pub anew: bool,
    /// The sample itself, for laws that follow a clock or libvirt's figures.
    pub sample: Sample,
    /// The guest's phases, if it has been busy and idle by turns so far.
    pub phases: Option<Phases>,
    /// The guest's writes as KVM counts them; empty where it does not.
    pub writes: Writes,
    /// What was known of the guest before; empty by default.
    pub prior: CheckedPrior,
    /// With a round: whether the guest was idle throughout, where that is known.
    pub idle_round: Option<bool>,
    /// Whether post-copy is ruled out, by a refusal of libvirt's or by the policy.
    pub postcopy_ruled_out: bool,
    /// The conditions of post-copy.
    pub fetch: Fetch,
}

/// When QEMU may stop the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Unchanged: the limit that the migration was started with.
    Leave,
    /// As soon as a sync finds no more than so many bytes remaining.
    Bytes(u64),
    /// As soon as QEMU expects a pause of no more than so many milliseconds: for laws that do not follow memory.
    Millis(u32),
}

/// The decision of a law.
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

    /// The guest may stop when no more than `bytes` remain.
    #[must_use]
    pub const fn threshold(bytes: u64, cause: Cause) -> Self {
        Self::limit(Limit::Bytes(bytes), cause)
    }

    /// The threshold in bytes, if the law gives one.
    #[must_use]
    pub const fn threshold_bytes(&self) -> Option<u64> {
        match self.limit {
            Limit::Bytes(bytes) => Some(bytes),
            Limit::Leave | Limit::Millis(_) => None,
        }
    }
}

/// A control law. It sees samples in order, and nothing else: the same input gives the same output.
pub trait Law {
    /// The name in traces and options.
    fn name(&self) -> &'static str;

    /// Decides at one sample.
    fn decide(&mut self, view: &View) -> Decision;

    /// Whether the guest's writes are estimated for it from KVM's page faults.
    fn wants_writes(&self) -> bool {
        true
    }
}
