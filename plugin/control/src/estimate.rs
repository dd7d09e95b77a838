//! From samples to what the law reasons with: the bandwidth, and what each round left.

mod bandwidth;
mod round;

pub use bandwidth::Bandwidth;
pub use round::{Round, Rounds};
