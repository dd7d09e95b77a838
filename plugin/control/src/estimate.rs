//! From samples to what the law reasons with: the bandwidth, and what each round left.

mod activity;
mod bandwidth;
mod compression;
mod round;

pub use activity::{Activity, Phases};
pub use bandwidth::Bandwidth;
pub use compression::{CACHE_DEFAULT, Compression};
pub use round::{Round, Rounds, Sent};
