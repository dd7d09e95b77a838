//! From samples to what the law reasons with: the bandwidth, what each round left, and what is pending beside memory.

mod activity;
mod bandwidth;
mod beside;
mod compression;
mod round;
mod spells;
mod writes;

pub use activity::Activity;
pub use bandwidth::Bandwidth;
pub use beside::Beside;
pub use compression::{CACHE_DEFAULT, Compression};
pub use round::{Round, Rounds, Sent};
pub use spells::Phases;
pub use writes::{Trust, Writes};
