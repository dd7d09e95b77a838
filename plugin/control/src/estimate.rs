//! The estimates behind the law's decisions: bandwidth, rounds, phases, writes, what was known before, and pending data other than memory.

mod activity;
mod bandwidth;
mod compression;
mod device_state;
mod phases;
mod prior;
mod round;
mod writes;

pub use activity::Activity;
pub use bandwidth::Bandwidth;
pub use compression::{CACHE_DEFAULT, Compression, XBZRLE_LINK_BYTES_PER_S};
pub use device_state::DeviceState;
pub use phases::Phases;
pub use prior::{CheckedPrior, PhaseSpans, Prior};
pub use round::{Round, Rounds, Sent};
pub use writes::{Trust, Writes};
