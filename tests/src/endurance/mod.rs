//! The endurance run: guests moved to and fro for hours, and what agents and libvirtd hold meanwhile.
//!
//! ```text
//! laps of moves on the test bed -> readings -> endurance.jsonl -> quarters, growth, judgement -> the table, endurance.svg
//! ```

mod hosts;
mod judge;
mod lap;
mod picture;
mod reading;
mod table;
#[cfg(test)]
mod tests;
mod work;

pub use work::{Endurance, judge_again};
